"""The network's structure, derived from the task."""
