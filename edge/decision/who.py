"""Features of a person's fragments -> how likely it is that he wrote a word, symbol by symbol.

The features of a fragment, projected to D dimensions, are modelled as

    z = m_d + u + v_d + e        d: the symbol;  u ~ N(0, U), v_d ~ N(0, V_d), e ~ N(0, s E_d)

m_d is how everybody writes symbol d, u how this person writes at all, v_d how this person writes this symbol, e what
differs from one instance to the next, and s how steady this person's hand is. Of a person who enrolled, (u, v_0, v_1,
...) is known as far as his fragments say: a Gaussian, exactly conditioned. Of a stranger it is only the prior. The
evidence that a word is a person's is the logarithm of the ratio of the two densities of the word's features, its
fragments taken together: they share one u, and instances of one symbol share one v_d, so that the same symbol written
again and again proves less each time.

There is no training and no iteration. All arithmetic is that of edge.decision.exact, the same bits on every machine.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edge.decision import exact
from edge.decision.exact import Floats

Ints = npt.NDArray[np.int64]

FEATURE_STEP: Final = 1.0 / 128.0
"""Real value of one step of an int8 feature: the output of a tanh has scale 1/128 and zero point 0."""

STEADINESS: Final = 2.0 ** (np.arange(-8, 9) / 4.0)
"""The values of s that are told apart, a quarter of an octave from one to the next."""
_LOG_STEADINESS: Final = exact.log(STEADINESS)
_AVERAGE: Final = 8
STEADINESS_PRIOR: Final = 10.0
"""A person's s is that of the average hand until about this many repeated symbols say otherwise."""

_KEPT: Final = 64
"""Matrices of at most so many people are kept by symbol; of more they would take too much memory."""

DEVICE_PRIOR: Final = 10.0
"""A symbol's mean is the device's common one until about this many fragments of it say otherwise."""


class Gathered(NamedTuple):
    """What a person's fragments say, added up.

    counts: int64 [S] by symbol. sums: [S, D] of z. scatter: of z about each symbol's mean in units of E_d, per
    dimension. repeated: number of fragments beyond one a symbol, on which the scatter rests.
    """

    counts: Ints
    sums: Floats
    scatter: float
    repeated: int


