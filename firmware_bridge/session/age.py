"""Readings of a board's clock, each after a frame of ours -> how old, at most, a word is.

The host's challenge is its ACKNOWLEDGE: numbered, new, and sent at a time that the host notes. STATISTICS says which
one was the last that the board had heard (`heard`) when its clock showed `uptime_ds`. So the clock showed that at or
after the time at which that ACKNOWLEDGE was sent, and what happened at `happened_ds` is now at most

    (uptime_ds - happened_ds) + (now - time of sending)

old, whoever held up which frame in between and for how long: a delay on either way only adds to the bound.
"""

from typing import Final

REMEMBERED: Final = 1024
"""So many acknowledgements are remembered: more than the board can leave unread in a second."""
KEPT_S: Final = 10.0
"""A reading with a smaller bound is kept before newer ones for so long."""
PARTING: Final = 0.02
"""Two clocks differ by no more than this. What a reading of the last KEPT_S is wrong by, 0.2 s, is left out; a longer
time since the last one, as when somebody drops every STATISTICS, adds to the bound."""
TICK_S: Final = 0.1
"""The board's clock is read in steps of this."""


class BoardClock:
    """What this end of one connection knows of the board's clock. Its memory is bounded."""

    def __init__(self) -> None:
        self._sent_s: dict[int, float] = {}
        self._ahead_s: float | None = None
        self._asked_s = 0.0

    @property
    def is_read(self) -> bool:
        """Whether there was a reading, so that ages are known."""
        return self._ahead_s is not None

    def asked(self, number: int, now_s: float) -> None:
        """Note that the ACKNOWLEDGE of this number is sent not before `now_s`. Numbers rise."""
        self._sent_s[number] = now_s
        if len(self._sent_s) > REMEMBERED:
            del self._sent_s[next(iter(self._sent_s))]

    def read(self, uptime_ds: int, heard: int, now_s: float) -> None:
        """Take a reading; one of an ACKNOWLEDGE that was never sent, or too long ago, says nothing."""
        sent_s = self._sent_s.get(heard)
        if sent_s is None:
            return
        for number in [known for known in self._sent_s if known < heard]:
            del self._sent_s[number]
        ahead_s = uptime_ds * TICK_S - sent_s
        if self._ahead_s is None or ahead_s <= self._ahead_s or now_s - self._asked_s > KEPT_S:
            self._ahead_s, self._asked_s = ahead_s, sent_s

    def age_s(self, happened_ds: int, now_s: float) -> float | None:
        """Return the age, at most, of what happened then by the board's clock; None without a reading."""
        if self._ahead_s is None:
            return None
        parted_s = PARTING * max(now_s - self._asked_s - KEPT_S, 0.0)
        return self._ahead_s + now_s - happened_ds * TICK_S + TICK_S + parted_s
