"""Handwriting in other programs' files -> sets of fragments (`inkgate data import`)."""
