"""Fragments from a board -> the decision who wrote them, on a Raspberry Pi, without TensorFlow."""
