"""Writers that are invented."""
