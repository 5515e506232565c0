"""Firmware sources and settings -> a signed image."""
