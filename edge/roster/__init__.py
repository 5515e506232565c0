"""Who may enter: users' writing, encrypted beside the bundle, and how a user comes into it."""
