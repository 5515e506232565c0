"""Decisions -> a file of rows that are chained and sealed, and what is asked of it."""
