"""Strokes of a word's symbols -> the samples that a digitiser gives -> the fragments that a pen board makes of them."""

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
"""How a pen board is configured; it also says how its digitiser samples."""
WORD_END_S = 1.2
"""Time without contact after a word: more than the second that ends it."""
LINE_MM = 12.0


@dataclass(frozen=True, eq=False)
class Strokes:
    """What the pen did while it touched, at the digitiser's rate; each [P].

    x, y in mm (y upwards), t in seconds, pressure with 1 for a line as wide as the pen, number of the stroke.
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
    """Symbols side by side, `spacing_mm` of paper between them, a new line LINE_MM further down after `per_line`.

    Between two symbols the pen is off the paper for `pause_s`, after the last one until the word has ended.
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
    """From the first touch to the last, the ink's upper left corner at (left, top) in 1/100 mm."""
    tick = np.rint(strokes.t * BOARD.rate_hz).astype(np.intp)
    samples = np.zeros((int(tick[-1]) + 1, 3), np.uint16)
    samples[tick, 0] = left + np.rint(100 * (strokes.x - strokes.x.min()))
    samples[tick, 1] = top + np.rint(100 * (strokes.y.max() - strokes.y))
    samples[tick, 2] = np.rint(BOARD.nominal * strokes.pressure)
    return samples


def board_words(samples: Samples) -> list[list[Pixels]]:
    """What a pen board makes of samples: the fragments of every word that ended, grey uint8 [33, 33], bit for bit.

    A symbol whose strokes lie further apart than the board allows becomes several fragments.
    """
    return [[raster_strokes(points) for points in word] for word in capture(map(tuple, samples.tolist()), BOARD)]


def _pen_up(time_s: float) -> Samples:
    return np.zeros((round(time_s * BOARD.rate_hz), 3), np.uint16)
