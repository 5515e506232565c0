"""A Pi that is asked about its network, in a board's place."""
