"""What was found -> verify.json, a page, a table in the terminal."""
