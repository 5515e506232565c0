"""Apply the decision rule to one word or many at once: ACCEPT a user, REJECT, CONTINUE, UNAVAILABLE."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from edge.decision.evidence import Floats, Ints, word_scores
from edge.decision.thresholds import Thresholds


@unique
class Verdict(Enum):
    """What is known of a word. It has no truth value.

    Any two codes differ in at least 16 of 32 bits, and a value that is none of them (zero, null, a flipped bit) reads
    as UNAVAILABLE, so that damage never becomes ACCEPT.
    """

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


class Verdicts(NamedTuple):
    """The verdicts on words, in arrays of one shape.

    codes: values of Verdict. best: the best users' labels. scores: the best users' evidence.
    """

    codes: npt.NDArray[np.uint32]
    best: npt.NDArray[np.int64]
    scores: Floats

    @property
    def users(self) -> npt.NDArray[np.int64]:
        """Return the accepted users' numbers, -1 for a word that is not accepted."""
        return np.where(self.codes == _ACCEPT, self.best, -1)


def judge(
    evidence: Floats, symbols: int | Ints, thresholds: Thresholds, *, final: bool | npt.NDArray[np.bool_]
) -> Verdicts:
    """Judge words by their evidence [..., K] after `symbols` symbols [...]: the one decision rule.

    The score is the best user's evidence; of equals, the first is the best. The first of these that holds is the
    verdict:

        score not finite, or no symbol       UNAVAILABLE
        min_symbols reached, score >= accept ACCEPT the best user
        final: the word has ended            REJECT
        min_symbols reached, score < reject  REJECT
        otherwise                            CONTINUE
    """
    best, scores = evidence.argmax(axis=-1), evidence.max(axis=-1)
    accept, reject = thresholds.at(symbols)
    long_enough = symbols >= thresholds.min_symbols
    known = np.isfinite(scores) & (symbols >= 1)
    accepted = known & long_enough & (scores >= accept)
    rejected = known & (final | (long_enough & (scores < reject)))
    return Verdicts(_CODES[1 * known + rejected + 2 * accepted], best, scores)


def decide(logits: npt.ArrayLike, thresholds: Thresholds, users: Sequence[str], *, final: bool) -> Decision:
    """Decide on a word so far, by the rule of `judge`: logits [T, K+1] -> the decision after T symbols.

    final: whether the word has ended. Whatever the logits are, nothing is raised: what is no array of finite numbers of
    that shape is UNAVAILABLE.
    """
    try:
        values = np.asarray(logits, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return unavailable("the logits are not numbers", 0, final=final)
    symbols = len(values) if values.ndim == 2 else 0
    if not all(users):
        return unavailable("a user has no name", symbols, final=final)
    if symbols == 0 or values.shape[1] != len(users) + 1 or not users:
        return unavailable(f"logits of shape {list(values.shape)} for {len(users)} users", symbols, final=final)
    judged = judge(word_scores(values)[-1], symbols, thresholds, final=final)
    verdict = Verdict(int(judged.codes))
    if verdict is Verdict.UNAVAILABLE:
        damaged = "score" if np.isfinite(values).all() else "logit"
        return unavailable(f"a {damaged} is not a finite number", symbols, final=final)
    user = users[int(judged.best)] if verdict is Verdict.ACCEPT else None
    return Decision(verdict, user, float(judged.scores), symbols, final, _reason(verdict, symbols, thresholds, final))


def unavailable(reason: str, symbols: int, *, final: bool = True) -> Decision:
    """Return the decision for everything that went wrong: it neither accepts nor rejects anybody."""
    return Decision(Verdict.UNAVAILABLE, None, None, symbols, final, reason)


_ACCEPT = np.uint32(Verdict.ACCEPT.value)
# Indexed by 1 * known + rejected + 2 * accepted: 0 is what is not known; 4 is accepted and has ended.
_CODES = np.asarray(
    [v.value for v in (Verdict.UNAVAILABLE, Verdict.CONTINUE, Verdict.REJECT, Verdict.ACCEPT, Verdict.ACCEPT)],
    dtype=np.uint32,
)


def _reason(verdict: Verdict, symbols: int, thresholds: Thresholds, final: bool) -> str:
    """Say in words why the rule came to this verdict."""
    if symbols < thresholds.min_symbols:
        return f"{symbols} of at least {thresholds.min_symbols} symbols"
    if verdict is Verdict.ACCEPT:
        return "score above the threshold"
    if verdict is Verdict.CONTINUE:
        return "score between the thresholds"
    return "score below the threshold at the end of the word" if final else "score below the threshold"
