"""A symbol's fragments -> the network that reads them, trained, quantised and measured."""
