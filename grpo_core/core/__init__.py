"""What every room shares: errors, options, records, files of strangers, other Pythons. No torch."""
