"""The commands `inkgate ports` and `inkgate firmware`."""
