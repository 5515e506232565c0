"""Sets of writing -> what a backbone is trained on: whose share of a step, by which pen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment_set import FragmentSet


@dataclass(frozen=True, eq=False)
class Source:
    """Fragments by writers who are told apart from one another, never from those of another source.

    renderings  the same N fragments, drawn in one or more ways
    chances     how often each of them is shown, in sum 1
    share       weight of the source in every step
    """

    name: str
    renderings: tuple[FragmentSet, ...]
    chances: tuple[float, ...] = (1.0,)
    share: float = 1.0

    @property
    def writers(self) -> tuple[int, ...]:
        """Ids of the writers, ascending."""
        return tuple(int(writer) for writer in self.renderings[0].writers)

    @property
    def classes(self) -> NDArray[np.int32]:
        """What each fragment shows, int32 [N], numbered from 0 without gaps."""
        return np.unique(self.renderings[0].symbol, return_inverse=True)[1].astype(np.int32)

    @property
    def identity(self) -> list[object]:
        """Name, hashes, chances and share: what the source adds to the settings of a training."""
        return [self.name, [rendering.sha256 for rendering in self.renderings], list(self.chances), self.share]


def split_by_share(sources: Sequence[Source], total: int) -> list[int]:
    """Return how many of `total` fall to each source by its share."""
    ends = np.cumsum([source.share for source in sources])
    return [int(part) for part in np.diff(np.rint(total * ends / ends[-1]), prepend=0)]
