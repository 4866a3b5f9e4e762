"""Studies of what the cells can keep."""
