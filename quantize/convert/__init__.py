"""A Keras model -> an int8 TFLite model."""
