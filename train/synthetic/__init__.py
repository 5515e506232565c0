"""Invented writers, and what a board captures of their writing."""
