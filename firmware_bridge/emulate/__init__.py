"""Boards that are not there: virtual ones, and real firmware in emulators."""
