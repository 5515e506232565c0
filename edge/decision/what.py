"""Readings of a word's fragments -> what it may say, and how probable each is.

The reader gives each fragment a probability for every symbol of its alphabet. What was written is never decided: the
evidence of who wrote it is averaged over all that it may say, which is nearly always one or two strings of symbols.
"""

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.decision import exact
from edge.decision.exact import Floats

MOST = 4
"""At most so many strings are kept."""
LEAST = 0.01
_LEAST_LOG = -4.605170185988091
"""A string of less than this share of the most probable one's probability is left out."""


@dataclass(frozen=True, eq=False)
class Readings:
    """What a word may say, the most probable first.

    texts            int64 [A, T], places of symbols in the alphabet
    log_probability  [A]
    """

    texts: npt.NDArray[np.int64]
    log_probability: Floats


def read_word(log_probabilities: npt.ArrayLike) -> Readings:
    """Return what a word may say, by the reader's log-probabilities [T, S].

    At most MOST strings, each at least LEAST times as probable as the first. ValueError unless T and S are at least 1
    and every fragment has a finite most probable symbol.
    """
    values = np.asarray(log_probabilities, np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values.max(axis=1)).all() or np.isnan(values).any():
        raise ValueError(f"readings of shape {list(values.shape)}, not numbers [T, S]")
    order = np.argsort(-values, axis=1, kind="stable")
    ranked = np.take_along_axis(values, order, axis=1)
    best = float(exact.total(ranked[:, 0]))
    lowest = best + _LEAST_LOG
    # Best first: a string is given by each fragment's rank; its children have one fragment's rank one higher, no
    # fragment before the last that was raised, so that each string is met once.
    heap: list[tuple[float, tuple[int, ...], int]] = [(-best, (0,) * len(values), 0)]
    found: list[tuple[int, ...]] = []
    while heap and len(found) < MOST:
        cost, ranks, last = heapq.heappop(heap)
        found.append(ranks)
        for place in range(last, len(values)):
            if ranks[place] + 1 < values.shape[1]:
                raised = (*ranks[:place], ranks[place] + 1, *ranks[place + 1 :])
                probability = -cost - ranked[place, ranks[place]] + ranked[place, raised[place]]
                if probability >= lowest:
                    heapq.heappush(heap, (-probability, raised, place))
    places = np.asarray(found)
    texts = np.take_along_axis(order, places.T, axis=1).T
    return Readings(texts, log_probability_of(values, texts))


def log_probability_of(log_probabilities: Floats, texts: npt.NDArray[np.int64]) -> Floats:
    """Return the log-probability [A] of strings [A, T] by the reader's log-probabilities [T, S]."""
    steps = np.arange(texts.shape[1])
    return exact.total(np.asarray(log_probabilities, np.float64)[steps[:, None], texts.T])
