"""What all tests share: how hypothesis runs."""

from hypothesis import settings

# Two busy cores make any single example slow now and then; what is tested is what it does, not how long it takes.
settings.register_profile("inkgate", deadline=None)
settings.load_profile("inkgate")
