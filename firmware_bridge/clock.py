"""Tell ages and silences by a clock that goes on while the machine sleeps and that nobody can set."""

import time
from typing import Final

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""On Linux the monotonic clock stands still while the machine is suspended; elsewhere it does not."""


def elapsed_s() -> float:
    """Return the seconds since an arbitrary moment, those asleep included."""
    return time.clock_gettime(_CLOCK)
