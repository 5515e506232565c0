"""Apply the decision rule to one word or many at once: ACCEPT a user, REJECT, LEANING, UNAVAILABLE."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from edge.decision.evidence import Floats, Ints, word_scores
from edge.decision.thresholds import Thresholds

FAR_UNKNOWN: Final = "FAR unknown: trained against strangers with another kind of input, so nobody is accepted"
"""Why nobody is accepted, whatever he writes, where nothing is known of the FAR."""


@unique
class Verdict(Enum):
    """What is known of a word. It has no truth value.

    ACCEPT and REJECT are final. REJECT is said of a word that has ended; so is ACCEPT, unless the policy lets users in
    early. LEANING is an opinion about a word that goes on.

    Any two codes differ in at least 16 of 32 bits, and a value that is none of them (zero, null, a flipped bit) reads
    as UNAVAILABLE, so that damage never becomes ACCEPT.
    """

    ACCEPT = 0xA5A5C33C
    REJECT = 0x5A5AC33C
    LEANING = 0xA5A53CC3
    UNAVAILABLE = 0x5A5A3CC3

    @classmethod
    def _missing_(cls, value: object) -> "Verdict":
        return cls.UNAVAILABLE

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has no truth value: compare it with Verdict.ACCEPT")


@dataclass(frozen=True)
class Decision:
    """One decision about the word so far.

    user: the accepted user's name; of LEANING, the name of the user who would be accepted if the word ended here, None
    for nobody; None otherwise. score: the best user's evidence (natural logarithm of a probability), None where there
    is none. symbols: fragments seen. final: no other decision about this word follows. threshold: what the score is
    compared with, None where nothing was compared. writing: whether it was taken for writing at all.

    ValueError for a user without a score or a symbol, for an ACCEPT without a user, for an ACCEPT or REJECT that is not
    final, and for a LEANING that is.
    """

    verdict: Verdict
    user: str | None
    score: float | None
    symbols: int
    final: bool
    reason: str
    threshold: float | None = None
    writing: bool = True

    def __post_init__(self) -> None:
        named = self.verdict is Verdict.ACCEPT or self.user is not None
        if named and (not self.user or self.score is None or not np.isfinite(self.score) or self.symbols < 1):
            raise ValueError("who is named is named by a finite score of at least one symbol, and ACCEPT names a user")
        if self.user is not None and self.verdict not in (Verdict.ACCEPT, Verdict.LEANING):
            raise ValueError(f"{self.verdict.name} names no user")
        if self.verdict in (Verdict.ACCEPT, Verdict.REJECT) and self.final is not True:
            raise ValueError(f"{self.verdict.name} is always final")
        if self.verdict is Verdict.LEANING and self.final is not False:
            raise ValueError("LEANING is never final")

    def __bool__(self) -> NoReturn:
        raise TypeError("a decision has no truth value: compare its verdict with Verdict.ACCEPT")


class Verdicts(NamedTuple):
    """The verdicts on words, in arrays of one shape.

    codes: values of Verdict. users: labels of the users who are accepted, or whom LEANING names; -1 for nobody.
    scores: the best users' evidence.
    """

    codes: npt.NDArray[np.uint32]
    users: npt.NDArray[np.int64]
    scores: Floats


def judge(
    evidence: Floats, symbols: int | Ints, thresholds: Thresholds, *, final: bool | npt.NDArray[np.bool_]
) -> Verdicts:
    """Judge words by their evidence [..., K] after `symbols` symbols [...]: the one decision rule.

    final: whether the word has ended. The score is the best user's evidence; of equals, the first is the best. The
    first of these that holds is the verdict:

        score not finite, or no symbol                UNAVAILABLE
        FAR unknown, final                            REJECT
        FAR unknown                                   LEANING, which names nobody
        min_symbols reached, score >= accept, final   ACCEPT the best user
        min_symbols reached, score >= accept          LEANING, which names the best user
        final                                         REJECT
        otherwise                                     LEANING, which names nobody
    """
    best, scores = evidence.argmax(axis=-1), evidence.max(axis=-1)
    accept, _ = thresholds.at(symbols)
    known = np.isfinite(scores) & (symbols >= 1)
    enough = known & thresholds.far_known & (symbols >= thresholds.min_symbols) & (scores >= accept)
    return Verdicts(_CODES[1 * known + (known & final) + (enough & final)], np.where(enough, best, -1), scores)


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
    user, score = (None if judged.users < 0 else users[int(judged.users)]), float(judged.scores)
    reason, accept = _reason(user, score, symbols, thresholds, final), float(thresholds.at(symbols)[0])
    return Decision(verdict, user, score, symbols, final, reason, accept)


def unavailable(reason: str, symbols: int, *, final: bool = True) -> Decision:
    """Return the decision for everything that went wrong: it neither accepts nor rejects anybody."""
    return Decision(Verdict.UNAVAILABLE, None, None, symbols, final, reason)


# Indexed by how many of these hold, each of which needs the one before: known, ended, enough evidence at the end.
_CODES = np.asarray(
    [v.value for v in (Verdict.UNAVAILABLE, Verdict.LEANING, Verdict.REJECT, Verdict.ACCEPT)], dtype=np.uint32
)


def _reason(user: str | None, score: float, symbols: int, thresholds: Thresholds, final: bool) -> str:
    """Say in words why the rule came to its verdict; user: who was named."""
    if not thresholds.far_known:
        return FAR_UNKNOWN
    if symbols < thresholds.min_symbols:
        return f"{symbols} of at least {thresholds.min_symbols} symbols"
    if user is not None:
        return "score above the threshold"
    if final:
        return "score below the threshold at the end of the word"
    return "score below the threshold" if score < thresholds.at(symbols)[1] else "score between the thresholds"
