"""A trained network -> the int8 model that ships, and the proof that its arithmetic is understood to the last bit."""
