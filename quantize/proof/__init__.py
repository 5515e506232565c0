"""Whether interpreters, devices and the reference are equal to the bit."""
