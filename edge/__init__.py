"""Serial fragments -> the decision who wrote them, on a board as small as a Raspberry Pi and without TensorFlow."""
