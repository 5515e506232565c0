"""Handwriting as numbers: fragments, sets of them, and how boards cut writing into them."""
