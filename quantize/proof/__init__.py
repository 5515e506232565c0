"""Interpreters, devices and the reference -> whether they are equal to the bit."""
