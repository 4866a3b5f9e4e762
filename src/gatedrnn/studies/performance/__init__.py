"""Studies of cost, speed and quality on equal terms."""
