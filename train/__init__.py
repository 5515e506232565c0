"""Handwriting -> a trained CNN-LSTM in a run directory: data, architecture, training, evaluation, report."""
