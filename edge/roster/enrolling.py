"""Writings, one after another -> taken, or to be written again, until they are enough; sans-IO.

The stages are those of a fingerprint reader (fprintd): each writing is a stage that is passed or tried again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, unique
from typing import Any, Final, Protocol

import numpy as np

from edge.decision.identify import Policy
from edge.ink.fragment import Pixels
from edge.roster.pin import LEAST_DIFFERENT, places
from edge.roster.writing import Int8s, Writing

WRITINGS: Final = 5
LEAST_WRITINGS: Final = 3
MIN_SYMBOLS: Final = Policy.min_symbols
"""A gate accepts no word of fewer, so no PIN is shorter."""
MIN_FRAGMENTS_PIN: Final = LEAST_WRITINGS * MIN_SYMBOLS
MIN_FRAGMENTS: Final = WRITINGS * MIN_SYMBOLS
"""Fragments that a user is enrolled from, at least: with a PIN, and without one, when any symbols may come."""
MOST_RETRIES: Final = 10

NEED: Final = (
    f"to be enrolled by `inkgate users add` a writer needs {MIN_FRAGMENTS} fragments of different symbols, or "
    f"{WRITINGS} writings ({LEAST_WRITINGS} at least) of a PIN of {MIN_SYMBOLS} symbols or more"
)
"""How much a person has to write, as told where writing is captured."""


@unique
class Stage(Enum):
    """What became of a writing, or of the enrolment, in fprintd's words."""

    PASSED = "enroll-stage-passed"
    RETRY = "enroll-retry"
    COMPLETED = "enroll-completed"
    FAILED = "enroll-failed"


@dataclass(frozen=True)
class Answer:
    """What is told of a writing.

    stage                PASSED or RETRY
    reason               why it is to be written again, "" if it is not
    writings, fragments  what was taken until now
    """

    stage: Stage
    reason: str
    writings: int
    fragments: int


class Consistency(Protocol):
    """Says whether a writing is like those before it."""

    def __call__(self, taken: Sequence[Writing], writing: Writing, pin: Int8s | None, /) -> str:
        """Return in what the writing is unlike the PIN or the writings taken before, "" if it is like them."""
        ...


def reads_as_pin(taken: Sequence[Writing], writing: Writing, pin: Int8s | None) -> str:
    """Say whether the writing has the PIN's number of symbols and most of them are read as the PIN's.

    Without a PIN any writing will do: each may be of other symbols. See `Consistency`.
    """
    if pin is None:
        return ""
    if len(writing) != len(pin):
        return f"{len(writing)} symbols came where the PIN has {len(pin)}"
    other = int((writing.symbols != pin).sum())
    return f"{other} of {len(pin)} symbols are read as others than the PIN's" if 2 * other >= len(pin) else ""


@dataclass(frozen=True)
class Plan:
    """What is asked of one person.

    alphabet        the reader's
    pin             what is to be written, checked by `check_pin`; None: any symbols
    writings        how many
    least_writings  how many will do if no more come
    min_symbols     symbols of a writing, at least
    min_fragments   symbols of all writings together, at least
    retries         so many writings may be tried again
    """

    alphabet: str
    pin: str | None = field(default=None, repr=False)
    writings: int = WRITINGS
    least_writings: int = LEAST_WRITINGS
    min_symbols: int = MIN_SYMBOLS
    min_fragments: int = 1
    retries: int = MOST_RETRIES

    @property
    def pin_symbols(self) -> Int8s | None:
        """Return the PIN as places int8 [n] in the alphabet, None if there is none."""
        return None if self.pin is None else places(self.pin, self.alphabet)


@dataclass(frozen=True)
class Enrolling:
    """The state of one enrolment; `offer` returns the next one.

    taken: the writings that count. retried: how many were to be written again.
    """

    plan: Plan
    consistency: Consistency = reads_as_pin
    taken: tuple[Writing, ...] = ()
    retried: int = 0

    @property
    def fragments(self) -> int:
        """Return the number of fragments of all writings taken."""
        return sum(map(len, self.taken))

    @property
    def done(self) -> bool:
        """Return whether there are as many writings and fragments as the plan asks for."""
        return len(self.taken) >= self.plan.writings and self.fragments >= self.plan.min_fragments

    @property
    def failed(self) -> bool:
        """Return whether more writings had to be tried again than the plan allows."""
        return not self.done and self.retried > self.plan.retries

    @property
    def enough(self) -> bool:
        """Return whether a person can be enrolled from what was taken, if no more comes."""
        least = min(self.plan.least_writings, self.plan.writings)
        return len(self.taken) >= least and self.fragments >= self.plan.min_fragments

    def offer(self, writing: Writing) -> tuple["Enrolling", Answer]:
        """Return the state after one more writing, and what to tell.

        ValueError if the enrolment is done or has failed.
        """
        if self.done or self.failed:
            raise ValueError("the enrolment has ended")
        reason = self._unfit(writing)
        stage = Stage.RETRY if reason else Stage.PASSED
        counted = {"retried": self.retried + 1} if reason else {"taken": (*self.taken, writing)}
        after = replace(self, **counted)
        return after, Answer(stage, reason, len(after.taken), after.fragments)

    def arrays(self) -> dict[str, Any]:
        """Return features, symbols, readings and writing of what was taken, as a Material has them.

        Symbols are the PIN's, where there is one. ValueError unless there is `enough`.
        """
        if not self.enough:
            raise ValueError("the enrolment is not done")
        pin = self.plan.pin_symbols
        return {
            "features": np.concatenate([writing.features for writing in self.taken]),
            "readings": np.concatenate([writing.readings for writing in self.taken]),
            "symbols": np.concatenate([writing.symbols if pin is None else pin for writing in self.taken]),
            "writing": np.repeat(np.arange(len(self.taken), dtype=np.int32), list(map(len, self.taken))),
        }

    @property
    def pixels(self) -> Pixels:
        """Return all fragments that were taken, uint8 [n, 33, 33]."""
        return np.concatenate([writing.pixels for writing in self.taken])

    def _unfit(self, writing: Writing) -> str:
        """Return why the writing is to be written again, "" if it counts."""
        count, least = len(writing), self.plan.min_symbols
        if writing.blank == count:
            return "nothing written: again?"
        if writing.blank:
            return f"nothing written in {writing.blank} of {count} fragments: again?"
        if count < least:
            return f"too few symbols: {count} of at least {least}: again?"
        if self.plan.pin is None and len(np.unique(writing.symbols)) < LEAST_DIFFERENT:
            return f"too plain: fewer than {LEAST_DIFFERENT} different symbols: again?"
        unlike = self.consistency(self.taken, writing, self.plan.pin_symbols)
        whose = "your other writings" if self.taken or self.plan.pin is None else "the PIN"
        return f"unlike {whose}: again? ({unlike})" if unlike else ""
