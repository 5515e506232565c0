"""The whole path on one machine."""
