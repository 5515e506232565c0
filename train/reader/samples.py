"""Pictures of symbols with what they show: what a reader is trained and measured on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment_set import FragmentSet
from train.errors import NothingToReadError


@dataclass(frozen=True, eq=False)
class Samples:
    """N pictures, uint8 [N, side, side] (0 paper .. 255 ink), and what they show, int32 [N].

    A label is a position in the alphabet.
    """

    pixels: NDArray[np.uint8]
    label: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.label)

    def to_bits(self, bits: int) -> Samples:
        """Return the samples at `bits` bits a pixel: at 1 every pixel from 128 on becomes 255, every other 0."""
        if bits != 1:
            return self
        return Samples(np.where(self.pixels >= 128, np.uint8(255), np.uint8(0)), self.label)


@dataclass(frozen=True, eq=False)
class Source:
    """Samples of one kind to train on, and their share of every batch.

    name: for the record.
    """

    name: str
    samples: Samples
    share: float


def samples_of(fragments: FragmentSet, codes: NDArray[np.int32]) -> Samples:
    """Return the fragments that show a symbol of the alphabet.

    codes: the class code of each symbol of the alphabet, int32 [S]. NothingToReadError if no fragment shows one.
    """
    shown = np.flatnonzero(np.isin(fragments.symbol, codes))
    if len(shown) == 0:
        raise NothingToReadError("no fragment of the set shows a symbol of the alphabet")
    place = np.zeros(int(codes.max()) + 1, np.int32)
    place[codes] = np.arange(len(codes))
    return Samples(fragments.pixels[shown], place[fragments.symbol[shown]])


def batches(count: int, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield indices int64 [size] below `count` for ever: shuffled again whenever all have been drawn."""
    pack = np.empty(0, np.int64)
    while True:
        while len(pack) < size:
            pack = np.concatenate([pack, rng.permutation(count)])
        yield pack[:size]
        pack = pack[size:]
