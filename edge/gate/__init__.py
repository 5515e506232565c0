"""The loop that decides, and how often one may try."""
