"""Scores of genuine users and impostors -> FAR, FRR, EER, DET, rank-1, and how far to trust each.

The higher a score, the more it speaks for the genuine user; a word is accepted when score >= threshold. Hence, at a
threshold,

    (B1) FAR = share of impostor scores >= threshold        (false accepts)
    (B2) FRR = share of genuine scores < threshold          (false rejects)
    (B3) EER = the rate at which FAR = FRR, interpolated linearly between neighbouring thresholds
    (B4) no FAR below 3/n can be claimed from n impostor trials (rule of three: with 0 errors, the 95 % bound).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edge.decision.evidence import Floats
from edge.errors import ScoresError

Ints = NDArray[np.int64]

CONFIDENCE = 0.95
"""The confidence of `upper_bound` where none is asked for."""


@dataclass(frozen=True, eq=False)
class Curve:
    """FAR and FRR at every threshold, by ascending threshold.

    At thresholds[i], FAR is far[i] (falling) and FRR is frr[i] (rising). The thresholds are every distinct score, and
    +inf where nothing is accepted; the first one accepts everything.
    """

    thresholds: Floats
    far: Floats
    frr: Floats

    @property
    def eer(self) -> float:
        """Return the equal error rate (B3): where the line between neighbouring points crosses FAR = FRR.

        Trials of equal score make one point.
        """
        gap = self.frr - self.far
        after = int(np.argmax(gap >= 0))
        share = -gap[after - 1] / (gap[after] - gap[after - 1])
        return float(self.far[after - 1] + share * (self.far[after] - self.far[after - 1]))

    @property
    def eer_threshold(self) -> float:
        """Return the threshold at which FAR and FRR are nearest to each other; of several, the lowest."""
        return float(self.thresholds[np.argmin(np.abs(self.frr - self.far))])

    def frr_at_far(self, far: float) -> float:
        """Return the FRR at the lowest threshold that accepts no more than `far` of the impostors.

        ScoresError unless 0 <= far <= 1.
        """
        return float(self.frr[self._first_at(far)])

    def threshold_at_far(self, far: float) -> float:
        """Return the lowest threshold that accepts no more than `far` of the impostors.

        It is a score that occurred, or +inf when only refusing everybody is strict enough. ScoresError unless 0 <= far
        <= 1.
        """
        return float(self.thresholds[self._first_at(far)])

    def _first_at(self, far: float) -> int:
        if not 0 <= far <= 1:
            raise ScoresError(f"a false accept rate of {far} is not between 0 and 1")
        return int(np.argmax(self.far <= far * (1 + 1e-12)))


@dataclass(frozen=True, eq=False)
class Trials:
    """Scores of one draw of users, genuine [G] and impostor [I], each with the writer of its word.

    ScoresError if a score has no writer.
    """

    genuine: Floats
    impostor: Floats
    genuine_writers: NDArray[Any]
    impostor_writers: NDArray[Any]

    def __post_init__(self) -> None:
        if np.shape(self.genuine) != np.shape(self.genuine_writers) or np.shape(self.impostor) != np.shape(
            self.impostor_writers
        ):
            raise ScoresError("every score needs the writer of its word")


@dataclass(frozen=True)
class Bounds:
    """A figure with its percentile bounds from the bootstrap over writers."""

    value: float
    low: float
    high: float


def curve(genuine: ArrayLike, impostor: ArrayLike) -> Curve:
    """Return FAR and FRR at every distinct score (B1, B2).

    ScoresError unless all scores are finite and neither side is empty.
    """
    mine, theirs = _scores(genuine, "genuine"), _scores(impostor, "impostor")
    return _Sorted(mine, theirs).curve(np.ones(len(mine), np.int64), np.ones(len(theirs), np.int64))


def eer(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Return the equal error rate (B3)."""
    return curve(genuine, impostor).eer


def frr_at_far(genuine: ArrayLike, impostor: ArrayLike, far: float) -> float:
    """Return the FRR at the lowest threshold that accepts no more than `far` of the impostors."""
    return curve(genuine, impostor).frr_at_far(far)


def threshold_at_far(impostor: ArrayLike, far: float) -> float:
    """Return the lowest threshold that accepts no more than `far` of the impostors.

    It lies just above the highest score that it must refuse, and is -inf if it need not refuse any. ScoresError unless
    0 <= far <= 1.
    """
    theirs = np.sort(_scores(impostor, "impostor"))
    if not 0 <= far <= 1:
        raise ScoresError(f"a false accept rate of {far} is not between 0 and 1")
    refused = len(theirs) - int(far * len(theirs) * (1 + 1e-12))
    return float(np.nextafter(theirs[refused - 1], np.inf)) if refused else -np.inf


def det_points(genuine: ArrayLike, impostor: ArrayLike, count: int = 200) -> tuple[Floats, Floats]:
    """Return at most `count` points (far, frr) of the DET curve by falling FAR.

    They are spread evenly over the curve's operating points.
    """
    points = curve(genuine, impostor)
    keep = np.unique(np.rint(np.linspace(0, len(points.far) - 1, count)).astype(np.intp))
    return points.far[keep], points.frr[keep]


