"""Keys: those that this host shares with boards, and those whose signatures count."""
