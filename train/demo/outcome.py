"""Words written at the gate and its decisions -> what was right, and what was not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Any

from firmware_bridge.emulate.virtual_board import Sent
from train.demo.scenario import Attempt, Role


@unique
class Outcome(IntEnum):
    """What became of a word, the worst first: so a report lists them."""

    LET_IN = 0
    """Somebody who may not enter was accepted, or a user as another one."""
    LOST = 1
    """No decision, or UNAVAILABLE."""
    REFUSED = 2
    """A user was not accepted."""
    KEPT_OUT = 3
    ENTERED = 4
    """A user was accepted as himself."""

    @property
    def words(self) -> str:
        """Return what people read."""
        return ("let in", "no decision", "refused", "kept out", "entered")[self]

    @property
    def false(self) -> bool:
        """Return whether the decision was false."""
        return self <= Outcome.REFUSED


@dataclass(frozen=True, eq=False)
class Result:
    """A word and the final decision on it, as `inkgate run --json` gives it; None if there was none."""

    attempt: Attempt
    decision: Mapping[str, Any] | None

    @property
    def outcome(self) -> Outcome:
        """Return what became of the word."""
        decision = self.decision
        if decision is None or decision["decision"] not in ("ACCEPT", "REJECT"):
            return Outcome.LOST
        may_enter = self.attempt.role is Role.USER
        if decision["decision"] == "REJECT":
            return Outcome.REFUSED if may_enter else Outcome.KEPT_OUT
        return Outcome.ENTERED if may_enter and decision["user"] == self.attempt.user else Outcome.LET_IN

    @property
    def alarming(self) -> bool:
        """Return whether the demo has failed by this word.

        A stranger who knows a PIN may pass in a few cases of a hundred, which is what --pin-far says; a user may be
        refused. Nobody else may pass, and no word may be lost.
        """
        if self.outcome is Outcome.LET_IN:
            return self.attempt.role is not Role.KNOWS
        return self.outcome is Outcome.LOST

    def record(self) -> dict[str, Any]:
        """Return the result as JSON values; no PIN is in it."""
        decision = self.decision or {}
        told = {name: decision.get(name) for name in ("decision", "user", "score", "threshold", "reason")}
        return {"role": self.attempt.role.value, "who": self.attempt.who, "outcome": self.outcome.words, **told}


def pair(attempts: Sequence[Attempt], sent: Sequence[Sent], decisions: Sequence[Mapping[str, Any]]) -> list[Result]:
    """Pair the words that a board delivered with what `inkgate run --json` decided, by session and word.

    sent: places in `attempts`. A word that was not delivered, or not decided, has no decision.
    """
    final = {(told["session"], told["word"]): told for told in decisions if told["final"]}
    place = {one.place: final.get((one.session, one.word)) for one in sent}
    return [Result(attempt, place.get(number)) for number, attempt in enumerate(attempts)]


def worst_first(results: Sequence[Result]) -> list[Result]:
    """Return the results with false decisions first; equals stay in order."""
    return sorted(results, key=lambda result: result.outcome)
