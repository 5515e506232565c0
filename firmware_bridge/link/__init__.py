"""A conversation with a board over a real port."""
