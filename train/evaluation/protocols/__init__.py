"""Questions that a gate's owner asks of error rates, one file each."""
