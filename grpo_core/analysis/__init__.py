"""What is said, drawn and measured of recorded runs: diagnosis, lens, figures, ledger, speed."""
