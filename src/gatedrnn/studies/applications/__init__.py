"""Studies of applications."""
