"""Real data: the files of installed packages, checked against digests, and their loaders."""
