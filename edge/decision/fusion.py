"""Evidence of who wrote, logits of users who were trained in -> one evidence, weighed together.

A network with outputs has seen some users in training. Its logits and the Gaussian evidence of edge.decision.who look
at the same features, but not with the same eyes: the first has learned what tells these users from many strangers, the
second knows how much each symbol of a hand may vary. Their sum is worth more than either, if it is weighed.
"""

from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from edge.decision import exact
from edge.decision.calibration import Calibration
from edge.decision.evidence import LATER_KNOWS_MORE, MAX_SYMBOLS
from edge.decision.exact import Floats
from edge.errors import EvidenceError

_LEAST: Final = 0.5
"""Beside an output that is not the highest, the highest alone counts 1: less can only come of the highest itself."""


class Fusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How evidence and log-odds of users with outputs are weighed, and what their sum means.

    users          names of the users in the order of the outputs; the stranger's comes last and has none
    weight         what a unit of log-odds counts, where a unit of evidence of who wrote counts 1
    any_text, pin  calibration of the sum, for words of any symbols and for a PIN that was enrolled: with its slope a
                   and offset c, the calibrated ratio is a (evidence + weight x log-odds) + c
    recognised     log-odds from which an output alone says that a word is by its user, after 1..20 symbols
    sources        what it was fitted to, in words

    EvidenceError unless there are users with distinct names, 20 finite log-odds, and a weight that is finite and not
    below 0.
    """

    users: tuple[str, ...]
    weight: float
    any_text: Calibration
    pin: Calibration
    recognised: tuple[float, ...]
    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.users or len(set(self.users)) != len(self.users):
            raise EvidenceError("a fusion is of users with distinct names")
        if not np.isfinite(self.weight) or self.weight < 0:
            raise EvidenceError(f"the weight of the log-odds is {self.weight}, not a number of 0 or more")
        if len(self.recognised) != MAX_SYMBOLS or not np.isfinite(self.recognised).all():
            raise EvidenceError(f"the log-odds that recognise a user are not {MAX_SYMBOLS} finite numbers")

    def log_odds(self, logits: npt.ArrayLike) -> Floats:
        """Return the log-odds [K] of each user after T symbols, by the logits [T, K+1] of a word so far.

        ValueError unless there are finite logits of these users and the stranger.
        """
        values = np.asarray(logits, np.float64)
        if values.ndim != 2 or not len(values) or values.shape[1] != len(self.users) + 1:
            raise ValueError(f"logits of shape {list(values.shape)} for {len(self.users)} users and the stranger")
        if not np.isfinite(values).all():
            raise ValueError("a logit is not a finite number")
        return mean_over_symbols(log_odds(values.T).T)

    def recognises(self, user: str, logits: npt.ArrayLike) -> bool:
        """Return whether the output of a user says that a word is by his hand.

        logits: [T, K+1] of T symbols. ValueError as of `log_odds`, and if there is no such user.
        """
        odds = self.log_odds(logits)[self.users.index(user)]
        return bool(odds >= self.recognised[min(len(np.asarray(logits)), MAX_SYMBOLS) - 1])

    def evidence(self, who: Floats, odds: Floats) -> Floats:
        """Return what evidence of who wrote and log-odds of the same users are worth together."""
        return np.asarray(who + self.weight * odds)


def log_odds(logits: Floats) -> Floats:
    """Return the log-odds [K, ...] of users 0..K-1, each against all other outputs.

    logits: finite [K+1, ...], the stranger last. With the softmax y of equation 2 it is log(y_k / (1 - y_k)).
    """
    top, highest = logits.argmax(axis=0), logits.max(axis=0)
    share = exact.exp(logits - highest)
    # Of the highest output the rest is too small to be found by subtraction: it is added up without it.
    beside = np.where(np.arange(len(logits)).reshape(-1, *(1,) * (logits.ndim - 1)) == top, -np.inf, logits)
    rest = np.where(
        np.isneginf(beside),
        exact.log_sum_exp(beside),
        exact.log(np.maximum(exact.total(share) - share, _LEAST)) + highest,
    )
    return np.asarray((logits - rest)[:-1])


def mean_over_symbols(odds: Floats) -> Floats:
    """Return the mean [...] of what the outputs of a word say, [T, ...]; later ones know more."""
    weights = np.asarray([float(t**LATER_KNOWS_MORE) for t in range(1, len(odds) + 1)])
    return np.asarray(exact.total(weights.reshape(-1, *(1,) * (odds.ndim - 1)) * odds) / exact.total(weights))
