"""Features of a person's fragments -> how likely it is that he wrote a word, symbol by symbol.

The features of a fragment, projected to D dimensions, are modelled as

    z = m_d + u + v_d + e        d: the symbol;  u ~ N(0, U), v_d ~ N(0, V_d), e ~ N(0, E_d)

m_d is how everybody writes symbol d, u how this person writes at all, v_d how this person writes this symbol, e what
differs from one instance to the next. Of a person who enrolled, (u, v_0, v_1, ...) is known as far as his fragments say:
a Gaussian, exactly conditioned. Of a stranger it is only the prior. The evidence that a word is a person's is the
logarithm of the ratio of the two densities of the word's features, its fragments taken together: they share one u, and
instances of one symbol share one v_d, so that the same symbol written again and again proves less each time.

There is no training and no iteration. All arithmetic is that of edge.decision.exact, the same bits on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edge.decision import exact
from edge.decision.exact import Floats

Ints = npt.NDArray[np.int64]

FEATURE_STEP = 1.0 / 128.0
"""Real value of one step of an int8 feature: the output of a tanh has scale 1/128 and zero point 0."""


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
    _cache: dict[tuple[int, int, int], tuple[Floats, ...]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        size, symbols = self.projection.shape[1], len(self.means)
        wanted = ((symbols, size), (size, size), (symbols, size, size), (symbols, size, size))
        found = tuple(array.shape for array in (self.means, self.writer, self.symbol, self.noise))
        if found != wanted or not all(np.isfinite(a).all() for a in (self.projection, self.means, self.writer)):
            raise ValueError(f"arrays of shapes {found} where {wanted} are needed, all finite")

    @property
    def symbols(self) -> int:
        """Return S, the number of symbols."""
        return len(self.means)

    def project(self, features: npt.NDArray[np.int8]) -> Floats:
        """Return z [D, n] of features int8 [n, F]."""
        return exact.multiply(self.projection.T, features.T.astype(np.float64) * FEATURE_STEP)

    def known(self, symbol: int, count: int) -> tuple[Floats, Floats, Floats]:
        """Return what `count` fragments of a symbol say of it: Q, gain K and what remains of V_d, [D, D] each.

        Q = (V_d + E_d / count)^-1, K = V_d Q: of u + v_d, given u and the mean z of the fragments less m_d, the mean is
        (I - K) u + K z and the covariance V_d - K V_d.
        """
        v = self.symbol[symbol]
        if count == 0:
            return np.zeros_like(v), np.zeros_like(v), v
        key = (symbol, count, 0)
        if key not in self._cache:
            q, _ = exact.inverse(v + self.noise[symbol] / count)
            gain = exact.multiply(v, q)
            self._cache[key] = (q, gain, v - exact.multiply(gain, v))
        q, gain, rest = self._cache[key]
        return q, gain, rest

    def seen(self, symbol: int, count: int, more: int) -> tuple[Floats, Floats, Floats, Floats]:
        """Return R^-1, A' R^-1, A' R^-1 A and log det R of `more` fragments by somebody known from `count`.

        Their mean, less m_d and what is expected of it, is A u + noise of covariance R; A = I - K.
        """
        key = (symbol, count, more)
        if key not in self._cache:
            _, gain, rest = self.known(symbol, count)
            inverse, log_determinant = exact.inverse(rest + self.noise[symbol] / more)
            through = exact.multiply((np.eye(len(gain)) - gain).T, inverse)
            onto = exact.multiply(through, np.eye(len(gain)) - gain)
            self._cache[key] = (inverse, through, onto, np.asarray(log_determinant))
        inverse, through, onto, log_determinant = self._cache[key]
        return inverse, through, onto, log_determinant


@dataclass(frozen=True, eq=False)
class People:
    """What is known of K people's writing: the posterior of each (u, v_0, v_1, ...).

    counts    int64 [K, S], fragments of each symbol
    means     [S, D, K], m_d as it is on the device of each
    expected  [S, D, K], K_d z_d: what their fragments of a symbol add to the expected mean
    precision [D, D, K], of u;  weighted [D, K], precision times the mean of u
    constant  [K], mean' precision mean - log det precision
    """

    model: WhoModel
    counts: Ints
    means: Floats
    expected: Floats
    precision: Floats
    weighted: Floats
    constant: Floats

    def __len__(self) -> int:
        return len(self.counts)

    def log_density(self, z: Floats, symbols: Sequence[int]) -> Floats:
        """Return the log density [K] of a word's features under each person, but for a term that all share.

        z: [D, T], as `WhoModel.project` gives it. symbols: the T symbols. The term that is left out is the scatter of
        instances of one symbol about their mean: it depends on the word alone.
        """
        groups = [(d, [t for t, symbol in enumerate(symbols) if symbol == d]) for d in sorted(set(symbols))]
        mean = np.stack([exact.total(z[:, places].T) / len(places) for _, places in groups], axis=1)
        chosen = [d for d, _ in groups]
        y = mean[:, :, None] - (self.means[chosen] + self.expected[chosen]).transpose(1, 0, 2)
        inverse, through, onto, log_determinants = self._seen([(d, len(places)) for d, places in groups])
        precision = self.precision + exact.total(np.moveaxis(onto, 2, 0))
        weighted = self.weighted + exact.total(np.moveaxis(exact.apply(through, y), 1, 0))
        distance = exact.total(exact.dot(y, exact.apply(inverse, y)))
        lower = exact.cholesky(precision)
        explained = exact.solve_lower(lower, weighted)
        spread = exact.total(log_determinants) + exact.log_determinant(lower)
        return -0.5 * (distance + self.constant - exact.dot(explained, explained) + spread)

    def _seen(self, groups: Sequence[tuple[int, int]]) -> tuple[Floats, ...]:
        """Return what `WhoModel.seen` gives for each group and person: [D, D, G, K] three times, and [G, K]."""
        by_group = []
        for symbol, more in groups:
            counts, place = np.unique(self.counts[:, symbol], return_inverse=True)
            found = [self.model.seen(symbol, int(count), more) for count in counts]
            by_group.append([np.stack(part, axis=-1)[..., place] for part in zip(*found, strict=True)])
        matrices = [np.stack(part, axis=2) for part in list(zip(*by_group, strict=True))[:3]]
        return (*matrices, np.stack([part[3] for part in by_group]))


def strangers(model: WhoModel, means: Floats) -> People:
    """Return people of whom nothing is known, on the devices with the means [S, D, K]."""
    people = means.shape[-1]
    counts = np.zeros((people, model.symbols), np.int64)
    return _people(model, counts, means, np.zeros(means.shape))


def enrolled(model: WhoModel, counts: Ints, sums: Floats, means: Floats) -> People:
    """Return people known by their fragments.

    counts: [K, S] fragments of each symbol. sums: [S, D, K] of their z. means: [S, D, K], m_d on the device of each.
    """
    number = np.maximum(counts, 1).T[:, None, :].astype(np.float64)
    offset = np.where(counts.T[:, None, :] > 0, sums / number - means, 0.0)
    return _people(model, counts, means, offset)


def adapt_means(model: WhoModel, counts: Ints, sums: Floats, fragments: float = 10.0) -> Floats:
    """Return m_d [S, D, ...] as it is where the counted fragments were written.

    counts: [S, ...], sums: [S, D, ...] of the z of other people's fragments. A device moves all symbols alike and each a
    little by itself: the common move is the mean over all fragments, a symbol's own counts n / (n + `fragments`).
    """
    base = model.means.reshape(*model.means.shape, *(1,) * (sums.ndim - 2))
    number = counts[:, None].astype(np.float64)
    moved = sums - number * base
    everything = exact.total(number)
    common = np.where(everything > 0, exact.total(moved) / np.maximum(everything, 1.0), 0.0)
    own = np.where(number > 0, moved / np.maximum(number, 1.0) - common, 0.0)
    return np.asarray(base + common + own * (number / (number + fragments)))


def gather(model: WhoModel, features: npt.NDArray[np.int8], symbols: npt.NDArray[np.int8]) -> tuple[Ints, Floats]:
    """Count the fragments of each symbol, int64 [S], and add up their z, [S, D]."""
    z = model.project(features)
    counts = np.bincount(symbols, minlength=model.symbols).astype(np.int64)
    sums = np.zeros((model.symbols, len(z)))
    for symbol in np.flatnonzero(counts):
        sums[symbol] = exact.total(z[:, symbols == symbol].T)
    return counts, sums


def _people(model: WhoModel, counts: Ints, means: Floats, offset: Floats) -> People:
    prior, _ = exact.inverse(model.writer)
    precision = np.repeat(prior[:, :, None], len(counts), axis=2)
    weighted = np.zeros((len(prior), len(counts)))
    expected = np.zeros(means.shape)
    for symbol in range(model.symbols):
        for count in np.unique(counts[:, symbol]):
            if count == 0:
                continue
            q, gain, _ = model.known(symbol, int(count))
            mine = counts[:, symbol] == count
            z = offset[symbol][:, mine]
            precision[:, :, mine] += q[:, :, None]
            weighted[:, mine] += exact.apply(q[:, :, None], z)
            expected[symbol][:, mine] = exact.apply(gain[:, :, None], z)
    lower = exact.cholesky(precision)
    half = exact.solve_lower(lower, weighted)
    constant = exact.dot(half, half) - exact.log_determinant(lower)
    return People(model, counts, means, expected, precision, weighted, constant)
