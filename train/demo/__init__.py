"""People who write at a virtual board, and a gate that lets its users in."""
