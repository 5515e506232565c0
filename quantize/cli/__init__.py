"""The commands `inkgate quantize`, `verify` and `bench`."""
