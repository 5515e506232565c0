"""A TFLite model as a graph, its words and its float twin."""
