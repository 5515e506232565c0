"""Invented people's words as fragments out of which a network reads its features and a reader its symbols."""

from types import SimpleNamespace

import numpy as np
import numpy.typing as npt
from tiny_evidence import FEATURES, Hand, certain

from edge.gate.judging import Outputs
from edge.ink.fragment import Pixels


def write(hand: Hand, symbols: list[int]) -> Pixels:
    """Return pixels uint8 [T, 33, 33]: rows of the features' bits, then a row with as much ink as the symbol says."""
    pixels = np.zeros((len(symbols), 33, 33), np.uint8)
    for fragment, features, symbol in zip(pixels, hand.write(symbols), symbols, strict=True):
        fragment[:FEATURES, :8] = 255 * np.unpackbits(features.view(np.uint8)[:, None], axis=1)
        fragment[FEATURES, : symbol + 1] = 255
    return pixels


class PlainNetwork:
    """Reads features out of a fragment's bits; it has no state."""

    def reset(self) -> None:
        pass

    def step(self, fragment: npt.NDArray[np.int8]) -> Outputs:
        bits = fragment[:FEATURES, :8, 0] > 0
        return SimpleNamespace(logits=np.zeros(1), features=np.packbits(bits, axis=1)[:, 0].view(np.int8))


class PlainReader:
    """Reads symbols out of the row below."""

    def read(self, fragments: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        return certain((fragments[:, FEATURES, :, 0] > 0).sum(axis=1) - 1)
