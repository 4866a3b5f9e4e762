"""Training: many seeds at once on a task, and learning on the way along a stream."""
