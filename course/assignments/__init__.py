"""The assignments: for each its hidden cases, and what its students may not use ready-made."""
