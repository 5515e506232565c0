"""A board on a serial line -> typed events, each word of handwriting exactly once, in order and never altered."""
