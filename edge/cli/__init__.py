"""The commands that run at the edge."""
