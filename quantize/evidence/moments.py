"""Features of many writers' fragments -> how people write: means, and three covariances by moments."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edge.decision.who import FEATURE_STEP, WhoModel

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DIMENSIONS: Final = 32
"""Dimensions of the discriminant projection."""
SHARED: Final = 0.4
"""Share of the covariances that all symbols have in common; the rest is the symbol's own."""
_LEAST: Final = 1e-3
"""Least variance in any direction, in units of the noise's."""
_FIRST: Final = 3.0
"""A writer's mean of n fragments of a symbol weighs n / (n + 3) in the covariance of means."""


class Writing(NamedTuple):
    """Features int8 [n, F], writer [n] and symbol [n] (places in the alphabet) of one source's fragments."""

    features: npt.NDArray[np.int8]
    writer: npt.NDArray[np.integer]
    symbol: npt.NDArray[np.integer]


class Moments(NamedTuple):
    """Moments of features, by symbol where there are S of them.

    means [S, F]. noise [S, F, F] and, of all symbols together, shared_noise [F, F]. writer [F, F]: covariance of how
    people write at all. symbol [S, F, F]: of how they write a symbol.
    """

    means: Floats
    noise: Floats
    shared_noise: Floats
    writer: Floats
    symbol: Floats


def fit_who(sources: Sequence[Writing], symbols: int, dimensions: int = DIMENSIONS) -> WhoModel:
    """Return the model of how people write on one kind of input.

    sources: each source's moments count alike; the means are those of the first. symbols: S, each written by at least
    two people twice in every source.
    """
    each = [moments(source, symbols) for source in sources]
    noise, shared, writer, symbol = (
        np.mean([getattr(one, name) for one in each], axis=0) for name in ("noise", "shared_noise", "writer", "symbol")
    )
    projection = discriminants(shared, positive(writer + symbol.mean(axis=0)), dimensions)

    def project(covariance: Floats) -> Floats:
        return np.asarray(projection.T @ covariance @ projection)

    def shrink(covariances: Floats, common: Floats) -> Floats:
        return positive(project((1.0 - SHARED) * covariances + SHARED * common))

    return WhoModel(
        projection=projection,
        means=each[0].means @ projection,
        writer=positive(project(writer)),
        symbol=shrink(symbol, symbol.mean(axis=0)),
        noise=shrink(noise, shared),
    )


def moments(writing: Writing, symbols: int) -> Moments:
    """Estimate the moments of one source.

    Noise is the scatter of instances about the mean of their writer and symbol. The covariance of these means, less
    their share of the noise, is that of hand and symbol together; across symbols of one writer, it is the hand's alone.
    """
    x = writing.features.astype(np.float64) * FEATURE_STEP
    symbol = np.asarray(writing.symbol, np.int64)
    means = np.stack([x[symbol == d].mean(axis=0) for d in range(symbols)])
    centred = x - means[symbol]
    keys, place, counts = np.unique(
        np.asarray(writing.writer, np.int64) * symbols + symbol, return_inverse=True, return_counts=True
    )
    own = np.zeros((len(keys), x.shape[1]))
    np.add.at(own, place, centred)
    own /= counts[:, None]
    rest = centred - own[place]
    noise, scatter = [], np.zeros((x.shape[1], x.shape[1]))
    for d in range(symbols):
        about = rest[symbol == d]
        squares = about.T @ about
        scatter += squares
        noise.append(squares / (counts[keys % symbols == d] - 1).sum())
    hand = _across(own, keys // symbols)
    together = np.stack([_between(own, counts, keys % symbols == d, noise[d]) for d in range(symbols)])
    return Moments(means, np.stack(noise), scatter / (len(x) - len(keys)), hand, together - hand)


def discriminants(within: Floats, between: Floats, dimensions: int) -> Floats:
    """Return the projection [F, D] to the directions in which writers differ most.

    Noise has unit variance there.
    """
    lower = np.linalg.cholesky(positive(within, 1e-6))
    whitened = np.linalg.solve(lower, np.linalg.solve(lower, between).T)
    _, vectors = np.linalg.eigh((whitened + whitened.T) / 2.0)
    return np.asarray(np.linalg.solve(lower.T, vectors[:, ::-1][:, :dimensions]))


def positive(covariances: Floats, least: float = _LEAST) -> Floats:
    """Return symmetric matrices [..., F, F] with every eigenvalue raised to `least`."""
    values, vectors = np.linalg.eigh((covariances + np.swapaxes(covariances, -1, -2)) / 2.0)
    return np.asarray((vectors * np.maximum(values, least)[..., None, :]) @ np.swapaxes(vectors, -1, -2))


def _between(own: Floats, counts: Ints, mine: npt.NDArray[np.bool_], noise: Floats) -> Floats:
    """Return the covariance of writers' means of one symbol, less what is noise in them."""
    chosen = mine & (counts >= 2)
    number = counts[chosen].astype(np.float64)
    weight = number / (number + _FIRST)
    away = own[chosen] - np.average(own[chosen], axis=0, weights=weight)
    covariance = (away * weight[:, None]).T @ away / weight.sum()
    return np.asarray(covariance - noise * float((weight / number).sum() / weight.sum()))


def _across(own: Floats, writer: Ints) -> Floats:
    """Return the covariance between one writer's means of different symbols."""
    total, pairs = np.zeros((own.shape[1], own.shape[1])), 0
    for who in np.unique(writer):
        mine = own[writer == who]
        added = mine.sum(axis=0)
        total += np.outer(added, added) - mine.T @ mine
        pairs += len(mine) * (len(mine) - 1)
    return (total + total.T) / (2.0 * max(pairs, 1))
