"""Studies of the cells themselves, without training."""
