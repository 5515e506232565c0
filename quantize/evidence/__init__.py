"""Features of many writers -> the evidence model of a bundle: moments, calibration, what it is worth."""
