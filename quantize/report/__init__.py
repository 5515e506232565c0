"""Results of a verification -> verify.json, a page, a table in the terminal."""
