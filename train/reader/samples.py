"""Pictures of symbols with what they show: what a reader is trained and measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment_set import FragmentSet
from train.errors import NothingToReadError


@dataclass(frozen=True, eq=False)
class Samples:
    """N pictures, uint8 [N, side, side] (0 paper .. 255 ink), and what they show, int32 [N].

    A label is a place in the alphabet.
    """

    pixels: NDArray[np.uint8]
    label: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.label)

    def select(self, index: NDArray[np.generic]) -> Samples:
        """Return the samples at a boolean mask [N] or at integer indices."""
        return Samples(self.pixels[index], self.label[index])

    def to_bits(self, bits: int) -> Samples:
        """Return the samples at `bits` bits a pixel: at 1 every pixel from 128 on becomes 255, every other 0."""
        if bits != 1:
            return self
        return Samples(np.where(self.pixels >= 128, np.uint8(255), np.uint8(0)), self.label)


@dataclass(frozen=True, eq=False)
class Source:
    """Samples of one kind to train on, and their share of every batch."""

    name: str
    samples: Samples
    share: float


def samples_of(fragments: FragmentSet, codes: Mapping[int, int]) -> Samples:
    """Return the fragments that show a symbol of the alphabet.

    codes: class code -> place in the alphabet. NothingToReadError if no fragment shows one.
    """
    shown = np.flatnonzero(np.isin(fragments.symbol, list(codes)))
    if len(shown) == 0:
        raise NothingToReadError("no fragment of the set shows a symbol of the alphabet")
    label = np.asarray([codes[int(code)] for code in fragments.symbol[shown]], np.int32)
    return Samples(fragments.pixels[shown], label)


def join_samples(parts: Sequence[Samples]) -> Samples:
    """Return all samples of the parts, one after another."""
    pixels, label = ([getattr(part, field) for part in parts] for field in ("pixels", "label"))
    return Samples(np.concatenate(pixels), np.concatenate(label))


class Pack:
    """Places below `count`, dealt in batches: each place once before any comes again, then shuffled anew."""

    def __init__(self, count: int, size: int, seed: int) -> None:
        self._count, self._size = count, size
        self._shuffle = lru_cache(maxsize=2)(lambda number: np.random.default_rng([seed, number]).permutation(count))

    def deal(self, step: int) -> NDArray[np.int64]:
        """Return the batch of a step (from 0), int64 [size]: it depends on nothing else."""
        number, place = np.divmod(np.arange(step * self._size, (step + 1) * self._size), self._count)
        dealt = np.empty(self._size, np.int64)
        for each in np.unique(number):
            chosen = number == each
            dealt[chosen] = self._shuffle(int(each))[place[chosen]]
        return dealt
