"""The Keras model and its training."""
