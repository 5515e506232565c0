"""Invented writers or fragments -> what an emulated board's digitiser or camera sees of their words."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.ink.symbols import DIGITS
from train.synthetic.digitiser import Samples, sample_word
from train.synthetic.picture import draw_picture
from train.synthetic.writers import Style, style_of, write_symbol


def draw_texts(count: int, symbols: tuple[int, int], rng: np.random.Generator) -> list[str]:
    """Draw `count` words of random digits, their lengths uniform in `symbols` (both ends included)."""
    lengths = rng.integers(symbols[0], symbols[1], size=count, endpoint=True)
    return ["".join(rng.choice(list(DIGITS), int(length))) for length in lengths]


def write_word(style: Style, text: str, rng: np.random.Generator) -> Samples:
    """Write a word as an invented writer; return the digitiser's samples."""
    return sample_word([write_symbol(style, symbol, rng) for symbol in text])


def write_texts(writing: Sequence[int], texts: Sequence[str], rng: np.random.Generator) -> list[Samples]:
    """Write each text as the writer of the dataset `synthetic` at the same place in `writing`."""
    styles = {writer: style_of(writer) for writer in set(writing)}
    return [write_word(styles[writer], text, rng) for writer, text in zip(writing, texts, strict=True)]


def photograph(words: Sequence[NDArray[np.uint8]], rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Draw a picture uint8 [240, 320] of each word uint8 [T, 33, 33]."""
    return [draw_picture(word, rng) for word in words]
