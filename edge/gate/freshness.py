"""How old a word may be: a gate opens to who stands before it, not to what was written some time ago.

The age comes from the board's clock, read after a challenge of this host, under the board's key
(firmware_bridge/session/age.py). It is the most that the word can be old, whatever was asleep or held a frame up.
"""

import math
from typing import Final

WORD_AGE_S: Final = 10.0
"""An older word is not decided. The writer is at the door that long and no longer; and a lost connection is back, and a
board's waiting words have come, in less (4.5 s of silence, then some frames)."""

BEFORE_S: Final = -1.0
"""A word whose age is below this was written later than now: the clocks contradict each other. Two good ones, read 10 s
ago, differ by far less."""


def since(age_s: float | None, now_s: float) -> float:
    """Return since when something is past whose age at `now_s` was told; -inf if it is not known."""
    return -math.inf if age_s is None or not math.isfinite(age_s) else now_s - age_s


def why_not_fresh(since_s: float, now_s: float) -> str:
    """Return why a word that began or ended at `since_s` may not be decided at `now_s`, "" if it may."""
    age_s = now_s - since_s
    if math.isinf(age_s) or age_s < BEFORE_S:
        return "when it was written is not known"
    return f"written {age_s:.0f} s ago: only what is written now is decided" if age_s > WORD_AGE_S else ""
