"""Boards without hardware: virtual ones, and real firmware in emulators."""
