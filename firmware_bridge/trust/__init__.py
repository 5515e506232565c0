"""Keys: which boards this host shares one with, and whose signature counts."""
