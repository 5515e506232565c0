"""Fit the thresholds by number of symbols at which strangers' words keep a false accept rate."""

from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from edge.decision.evidence import MAX_SYMBOLS, Floats, Ints
from edge.errors import ThresholdsError


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """Where a score accepts and where it is low, by number of symbols t = 1..20 (at position t - 1).

    The thresholds are made from `trials` words of writers who are neither enrolled nor used to report errors, so that
    of such words a share of at most far_accept scores >= accept[t] and at most far_reject scores >= reject[t]. Words of
    fewer than min_symbols are never accepted. ThresholdsError if the lists are not 20 finite numbers with reject <=
    accept. A word that has ended below accept[t] is rejected; reject[t] only tells, while it goes on, how far it is.

    far_known: whether those writers used the users' kind of input. If not, no score is enough to be accepted.
    """

    accept: tuple[float, ...]
    reject: tuple[float, ...]
    min_symbols: int
    far_accept: float
    far_reject: float
    trials: int
    far_known: bool = True

    def __post_init__(self) -> None:
        values = np.asarray([self.accept, self.reject]) if len(self.accept) == len(self.reject) else np.empty(0)
        if values.shape != (2, MAX_SYMBOLS) or not np.isfinite(values).all():
            raise ThresholdsError(f"accept and reject must be {MAX_SYMBOLS} finite numbers each")
        if (values[1] > values[0]).any():
            raise ThresholdsError("a threshold for rejection lies above the one for acceptance")
        if not 1 <= self.min_symbols <= MAX_SYMBOLS:
            raise ThresholdsError(f"min_symbols is {self.min_symbols}, not 1..{MAX_SYMBOLS}")

    def at(self, symbols: int | Ints) -> tuple[Floats, Floats]:
        """Return the accepting and the rejecting score of words of `symbols` symbols; over 20 count as 20."""
        accept, reject = self._table.take(symbols - 1, axis=1, mode="clip")
        return accept, reject

    @cached_property
    def _table(self) -> Floats:
        """Return accept and reject, [2, 20]; kept, because the gate looks them up after every symbol."""
        return np.asarray([self.accept, self.reject])


def fit_thresholds(
    impostor_scores: npt.ArrayLike, far_accept: float = 0.01, far_reject: float = 0.10, min_symbols: int = 4
) -> Thresholds:
    """Return thresholds whose FAR on strangers' words keeps the targets.

    impostor_scores: [W, 20], of strangers' words after 1..20 symbols.

    ThresholdsError if the scores are not finite [W, 20], or unless 3/W <= far_accept <= far_reject < 1: fewer errors
    than three in W trials cannot be told from none (95 % bound, rule of three).
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


def _ceiling(scores: Floats, far: float) -> tuple[float, ...]:
    """Return by column the smallest number that at most floor(far W) of the W scores reach.

    Every one of several equal scores counts.
    """
    allowed = int(np.floor(far * len(scores)))
    first_refused = np.sort(scores, axis=0)[len(scores) - 1 - allowed]
    return tuple(float(value) for value in np.nextafter(first_refused, np.inf))
