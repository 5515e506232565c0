"""A trained network -> the int8 model that ships, and the proof of its arithmetic to the last bit."""
