"""Handwriting -> a trained CNN-LSTM in a run directory, its error rates and its model card."""
