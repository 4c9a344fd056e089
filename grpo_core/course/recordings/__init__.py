"""Recorded runs, in place of a long training: replayed, learned from again, compared."""
