"""Something that accepts words -> how often it accepts what is no writing, with bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from edge.decision.error_rates import upper_bound
from train.progress import Progress, silent
from train.synthetic.not_writing import PATHS, Kind, Word, kinds_of, words_of

Accepts = Callable[[Sequence[Word]], ArrayLike]
"""Words [W] -> whether each is accepted, bool [W]."""
Batches = Iterable[list[Word]]

ATTEMPTS = 10_000
BATCH = 250
"""Attempts that are made at once, and the most words that are judged at once."""


@dataclass(frozen=True)
class NonWriting:
    """What became of attempts of one kind by one path.

    attempts: all that were made. words: those of which the board made a word. accepted: those that opened the gate.
    """

    path: str
    kind: str
    attempts: int
    words: int
    accepted: int

    @property
    def share(self) -> float:
        """Return the share of the attempts that opened the gate."""
        return self.accepted / self.attempts

    @property
    def bound(self) -> float:
        """Return the upper bound of that share, at 95 % confidence (Clopper-Pearson)."""
        return upper_bound(self.accepted, self.attempts)


def measure_non_writing(
    accepts: Accepts,
    attempts: int = ATTEMPTS,
    *,
    ways: Iterable[tuple[str, Kind]] | None = None,
    symbols: tuple[int, int] = (4, 12),
    seed: int = 0,
    bits: int = 1,
    processes: int | None = None,
    progress: Progress = silent,
) -> list[NonWriting]:
    """Let every kind of non-writing try to be accepted, `attempts` times by each path that it can come.

    accepts: called in this process with words in the order of their attempts. ways: (path, kind), all if None. symbols,
    seed, bits: as in `words_of`. processes: how many make the words, None for one a processor; the result does not
    depend on it. ValueError for fewer than 1 attempt, or if `accepts` does not give one bool a word.
    """
    if attempts < 1:
        raise ValueError(f"{attempts} attempts: at least 1 is needed")
    chosen = list(ways or [(path, kind) for path in PATHS for kind in kinds_of(path)])
    found = []
    with _mapping(processes) as run:
        for path, kind in chosen:
            tasks = [
                _Task(kind, path, min(BATCH, attempts - first), symbols, seed, bits, first)
                for first in range(0, attempts, BATCH)
            ]
            words = accepted = 0
            for place, batch in enumerate(run(_make, tasks), start=1):
                words += len(batch)
                accepted += _count(accepts, batch)
                progress(f"{path} {kind.value}", min(place * BATCH, attempts), attempts)
            found.append(NonWriting(path, kind.value, attempts, words, accepted))
    return found


def as_lines(found: Sequence[NonWriting]) -> Iterator[str]:
    """Yield a table in Markdown: for each kind and path the attempts, words, acceptances and bound."""
    yield "| path | kind | attempts | words | accepted | at most (95 %) |"
    yield "|---|---|---|---|---|---|"
    for row in found:
        counts = f"{row.attempts:,} | {row.words:,} | {row.accepted:,}"
        yield f"| {row.path} | {row.kind} | {counts} | {_rounded_up(row.bound)} |"


class _Task(NamedTuple):
    """The arguments of `words_of` for one batch."""

    kind: Kind
    path: str
    attempts: int
    symbols: tuple[int, int]
    seed: int
    bits: int
    first: int


def _make(task: _Task) -> list[Word]:
    return [word for word in words_of(*task) if word is not None]


@contextmanager
def _mapping(processes: int | None) -> Iterator[Callable[[Callable[[_Task], list[Word]], list[_Task]], Batches]]:
    """Give a `map` that works in so many processes; 1 stands for this one."""
    if processes == 1:
        yield map
        return
    with ProcessPoolExecutor(processes) as pool:
        yield pool.map


def _count(accepts: Accepts, words: list[Word]) -> int:
    """Return how many of the words are accepted. ValueError unless there is one bool a word."""
    if not words:
        return 0
    accepted = np.asarray(accepts(words))
    if accepted.dtype != np.bool_ or accepted.shape != (len(words),):
        raise ValueError(
            f"{len(words)} words, and an answer of {accepted.dtype} {list(accepted.shape)}, not one bool a word"
        )
    return int(np.count_nonzero(accepted))


def _rounded_up(share: float) -> str:
    """Return a share in per cent, rounded up to two digits: what is printed is never below it."""
    unit = 10.0 ** (math.floor(math.log10(100 * share)) - 1)
    return f"{math.ceil(100 * share / unit - 1e-9) * unit:.2g} %"