def rank1(evidence: ArrayLike, users: ArrayLike) -> float:
    """Return the share of genuine words whose own user alone has the highest evidence.

    evidence: [W, K]; users: [W], the label 0..K-1 of each word's own user. A tie with another user is a miss.
    """
    return float(rank1_hits(evidence, users).mean())


def rank1_hits(evidence: ArrayLike, users: ArrayLike) -> NDArray[np.bool_]:
    """Return for each word, bool [W], whether its own user alone has the highest evidence.

    evidence: [W, K]; users: [W], the label 0..K-1 of each word's own user. ScoresError if they do not fit or evidence
    is not finite.
    """
    values, own = np.asarray(evidence, np.float64), np.asarray(users, np.int64)
    if values.ndim != 2 or own.shape != values.shape[:1] or len(own) == 0:
        raise ScoresError(f"evidence of shape {values.shape} does not fit users of shape {own.shape}")
    if own.min() < 0 or own.max() >= values.shape[1] or not np.isfinite(values).all():
        raise ScoresError("evidence is not finite, or a user's label lies outside it")
    mine = values[np.arange(len(own)), own]
    return np.asarray((values >= mine[:, None]).sum(axis=1) == 1)


def bootstrap(
    figure: Callable[[Curve], float],
    draws: Sequence[Trials],
    *,
    rounds: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Bounds:
    """Return the mean over draws of `figure`, with bounds from resampling writers, not words.

    Words of one writer are not independent, so one writer is one unit of chance: in every round the writers are drawn
    with replacement, and with a writer come all of that writer's words, in every draw of users alike. The bounds are
    the percentiles between which `level` of the rounds lie.
    """
    return bootstrap_figures([figure], draws, rounds=rounds, level=level, seed=seed)[0]


def bootstrap_figures(
    figures: Sequence[Callable[[Curve], float]],
    draws: Sequence[Trials],
    *,
    rounds: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> list[Bounds]:
    """Return what `bootstrap` returns, for several figures of the same curves at the price of one."""
    ids = np.unique(np.concatenate([np.ravel(w) for d in draws for w in (d.genuine_writers, d.impostor_writers)]))
    tables = [
        (
            _Sorted(_scores(d.genuine, "genuine"), _scores(d.impostor, "impostor")),
            np.searchsorted(ids, np.ravel(d.genuine_writers)),
            np.searchsorted(ids, np.ravel(d.impostor_writers)),
        )
        for d in draws
    ]

    def values(weights: Ints) -> Floats:
        curves = [table.curve(weights[mine], weights[theirs]) for table, mine, theirs in tables]
        return np.array([np.mean([figure(points) for points in curves]) for figure in figures])

    sides = [side for _, mine, theirs in tables for side in (mine, theirs)]
    return _percentiles(values, sides, len(ids), rounds, level, seed)


def bootstrap_bands(
    draws: Sequence[Trials], fars: ArrayLike, *, rounds: int = 100, level: float = 0.95, seed: int = 0
) -> tuple[Floats, Floats]:
    """Return the bounds of the FRR, low and high, at each of several FARs, as `bootstrap` finds them."""

    def at(far: float) -> Callable[[Curve], float]:
        return lambda points: points.frr_at_far(far)

    figures = [at(float(far)) for far in np.ravel(fars)]
    found = bootstrap_figures(figures, draws, rounds=rounds, level=level, seed=seed)
    return np.array([b.low for b in found]), np.array([b.high for b in found])


def bootstrap_share(
    draws: Sequence[tuple[ArrayLike, ArrayLike]], *, rounds: int = 1000, level: float = 0.95, seed: int = 0
) -> Bounds:
    """Return the mean over draws of the share of hits, with bounds as in `bootstrap`.

    draws: (hits bool [W], writers [W]) each. For rank-1, and for FAR or FRR at a threshold that was fixed beforehand.
    """
    ids = np.unique(np.concatenate([np.ravel(writers) for _, writers in draws]))
    places = [np.searchsorted(ids, np.ravel(writers)) for _, writers in draws]
    words = [np.bincount(place, minlength=len(ids)) for place in places]
    hits = [
        np.bincount(place, np.ravel(np.asarray(hit, np.float64)), len(ids))
        for place, (hit, _) in zip(places, draws, strict=True)
    ]

    def values(weights: Ints) -> Floats:
        return np.array([np.mean([weights @ h / (weights @ w) for h, w in zip(hits, words, strict=True)])])

    return _percentiles(values, places, len(ids), rounds, level, seed)[0]


def cllr(genuine: Floats, impostor: Floats) -> float:
    """Return the cost of log-likelihood ratios in bits: 0 for perfect ones, 1 for ones that say nothing.

    C_llr = 1/2 (mean log2(1 + e^-x) over genuine x + mean log2(1 + e^x) over impostors').
    """
    both = np.logaddexp(0.0, -genuine).mean() + np.logaddexp(0.0, impostor).mean()
    return float(both / (2.0 * np.log(2.0)))


def cllr_min(genuine: Floats, impostor: Floats) -> float:
    """Return the least C_llr that a monotone calibration could have: pool adjacent violators."""
    scores = np.concatenate([genuine, impostor])
    order = np.argsort(scores, kind="stable")
    weight = np.concatenate([np.full(len(genuine), 1.0 / len(genuine)), np.full(len(impostor), 1.0 / len(impostor))])
    blocks: list[list[float]] = []
    for place in order:
        positive = weight[place] if place < len(genuine) else 0.0
        blocks.append([positive, weight[place]])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [blocks[-1][0] + last[0], blocks[-1][1] + last[1]]
    share = np.array([positive / total for positive, total in blocks])
    positive, total = np.array(blocks).T
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = np.where(positive > 0, -positive * np.log2(share), 0.0)
        cost += np.where(total > positive, -(total - positive) * np.log2(1.0 - share), 0.0)
    return float(cost.sum() / 2.0)


def far_floor(trials: int) -> float:
    """Return 3/n, at most 1: the smallest FAR that n impostor trials can support (B4)."""
    if trials < 1:
        raise ScoresError("a false accept rate needs at least one impostor trial")
    return min(1.0, 3 / trials)


def upper_bound(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Return the exact (Clopper-Pearson) one-sided upper bound of a share with `events` in `trials`.

    At that share, `events` or fewer have probability 1 - confidence. For no event it is
    1 - (1 - confidence)^(1/trials), about 3 / trials at 95 %. Without a trial it is 1.
    """
    if events >= trials:
        return 1.0
    ways = np.asarray([_log_ways(trials, k) for k in range(events + 1)])
    k = np.arange(events + 1)
    low, high = events / trials, 1.0
    for _ in range(60):  # halves the interval below a float64's resolution
        p = (low + high) / 2
        if p in (low, high):
            break
        tail = float(np.exp(ways + k * math.log(p) + (trials - k) * math.log1p(-p)).sum())
        low, high = (p, high) if tail > 1.0 - confidence else (low, p)
    return high


def format_far(rate: float, trials: int) -> str:
    """Return a FAR in per cent for people, never below what its trials support.

    0 of 1,200 reads "< 0.25 %".
    """
    floor = far_floor(trials)
    if rate < floor:
        return f"< {_rounded_up(100 * floor):.3g} %"
    return f"{100 * rate:.3g} %"


def _log_ways(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


class _Sorted:
    """Scores of both sides, sorted once, so that a curve for weighted trials costs one pass."""

    def __init__(self, genuine: Floats, impostor: Floats) -> None:
        self.mine, self.theirs = np.argsort(genuine), np.argsort(impostor)
        self.thresholds = np.append(np.unique(np.concatenate([genuine, impostor])), np.inf)
        self.below_mine = np.searchsorted(genuine[self.mine], self.thresholds)
        self.below_theirs = np.searchsorted(impostor[self.theirs], self.thresholds)

    def curve(self, mine: Ints, theirs: Ints) -> Curve:
        """Return the curve when genuine trial i counts mine[i] times and impostor trial j theirs[j] times."""
        rejected = np.append(0, np.cumsum(mine[self.mine]))
        refused = np.append(0, np.cumsum(theirs[self.theirs]))
        far = (refused[-1] - refused[self.below_theirs]) / refused[-1]
        return Curve(self.thresholds, far, rejected[self.below_mine] / rejected[-1])


def _percentiles(
    values: Callable[[Ints], Floats],
    sides: Sequence[NDArray[np.intp]],
    writers: int,
    rounds: int,
    level: float,
    seed: int,
) -> list[Bounds]:
    """Return the figures for weights of one, bounded by their percentiles over random weights.

    Random weights that leave a side without a trial are drawn again.
    """
    rng = np.random.default_rng(seed)
    present = [np.unique(side) for side in sides]
    sampled: list[Floats] = []
    while len(sampled) < rounds:
        weights = np.bincount(rng.integers(writers, size=writers), minlength=writers)
        if all(weights[side].any() for side in present):
            sampled.append(values(weights))
    low, high = np.quantile(sampled, [(1 - level) / 2, (1 + level) / 2], axis=0)
    plain = values(np.ones(writers, np.int64))
    return [Bounds(float(v), float(a), float(b)) for v, a, b in zip(plain, low, high, strict=True)]


def _rounded_up(percent: float) -> float:
    """Round up to three digits, so that a printed bound is never below the true one."""
    unit = 10.0 ** (np.floor(np.log10(percent)) - 2)
    return float(np.ceil(percent / unit - 1e-9) * unit)


def _scores(scores: ArrayLike, side: str) -> Floats:
    """Return the scores of one side as float64. ScoresError unless there are any, all finite."""
    values = np.asarray(scores, np.float64).ravel()
    if len(values) == 0:
        raise ScoresError(f"there are no {side} scores")
    if not np.isfinite(values).all():
        raise ScoresError(f"{side} scores hold NaN or infinity")
    return values
