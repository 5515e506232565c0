"""Evidence -> one calibrated log-likelihood ratio, and the thresholds that keep a FAR.

The evidence of edge.decision.who says by itself how much it knows, but its Gaussians are only nearly right: the same
ratio means less after twelve symbols than after two. So for each kind of input, each way of enrolling and each number
of symbols a line makes a log-likelihood ratio of it, fitted by logistic regression on writers who serve for nothing
else. Which ratio keeps a FAR was counted: the quantiles of strangers' ratios, and how they differ from user to user.
Beyond the rarest that could be counted, the share of words above a ratio falls by a constant factor with each unit: an
exponential tail.
"""

from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from edge.decision import exact
from edge.decision.evidence import MAX_SYMBOLS
from edge.decision.exact import Floats
from edge.errors import ThresholdsError

RULE_OF_THREE: Final = 3.0
"""A share of which nothing was seen in n trials is at most 3 / n, with 95 % confidence."""


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What evidence means after 1..20 symbols (at position t - 1), and how strangers' words are spread.

    slope, offset   calibrated ratio = slope x evidence + offset
    fars            shares of strangers' words that were counted, falling
    quantiles       the ratio that at most such a share reaches, with 95 % confidence for other users, by `fars`
    rate            beyond the last quantile, a share of last far x exp(-rate (ratio - quantile)) has a higher ratio
    refused         share of users' words below the quantile of each of `fars`
    cllr, cllr_min  cost of the calibrated ratios in bits, and the least that any monotone calibration could have
    trials          strangers' words at each number of symbols, each counted once, under however many names it was
                    heard; they share writers and fragments, so fewer of them are independent
    writers         how many people wrote them

    ThresholdsError unless there are 20 finite numbers of each, slopes and rates positive, quantiles rising.
    """

    slope: tuple[float, ...]
    offset: tuple[float, ...]
    fars: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    rate: tuple[float, ...]
    refused: tuple[tuple[float, ...], ...]
    cllr: tuple[float, ...]
    cllr_min: tuple[float, ...]
    trials: int
    writers: int

    def __post_init__(self) -> None:
        lists = (self.slope, self.offset, self.rate, self.cllr, self.cllr_min, *self.quantiles, *self.refused)
        if any(len(values) != MAX_SYMBOLS or not np.isfinite(values).all() for values in lists):
            raise ThresholdsError(f"a calibration has {MAX_SYMBOLS} finite numbers of each kind")
        if min(*self.slope, *self.rate) <= 0 or self.trials < 1 or self.writers < 1:
            raise ThresholdsError("a calibration's slopes and rates are above 0, and it rests on words")
        falling = all(0.0 < after < before < 1.0 for before, after in pairwise((1.0 - 1e-9, *self.fars)))
        if len(self.fars) < 2 or not len(self.refused) == len(self.quantiles) == len(self.fars) or not falling:
            raise ThresholdsError("a calibration has quantiles at two FARs at least, between 1 and 0, falling")
        if (np.diff(np.asarray(self.quantiles), axis=0) < 0).any():
            raise ThresholdsError("a calibration's quantiles rise as the FAR falls")

    def ratio(self, evidence: Floats, symbols: int) -> Floats:
        """Return the calibrated ratio of evidence after `symbols` symbols; over 20 count as 20."""
        place = min(symbols, MAX_SYMBOLS) - 1
        return self.slope[place] * evidence + self.offset[place]

    def threshold(self, far: float, symbols: int) -> float:
        """Return the ratio that a share of `far` of strangers' words reaches.

        Between two shares that were counted it lies on a line over log far; a share above the first is taken for the
        first. ThresholdsError unless 0 < far < 1.
        """
        if not 0.0 < far < 1.0:
            raise ThresholdsError(f"a FAR of {far:g} cannot be kept: it lies between 0 and 1")
        place = min(symbols, MAX_SYMBOLS) - 1
        known = [(_rarity(share), quantile[place]) for share, quantile in zip(self.fars, self.quantiles, strict=True)]
        rarity = _rarity(far)
        for (before, low), (after, high) in pairwise(known):
            if rarity < after:
                return low + max(rarity - before, 0.0) / (after - before) * (high - low)
        last, highest = known[-1]
        return highest + (rarity - last) / self.rate[place]

    @property
    def least_far(self) -> float:
        """Return the lowest FAR that so many trials support, if they are independent: three errors in them."""
        return RULE_OF_THREE / self.trials


def _rarity(far: float) -> float:
    """Return -log far, the same on every machine."""
    return -float(exact.log(np.asarray(far)))
