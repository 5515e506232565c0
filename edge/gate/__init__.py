"""The loop that decides, and the journal it writes."""
