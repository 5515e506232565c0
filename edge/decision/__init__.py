"""Turn the logits of a word into a verdict, verdicts into error rates; pure NumPy, no clock, no file."""
