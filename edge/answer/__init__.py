"""Answers about a bundle's network, given over a port in a board's place."""
