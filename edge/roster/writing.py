"""Fragments of one writing -> what the networks say of them."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from edge.ink.fragment import Pixels, to_int8

Int8s = npt.NDArray[np.int8]

UNKNOWN: Final = -1
"""The symbol of a fragment of which nobody said what was written."""


class Outputs(Protocol):
    """What is needed of edge.bundle.engine.Step."""

    @property
    def logits(self) -> npt.NDArray[np.float64]:
        """Return the logits [W, T, K+1]."""
        ...


class Network(Protocol):
    """What is needed of edge.bundle.engine.Engine."""

    def features(self, fragments: Int8s, /) -> Int8s:
        """Return the features int8 [n, F] of fragments int8 [n, 33, 33, 1]."""
        ...

    def run_words(self, words: Int8s, /) -> Outputs:
        """Return what the outputs say of words int8 [W, T, 33, 33, 1]."""
        ...


class Reader(Protocol):
    """What is needed of the bundle's reader."""

    @property
    def alphabet(self) -> str: ...

    def read(self, fragments: Int8s, /) -> npt.NDArray[np.float64]:
        """Return log-probabilities float64 [n, S] of the symbols, for fragments int8 [n, 33, 33, 1]."""
        ...


@dataclass(frozen=True, eq=False)
class Writing:
    """One writing of n fragments, as the networks see it.

    features  int8 [n, F]
    readings  float32 [n, S], log-probabilities
    known     int8 [n], the symbol where somebody said what it is, else UNKNOWN
    pixels    uint8 [n, 33, 33]
    """

    features: Int8s
    readings: npt.NDArray[np.float32]
    known: Int8s
    pixels: Pixels

    def __len__(self) -> int:
        return len(self.known)

    @property
    def blank(self) -> int:
        """Return how many of the fragments have no ink."""
        return int((~self.pixels.any(axis=(1, 2))).sum())

    @property
    def symbols(self) -> Int8s:
        """Return the symbols int8 [n]: the known ones, elsewhere what the reader takes for likeliest."""
        read = self.readings.argmax(axis=1).astype(np.int8)
        return np.where(self.known == UNKNOWN, read, self.known)


def recognise(pixels: Pixels, network: Network, reader: Reader, known: Int8s | None = None) -> Writing:
    """Return the writing whose fragments are pixels uint8 [n, 33, 33], n at least 1.

    known: the symbols int8 [n], UNKNOWN where nobody said; None: nowhere. Errors are those of the networks.
    """
    fragments = to_int8(pixels)
    said = np.full(len(pixels), UNKNOWN, np.int8) if known is None else known
    readings = reader.read(fragments).astype(np.float32)
    return Writing(network.features(fragments), readings, said, pixels)
