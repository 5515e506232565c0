"""Strokes of a word's symbols -> samples of a digitiser -> the fragments a pen board makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment import Pixels
from edge.ink.pen import PenConfig, capture
from edge.ink.raster import raster_strokes

Floats = NDArray[np.float64]
Samples = NDArray[np.uint16]
"""[T, 3]: x, y in 1/100 mm, y downwards; pressure, 0 where the pen does not touch."""

BOARD = PenConfig()
"""A pen board's configuration, which also gives its digitiser's sampling rate and nominal pressure."""
WORD_END_S = 1.2
"""Time without contact after a word; a word ends after one second of it."""
LINE_MM = 12.0


@dataclass(frozen=True, eq=False)
class Strokes:
    """The points where the pen touched, at the digitiser's rate; every field is [P].

    x, y: in mm, y upwards. t: in seconds. pressure: 1 for a line as wide as the pen. stroke: the stroke's number.
    """

    x: Floats
    y: Floats
    t: Floats
    pressure: Floats
    stroke: NDArray[np.int32]


def sample_word(
    symbols: Sequence[Strokes],
    spacing_mm: float = 3.0,
    pause_s: float = 0.3,
    per_line: int = 10,
    left_mm: float = 10.0,
    top_mm: float = 10.0,
) -> Samples:
    """Sample a word: symbols side by side, with `spacing_mm` of paper between them.

    After `per_line` symbols a new line begins LINE_MM further down. The pen is off the paper for `pause_s` between two
    symbols, and after the last one until the word has ended.
    """
    parts: list[Samples] = []
    for place, strokes in enumerate(symbols):
        if place % per_line == 0:
            left, top = round(100 * left_mm), round(100 * (top_mm + place // per_line * LINE_MM))
        written = sample_symbol(strokes, left, top)
        parts += [written, _pen_up(pause_s)]
        left = int(written[:, 0].max()) + round(100 * spacing_mm)
    return np.concatenate([*parts[:-1], _pen_up(WORD_END_S)])


def sample_symbol(strokes: Strokes, left: int, top: int) -> Samples:
    """Sample a symbol from the first touch to the last.

    The ink's upper left corner lies at (left, top) in 1/100 mm.
    """
    tick = np.rint(strokes.t * BOARD.rate_hz).astype(np.intp)
    samples = np.zeros((int(tick[-1]) + 1, 3), np.uint16)
    samples[tick, 0] = left + np.rint(100 * (strokes.x - strokes.x.min()))
    samples[tick, 1] = top + np.rint(100 * (strokes.y.max() - strokes.y))
    samples[tick, 2] = np.rint(BOARD.nominal * strokes.pressure)
    return samples


def board_words(samples: Samples) -> list[list[Pixels]]:
    """Return what a pen board makes of samples, bit for bit: the fragments of every word that ended.

    A fragment is grey uint8 [33, 33]. A symbol whose strokes lie further apart than the board allows becomes several
    fragments.
    """
    return [[raster_strokes(points) for points in word] for word in capture(map(tuple, samples.tolist()), BOARD)]


def _pen_up(time_s: float) -> Samples:
    return np.zeros((round(time_s * BOARD.rate_hz), 3), np.uint16)
