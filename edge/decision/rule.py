"""The logits of a word's fragments -> ACCEPT a user, REJECT, CONTINUE or UNAVAILABLE; pure NumPy, no clock, no file."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from edge.decision.evidence import MAX_SYMBOLS, word_scores
from edge.decision.thresholds import Thresholds


@unique
class Verdict(Enum):
    """What is known of a word. Any two codes differ in at least 16 of 32 bits, and a value that is none of them (zero,
    null, a flipped bit) reads as UNAVAILABLE, so that damage never becomes ACCEPT. A verdict has no truth value."""

    ACCEPT = 0xA5A5C33C
    REJECT = 0x5A5AC33C
    CONTINUE = 0xA5A53CC3
    UNAVAILABLE = 0x5A5A3CC3

    @classmethod
    def _missing_(cls, value: object) -> "Verdict":
        return cls.UNAVAILABLE

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has no truth value: compare it with Verdict.ACCEPT")


@dataclass(frozen=True)
class Decision:
    """One decision about the word so far. ValueError for an ACCEPT without a user, a score or a symbol.

    user: the accepted user's name, None otherwise. score: the best user's evidence (natural logarithm of a
    probability), None where there is none. symbols: fragments seen. final: no other decision about this word follows.
    """

    verdict: Verdict
    user: str | None
    score: float | None
    symbols: int
    final: bool
    reason: str

    def __post_init__(self) -> None:
        accepted = self.verdict is Verdict.ACCEPT
        if accepted and (not self.user or self.score is None or not np.isfinite(self.score) or self.symbols < 1):
            raise ValueError("an ACCEPT names a user and rests on a finite score of at least one symbol")
        if not accepted and self.user is not None:
            raise ValueError(f"{self.verdict.name} names no user")
        if self.final and self.verdict is Verdict.CONTINUE:
            raise ValueError("CONTINUE is never final")

    def __bool__(self) -> NoReturn:
        raise TypeError("a decision has no truth value: compare its verdict with Verdict.ACCEPT")


def decide(logits: npt.ArrayLike, thresholds: Thresholds, users: Sequence[str], *, final: bool) -> Decision:
    """Logits [T, K+1] of a word so far -> the decision after T symbols. Never raises.

    Running (final=False): fewer than min_symbols -> CONTINUE; score >= accept -> ACCEPT; score < reject -> REJECT;
    else CONTINUE. At the end of the word (final=True): ACCEPT if score >= accept and T >= min_symbols, else REJECT.
    Logits of another shape, with a NaN or an infinity -> UNAVAILABLE.
    """
    try:
        values = np.asarray(logits, dtype=np.float64)
    except (TypeError, ValueError):
        return unavailable("the logits are not numbers", 0, final=final)
    symbols = len(values) if values.ndim == 2 else 0
    if symbols == 0 or values.shape[1] != len(users) + 1 or not users:
        return unavailable(f"logits of shape {list(values.shape)} for {len(users)} users", symbols, final=final)
    if not np.isfinite(values).all():
        return unavailable("a logit is not a finite number", symbols, final=final)
    with np.errstate(over="ignore", invalid="ignore"):
        evidence = word_scores(values)[-1]
    best = int(evidence.argmax())
    score = float(evidence[best])
    if not np.isfinite(score):
        return unavailable("the score is not a finite number", symbols, final=final)
    verdict, reason = _judge(score, symbols, thresholds, final)
    return Decision(verdict, users[best] if verdict is Verdict.ACCEPT else None, score, symbols, final, reason)


def unavailable(reason: str, symbols: int, *, final: bool = True) -> Decision:
    """The decision for everything that went wrong: it opens nothing and blames nobody."""
    return Decision(Verdict.UNAVAILABLE, None, None, symbols, final, reason)


def _judge(score: float, symbols: int, thresholds: Thresholds, final: bool) -> tuple[Verdict, str]:
    position = min(symbols, MAX_SYMBOLS) - 1
    if symbols < thresholds.min_symbols:
        short = f"{symbols} of at least {thresholds.min_symbols} symbols"
        return (Verdict.REJECT if final else Verdict.CONTINUE), short
    if score >= thresholds.accept[position]:
        return Verdict.ACCEPT, "score above the threshold"
    if final:
        return Verdict.REJECT, "score below the threshold at the end of the word"
    if score < thresholds.reject[position]:
        return Verdict.REJECT, "score below the threshold"
    return Verdict.CONTINUE, "score between the thresholds"
