"""Files of settings -> the values of options, from a place that nobody else can write to."""
