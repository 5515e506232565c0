"""A signed image -> the flash of a board."""
