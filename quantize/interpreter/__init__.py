"""The interpreters that the reference is compared with."""
