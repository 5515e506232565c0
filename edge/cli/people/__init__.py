"""The commands about people: users, visitors, and their writing."""
