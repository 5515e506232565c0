"""A machine and what inkgate needs of it -> what is wrong, each with what mends it."""