@dataclass(frozen=True, eq=False)
class WhoModel:
    """What is known of people's writing on one kind of input, before anybody enrols.

    projection  [F, D], features -> z
    means       [S, D], m_d of each symbol
    writer      [D, D], U
    symbol      [S, D, D], V_d
    noise       [S, D, D], E_d

    ValueError unless the arrays are finite and fit each other.
    """

    projection: Floats
    means: Floats
    writer: Floats
    symbol: Floats
    noise: Floats
    _cache: dict[tuple[int, int, int, int], tuple[Floats, ...]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        size, symbols = self.projection.shape[-1], len(self.means)
        wanted = ((symbols, size), (size, size), (symbols, size, size), (symbols, size, size))
        arrays = (self.means, self.writer, self.symbol, self.noise)
        found = tuple(array.shape for array in arrays)
        if found != wanted or not all(np.isfinite(array).all() for array in (self.projection, *arrays)):
            raise ValueError(f"arrays of shapes {found} where {wanted} are needed, all finite")

    @property
    def symbols(self) -> int:
        """Return S, the number of symbols."""
        return len(self.means)

    @cached_property
    def noise_inverse(self) -> Floats:
        """Return E_d^-1, [D, D, S]."""
        return exact.inverse(np.moveaxis(self.noise, 0, -1))[0]

    @cached_property
    def spread_inverse(self) -> Floats:
        """Return (U + V_d + E_d)^-1, the inverse covariance of everybody's z, [D, D, S]."""
        return exact.inverse(np.moveaxis(self.writer + self.symbol + self.noise, 0, -1))[0]

    def project(self, features: npt.NDArray[np.int8]) -> Floats:
        """Return z [D, n] of features int8 [n, F]."""
        return exact.multiply(self.projection.T, features.T.astype(np.float64) * FEATURE_STEP)

    def gather(self, features: npt.NDArray[np.int8], symbols: npt.NDArray[np.integer]) -> Gathered:
        """Add up what fragments say: features int8 [n, F], symbols [n]."""
        z = self.project(features)
        counts = np.bincount(symbols, minlength=self.symbols).astype(np.int64)
        sums = np.zeros((self.symbols, len(z)))
        scatter = 0.0
        for symbol in np.flatnonzero(counts):
            mine = z[:, symbols == symbol]
            sums[symbol] = exact.total(mine.T)
            scatter += float(exact.total(self.scatter(mine, int(symbol)))) / len(z)
        return Gathered(counts, sums, scatter, int(np.maximum(counts - 1, 0).sum()))

    def scatter(self, z: Floats, symbol: int) -> Floats:
        """Return the squared distances [n] of z [D, n] from their mean, in units of E_d."""
        away = z - (exact.total(z.T) / z.shape[1])[:, None]
        return exact.dot(away, exact.apply(self.noise_inverse[:, :, symbol, None], away))

    def distance(self, z: Floats, symbols: Sequence[int], means: Floats) -> float:
        """Return how far a word lies from how anybody writes its symbols: 1 on average, for writing.

        It is the mean over fragments of the squared Mahalanobis distance per dimension. z: [D, T]. means: [S, D], m_d
        on the device.
        """
        chosen = list(symbols)
        away = z - means[chosen].T
        return float(exact.total(exact.dot(away, exact.apply(self.spread_inverse[:, :, chosen], away)))) / z.size

    def likeness(self, features: npt.NDArray[np.int8], symbols: npt.NDArray[np.integer]) -> float:
        """Return how dense everybody's writing is where fragments lie, on average.

        Models are compared by it, so the determinant is that of the covariance of the features themselves, which the
        projection spreads: log det(U + V_d + E_d) - log det(P' P).
        """
        z = self.project(features)
        distance = self.distance(z, symbols.tolist(), self.means)
        _, spread = exact.inverse(np.moveaxis(self.writer + self.symbol + self.noise, 0, -1))
        _, volume = exact.inverse(exact.multiply(self.projection.T, self.projection))
        return -0.5 * (distance * len(z) + float(exact.total(spread[symbols])) / len(symbols) - float(volume))

    def known(self, keys: Iterable[tuple[int, int, int]]) -> list[tuple[Floats, Floats, Floats]]:
        """Return Q, K and V_d - K V_d of fragments by (symbol, count >= 1, steadiness).

        Q = (V_d + s E_d / count)^-1, K = V_d Q: of u + v_d, given u and the mean z of the fragments less m_d, the mean
        is (I - K) u + K z and the covariance V_d - K V_d. Each is [D, D].
        """

        def compute(symbol: Ints, count: Ints, level: Ints, _: Ints) -> tuple[Floats, ...]:
            v = np.moveaxis(self.symbol[symbol], 0, -1)
            q, _det = exact.inverse(v + np.moveaxis(self.noise[symbol], 0, -1) * (STEADINESS[level] / count))
            gain = exact.multiply(v, q)
            return q, gain, v - exact.multiply(gain, v)

        return [(q, k, rest) for q, k, rest in self._cached([(*key, 0) for key in keys], compute)]

    def seen(self, keys: Iterable[tuple[int, int, int, int]]) -> list[tuple[Floats, Floats, Floats, Floats]]:
        """Return, by (symbol, count, steadiness, more >= 1), R^-1, A' R^-1, A' R^-1 A and log det R.

        They describe the mean z of `more` new fragments by somebody known from `count`: less m_d and what is expected
        of it, it is A u and noise of covariance R; A = I - K.
        """
        wanted = list(keys)
        found = dict.fromkeys((d, n, s) for d, n, s, _ in wanted if n)
        known = dict(zip(found, self.known(found), strict=True))

        def compute(symbol: Ints, count: Ints, level: Ints, more: Ints) -> tuple[Floats, ...]:
            v = np.moveaxis(self.symbol[symbol], 0, -1).copy()
            through = np.repeat(np.eye(len(v))[:, :, None], len(symbol), axis=2)
            for i, key in enumerate(zip(symbol.tolist(), count.tolist(), level.tolist(), strict=True)):
                if key in known:
                    through[:, :, i] -= known[key][1]
                    v[:, :, i] = known[key][2]
            noise = np.moveaxis(self.noise[symbol], 0, -1) * (STEADINESS[level] / more)
            inverse, log_determinant = exact.inverse(v + noise)
            onto = exact.multiply(exact.transpose(through), inverse)
            return inverse, onto, exact.multiply(onto, through), log_determinant

        return [(a, b, c, d) for a, b, c, d in self._cached(wanted, compute)]

    def _cached(
        self, keys: Sequence[tuple[int, int, int, int]], compute: Callable[..., tuple[Floats, ...]]
    ) -> list[tuple[Floats, ...]]:
        """Return the values of all keys; those that are missing are computed together."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._cache]
        if missing:
            values = compute(*np.asarray(missing, np.int64).T)
            self._cache.update((key, tuple(part[..., i].copy() for part in values)) for i, key in enumerate(missing))
        return [self._cache[key] for key in keys]


@dataclass(frozen=True, eq=False)
class People:
    """What is known of K people's writing: the posterior of each (u, v_0, v_1, ...).

    Where nothing tells people apart but the devices they write on, all arrays but the means have 1 in place of K.

    counts    int64 [K, S], fragments of each symbol;  levels int64 [K], places in STEADINESS
    means     [S, D, K], m_d as it is on the device of each
    expected  [S, D, K], K_d z_d: what their fragments of a symbol add to the expected mean
    precision [D, D, K], of u;  weighted [D, K], precision times the mean of u
    constant  [K], mean' precision mean - log det precision
    likely    [S, D, K], where a fragment of each symbol is expected
    """

    model: WhoModel
    counts: Ints
    levels: Ints
    means: Floats
    expected: Floats
    precision: Floats
    weighted: Floats
    constant: Floats
    likely: Floats
    _stacked: dict[tuple[int, int], tuple[Floats, ...]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return int(self.means.shape[-1])

    def select(self, index: Ints) -> "People":
        """Return some of the people, by their places."""
        if len(index) == len(self) and (index == np.arange(len(self))).all():
            return self
        shared = len(self.counts) == 1
        own = np.zeros(1, np.int64) if shared else index
        return People(
            self.model,
            self.counts[own],
            self.levels[own],
            self.means[..., index],
            self.expected[..., own],
            self.precision[..., own],
            self.weighted[..., own],
            self.constant[own],
            self.likely[..., index],
        )

    def distances(self, z: Floats, symbols: Sequence[int]) -> Floats:
        """Return how far a word lies from where each person's is expected, [K].

        It is quickly computed, in units of everybody's noise, and tells who can have written the word. z: [D, T].
        """
        total = np.zeros(len(self))
        for place, symbol in enumerate(symbols):
            away = z[:, place, None] - self.likely[symbol]
            total += exact.dot(away, exact.apply(self.model.noise_inverse[:, :, symbol, None], away))
        return total

    def log_density(self, z: Floats, symbols: Sequence[int]) -> Floats:
        """Return the log density [K] of a word's features under each person, but for a term that all share.

        z: [D, T], as `WhoModel.project` gives it. symbols: the T symbols. What is left out is the scatter of instances
        of one symbol about their mean as an average hand has it: it depends on the word alone.
        """
        groups = [(d, [t for t, symbol in enumerate(symbols) if symbol == d]) for d in sorted(set(symbols))]
        mean = np.stack([exact.total(z[:, places].T) / len(places) for _, places in groups], axis=1)
        chosen = [d for d, _ in groups]
        y = mean[:, :, None] - (self.means[chosen] + self.expected[chosen]).transpose(1, 0, 2)
        inverse, onto, through, log_determinants = self._seen([(d, len(places)) for d, places in groups])
        precision = self.precision + exact.total(np.moveaxis(through, 2, 0))
        weighted = self.weighted + exact.total(np.moveaxis(exact.apply(onto, y), 1, 0))
        distance = exact.total(exact.dot(y, exact.apply(inverse, y)))
        lower = exact.cholesky(precision)
        explained = exact.solve_lower(lower, weighted)
        spread = exact.total(log_determinants) + exact.log_determinant(lower)
        within = exact.total(np.stack([self._within(z[:, places], d) for d, places in groups]))
        return -0.5 * (distance + self.constant - exact.dot(explained, explained) + spread + within)

    def _within(self, z: Floats, symbol: int) -> Floats:
        """Return what the scatter of a symbol's instances adds, [K]; 0 for the average hand."""
        if z.shape[1] == 1:
            return np.zeros(len(self.levels))
        s = STEADINESS[self.levels]
        size = float(len(z) * (z.shape[1] - 1))
        scatter = float(exact.total(self.model.scatter(z, symbol)))
        return size * _LOG_STEADINESS[self.levels] + scatter * (1.0 / s - 1.0)

    def _seen(self, groups: Sequence[tuple[int, int]]) -> tuple[Floats, ...]:
        """Return what `WhoModel.seen` gives for each group and person: [D, D, G, K] three times, and [G, K]."""
        parts = list(zip(*(self._of_group(symbol, more) for symbol, more in groups), strict=True))
        return (*(np.stack(part, axis=2) for part in parts[:3]), np.stack(parts[3]))

    def _of_group(self, symbol: int, more: int) -> tuple[Floats, ...]:
        """Return what `WhoModel.seen` gives for each person; kept, unless there are many."""
        if (symbol, more) in self._stacked:
            return self._stacked[symbol, more]
        pairs, place = np.unique(np.stack([self.counts[:, symbol], self.levels]), axis=1, return_inverse=True)
        found = self.model.seen([(symbol, int(count), int(level), more) for count, level in pairs.T])
        parts = tuple(np.stack(part, axis=-1)[..., place.ravel()] for part in zip(*found, strict=True))
        if len(self) <= _KEPT:
            self._stacked[symbol, more] = parts
        return parts


def strangers(model: WhoModel, means: Floats) -> People:
    """Return people of whom nothing is known, on the devices with the means [S, D, K]."""
    average = np.full(1, _AVERAGE, np.int64)
    return _people(model, np.zeros((1, model.symbols), np.int64), average, means, np.zeros((*means.shape[:2], 1)))


def enrolled(model: WhoModel, gathered: Sequence[Gathered], means: Floats) -> People:
    """Return K people known by their fragments; means: [S, D, K], m_d on the device of each."""
    counts = np.stack([person.counts for person in gathered])
    sums = np.stack([person.sums for person in gathered], axis=-1)
    number = np.maximum(counts, 1).T[:, None, :].astype(np.float64)
    offset = np.where(counts.T[:, None, :] > 0, sums / number - means, 0.0)
    return _people(model, counts, np.asarray([level_of(person) for person in gathered]), means, offset)


def adapt_means(model: WhoModel, counts: Ints, sums: Floats) -> Floats:
    """Return m_d [S, D, ...] as it is where the counted fragments were written.

    counts: [S, ...], sums: [S, D, ...] of the z of other people's fragments. A device moves all symbols alike and each
    a little by itself: the common move is the mean over all fragments, a symbol's own counts n / (n + DEVICE_PRIOR).
    """
    base = model.means.reshape(*model.means.shape, *(1,) * (sums.ndim - 2))
    number = counts[:, None].astype(np.float64)
    moved = sums - number * base
    everything = exact.total(number)
    common = np.where(everything > 0, exact.total(moved) / np.maximum(everything, 1.0), 0.0)
    own = np.where(number > 0, moved / np.maximum(number, 1.0) - common, 0.0)
    return np.asarray(base + common + own * (number / (number + DEVICE_PRIOR)))


def level_of(person: Gathered) -> int:
    """Return the place in STEADINESS that is nearest to what a person's repeated symbols say."""
    s = (STEADINESS_PRIOR + person.scatter) / (STEADINESS_PRIOR + person.repeated)
    return int(np.argmin(np.abs(_LOG_STEADINESS - exact.log(np.asarray(s)))))


def _people(model: WhoModel, counts: Ints, levels: Ints, means: Floats, offset: Floats) -> People:
    prior, _ = exact.inverse(model.writer)
    precision = np.repeat(prior[:, :, None], len(counts), axis=2)
    weighted = np.zeros((len(prior), len(counts)))
    expected = np.zeros(offset.shape)
    for symbol in range(model.symbols):
        mine = np.flatnonzero(counts[:, symbol])
        if not len(mine):
            continue
        known = model.known(_keys(symbol, mine, counts, levels))
        q, gain = (np.stack(part, axis=-1) for part in list(zip(*known, strict=True))[:2])
        z = offset[symbol][:, mine]
        precision[:, :, mine] += q
        weighted[:, mine] += exact.apply(q, z)
        expected[symbol][:, mine] = exact.apply(gain, z)
    lower = exact.cholesky(precision)
    half = exact.solve_lower(lower, weighted)
    constant = exact.dot(half, half) - exact.log_determinant(lower)
    hand = exact.solve_upper(exact.transpose(lower), half)
    likely = means + expected + hand
    for symbol in range(model.symbols):
        mine = np.flatnonzero(counts[:, symbol])
        if len(mine):
            gain = np.stack([k for _, k, _ in model.known(_keys(symbol, mine, counts, levels))], axis=-1)
            likely[symbol][:, mine] -= exact.apply(gain, hand[:, mine])
    return People(model, counts, levels, means, expected, precision, weighted, constant, likely)


def _keys(symbol: int, people: Ints, counts: Ints, levels: Ints) -> list[tuple[int, int, int]]:
    return [(symbol, int(counts[k, symbol]), int(levels[k])) for k in people]
