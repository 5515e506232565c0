"""The logits of a word's fragments -> ACCEPT a user, REJECT, CONTINUE or UNAVAILABLE; pure NumPy, no clock, no file."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import NoReturn

import msgspec
import numpy as np
import numpy.typing as npt

from edge.errors import ThresholdsError

Floats = npt.NDArray[np.float64]

MAX_SYMBOLS = 20
"""Thresholds are made for words of 1 to 20 symbols; a longer word is judged as one of 20."""


LATER_KNOWS_MORE = 6
"""The power of a symbol's position in the word that weights its output in the evidence."""


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


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a score accepts and where it rejects, by number of symbols 1..20 (position t - 1).

    Made from `trials` words of writers who are neither enrolled nor used to report errors, so that of such words a
    share of at most far_accept scores >= accept[t] and at most far_reject scores >= reject[t]. Words of fewer than
    min_symbols are never accepted. ThresholdsError if the lists are not 20 finite numbers with reject <= accept.
    """

    accept: tuple[float, ...]
    reject: tuple[float, ...]
    min_symbols: int
    far_accept: float
    far_reject: float
    trials: int

    def __post_init__(self) -> None:
        values = np.asarray([self.accept, self.reject]) if len(self.accept) == len(self.reject) else np.empty(0)
        if values.shape != (2, MAX_SYMBOLS) or not np.isfinite(values).all():
            raise ThresholdsError(f"accept and reject must be {MAX_SYMBOLS} finite numbers each")
        if (values[1] > values[0]).any():
            raise ThresholdsError("a threshold for rejection lies above the one for acceptance")
        if not 1 <= self.min_symbols <= MAX_SYMBOLS:
            raise ThresholdsError(f"min_symbols is {self.min_symbols}, not 1..{MAX_SYMBOLS}")


def word_scores(logits: npt.ArrayLike) -> Floats:
    """Logits [..., T, K+1] (users 0..K-1, the stranger last) -> evidence float64 [..., T, K] after 1..T symbols.

    Equation 2, the softmax y_i = exp(q_i) / sum_k exp(q_k), is applied here and nowhere else. The evidence for user k
    after t symbols is the mean over s <= t of log y_k(s), weighted with s^6: later outputs rest on more of the word,
    and several of them err less often than the last alone. The best user's evidence is the word's score.
    """
    values = np.asarray(logits, dtype=np.float64)
    shifted = values - values.max(axis=-1, keepdims=True)
    log_probability = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    weights = np.arange(1, values.shape[-2] + 1, dtype=np.float64)[:, np.newaxis] ** LATER_KNOWS_MORE
    evidence: Floats = np.cumsum(weights * log_probability[..., :-1], axis=-2) / np.cumsum(weights, axis=0)
    return evidence


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


def fit_thresholds(
    impostor_scores: npt.ArrayLike, far_accept: float = 0.01, far_reject: float = 0.10, min_symbols: int = 4
) -> Thresholds:
    """Scores [W, 20] of strangers' words after 1..20 symbols -> thresholds whose FAR on these words keeps the targets.

    ThresholdsError if the scores are no finite [W, 20], or if a target lies below 3/W: fewer errors than three
    in W trials cannot be told from none (95 % bound, rule of three).
    """
    scores = np.asarray(impostor_scores, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] != MAX_SYMBOLS or not np.isfinite(scores).all():
        raise ThresholdsError(f"scores of shape {list(scores.shape)}: finite [words, {MAX_SYMBOLS}] are needed")
    trials = len(scores)
    if not 3.0 / max(trials, 1) <= far_accept <= far_reject < 1.0:
        raise ThresholdsError(
            f"FAR targets {far_accept:g} (accept) and {far_reject:g} (reject) on {trials} strangers' words: "
            "3 / words <= accept <= reject < 1 is needed, so take more words or a higher target"
        )
    accept, reject = _ceiling(scores, far_accept), _ceiling(scores, far_reject)
    return Thresholds(accept, reject, min_symbols, far_accept, far_reject, trials)


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


def _ceiling(scores: Floats, far: float) -> tuple[float, ...]:
    """By column, the smallest number that at most floor(far W) of the W scores reach (ties count against it)."""
    allowed = int(np.floor(far * len(scores)))
    first_refused = np.sort(scores, axis=0)[len(scores) - 1 - allowed]
    return tuple(float(value) for value in np.nextafter(first_refused, np.inf))
