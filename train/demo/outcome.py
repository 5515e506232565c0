"""Words sent and decisions made -> the outcome of every word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class WrittenWord:
    """A word that the virtual board sent.

    writer: the true writer's name. enrolled: whether that is a user. fragments: indices in test.npz.
    """

    writer: str
    enrolled: bool
    fragments: Sequence[int]


@dataclass(frozen=True)
class Result:
    """The outcome of a word: the final decision and the running ones, as `inkgate run --json` gives them."""

    word: WrittenWord
    final: Mapping[str, Any]
    running: Sequence[Mapping[str, Any]]

    @property
    def kind(self) -> str:
        """The kind of outcome: right, wrong (accepted as somebody else), refused, or unavailable."""
        verdict, user = self.final["decision"], self.final["user"]
        if verdict == "UNAVAILABLE":
            return "unavailable"
        if verdict == "ACCEPT":
            return "right" if self.word.enrolled and user == self.word.writer else "wrong"
        return "refused"


def pair(
    told: Sequence[Mapping[str, Any]], decisions: Sequence[Mapping[str, Any]], enrolled: Mapping[str, bool]
) -> list[Result]:
    """Pair what `inkgate simulate --json` sent with what `inkgate run --json` decided.

    Session and word say which belong together; a word without a final decision is left out. `enrolled` says of every
    writer's name whether it is a user's.
    """
    results = []
    for word in told:
        if word["event"] != "word":
            continue
        mine = [d for d in decisions if (d["session"], d["word"]) == (word["session"], word["word"])]
        written = WrittenWord(word["writer"], enrolled[word["writer"]], word["fragments"])
        running = [d for d in mine if not d["final"]]
        results += [Result(written, final, running) for final in mine if final["final"]][:1]
    return results
