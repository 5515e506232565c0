"""A network of features and a reader that need no interpreter, and words that the reader reads."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge.ink.fragment import Pixels

DIGITS = "0123456789"


class Logits(NamedTuple):
    logits: npt.NDArray[np.float64]


class TinyNetwork:
    """Seven features of a fragment: how much ink is in each seventh of it."""

    def features(self, fragments: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        ink = (fragments[..., 0] > 0).reshape(len(fragments), -1)[:, : 7 * 155].reshape(len(fragments), 7, 155)
        return ink.sum(axis=2).clip(0, 127).astype(np.int8)

    def run_words(self, words: npt.NDArray[np.int8]) -> Logits:
        return Logits(np.zeros((*words.shape[:2], 3)))


class TinyReader:
    """Reads the digit d in a fragment whose first row has d + 1 pixels of ink; blank is read as 0."""

    alphabet = DIGITS

    def read(self, fragments: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        digit = ((fragments[:, 0, :, 0] > 0).sum(axis=1) - 1).clip(0, 9)
        readings = np.full((len(fragments), len(DIGITS)), np.log(0.01 / 9))
        readings[np.arange(len(fragments)), digit] = np.log(0.99)
        return readings


def word(text: str, hand: int = 0) -> Pixels:
    """Return pixels uint8 [n, 33, 33] that TinyReader reads as `text`, written by hand number `hand`."""
    rng = np.random.default_rng(hand)
    pixels = np.where(rng.random((len(text), 33, 33)) < 0.2, np.uint8(255), np.uint8(0))
    pixels[:, 0] = 0
    for fragment, digit in zip(pixels, text, strict=True):
        fragment[0, : DIGITS.index(digit) + 1] = 255
    return pixels
