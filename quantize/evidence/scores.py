"""Many words of many people -> evidence, at once: edge.decision.who with the linear algebra of BLAS.

It is there for fitting, where tens of thousands of words are scored. What a gate computes is edge.decision.who; the two
agree to the rounding of float64, which a test holds.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.decision.who import STEADINESS, Gathered, WhoModel, level_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MOST: Final = 20
"""Instances of one symbol in a word that are told apart; more count as so many."""


@dataclass(frozen=True, eq=False)
class Spoken:
    """W words by symbol.

    counts: int64 [W, S]. means: of the instances' z [W, S, D], 0 where there are none. scatter: of the instances about
    their mean in units of E_d, added up, [W, S].
    """

    counts: Ints
    means: Floats
    scatter: Floats

    @staticmethod
    def of(model: WhoModel, z: Floats, symbols: Ints, words: Ints) -> "Spoken":
        """Return words given as fragment numbers int64 [W, T] of z [n, D] and symbols [n]."""
        shape = (len(words), model.symbols)
        rows = np.arange(len(words))
        counts, sums = np.zeros(shape, np.int64), np.zeros((*shape, z.shape[1]))
        for column in words.T:
            np.add.at(counts, (rows, symbols[column]), 1)
            np.add.at(sums, (rows, symbols[column]), z[column])
        means = sums / np.maximum(counts, 1)[..., None]
        scatter = np.zeros(shape)
        inverse = np.moveaxis(model.noise_inverse, -1, 0)
        for column in words.T:
            away = z[column] - means[rows, symbols[column]]
            np.add.at(
                scatter,
                (rows, symbols[column]),
                np.einsum("wi,wij,wj->w", away, inverse[symbols[column]], away),
            )
        return Spoken(counts, means, scatter)


class Person:
    """What is known of a person's writing, or of a stranger's: gathered is None."""

    def __init__(self, model: WhoModel, gathered: Gathered | None, means: Floats) -> None:
        size, symbols = means.shape[1], model.symbols
        counts = np.zeros(symbols, np.int64) if gathered is None else gathered.counts
        self._s = 1.0 if gathered is None else float(STEADINESS[level_of(gathered)])
        precision, weighted = np.linalg.inv(model.writer), np.zeros(size)
        through, expected = np.repeat(np.eye(size)[None], symbols, 0), np.zeros((symbols, size))
        rest = model.symbol.copy()
        for d in np.flatnonzero(counts):
            assert gathered is not None
            offset = gathered.sums[d] / counts[d] - means[d]
            q = np.linalg.inv(model.symbol[d] + self._s * model.noise[d] / counts[d])
            gain = model.symbol[d] @ q
            precision, weighted = precision + q, weighted + q @ offset
            through[d], expected[d], rest[d] = np.eye(size) - gain, gain @ offset, rest[d] - gain @ model.symbol[d]
        self._precision, self._weighted = precision, weighted
        self._constant = weighted @ np.linalg.solve(precision, weighted) - np.linalg.slogdet(precision)[1]
        self._expected = means + expected
        more = np.arange(1, _MOST + 1)[None, :, None, None]
        inverse = np.linalg.inv(rest[:, None] + self._s * model.noise[:, None] / more)
        none = np.zeros((symbols, 1, size, size))
        self._log_determinant = np.concatenate([np.zeros((symbols, 1)), -np.linalg.slogdet(inverse)[1]], axis=1)
        onto = through.swapaxes(-1, -2)[:, None] @ inverse
        self._inverse = np.concatenate([none, inverse], axis=1)
        self._onto = np.concatenate([none, onto], axis=1)
        self._through = np.concatenate([none, onto @ through[:, None]], axis=1).reshape(-1, size * size)

    def log_density(self, words: Spoken) -> Floats:
        """Return what `People.log_density` of edge.decision.who does, [W].

        Words are taken together by symbol and number of its instances, whose matrices they share.
        """
        counts = np.minimum(words.counts, _MOST)
        rows, size = np.arange(len(counts)), words.means.shape[-1]
        chosen = np.zeros((len(counts), counts.shape[1] * (_MOST + 1)))
        weighted = np.repeat(self._weighted[None], len(counts), axis=0)
        distance = np.zeros(len(counts))
        for symbol, number in np.argwhere(_present(counts)):
            these = rows[counts[:, symbol] == number]
            chosen[these, symbol * (_MOST + 1) + number] = 1.0
            y = words.means[these, symbol] - self._expected[symbol]
            weighted[these] += y @ self._onto[symbol, number].T
            distance[these] += ((y @ self._inverse[symbol, number]) * y).sum(axis=1)
        precision = self._precision + (chosen @ self._through).reshape(-1, size, size)
        lower = np.linalg.cholesky(precision)
        explained = (np.linalg.solve(lower, weighted[..., None])[..., 0] ** 2).sum(axis=1)
        spread = chosen @ self._log_determinant.ravel()
        spread += 2.0 * np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
        repeated = np.maximum(words.counts - 1, 0).sum(axis=1) * size
        within = repeated * np.log(self._s) + words.scatter.sum(axis=1) * (1.0 / self._s - 1.0)
        return np.asarray(-0.5 * (distance + self._constant - explained + spread + within))


def _present(counts: Ints) -> npt.NDArray[np.bool_]:
    """Return [S, _MOST + 1], which numbers of instances of a symbol there are, 0 left out."""
    numbers = np.arange(_MOST + 1)
    return np.asarray((counts[:, :, None] == numbers).any(axis=0) & (numbers > 0))
