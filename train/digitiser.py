"""Strokes of a word's symbols -> the samples that a digitiser at 100 Hz gives while the word is written."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.raster import NOMINAL_PRESSURE
from train.synthetic import DIGITISER_HZ, Strokes, Style, to_points, write_symbol

Samples = NDArray[np.uint16]
"""[T, 3]: x, y in 1/100 mm, y downwards; pressure, 0 where the pen does not touch."""

DIGITISER_NOMINAL = 1024
"""What the digitiser says for pressure 1: nominal in edge.pen."""
WORD_END_S = 1.2
"""Time without contact after a word: more than the second that ends it."""


def sample_word(
    symbols: Sequence[Strokes],
    spacing_mm: float = 3.0,
    pause_s: float = 0.3,
    per_line: int = 10,
    left_mm: float = 10.0,
    top_mm: float = 10.0,
) -> Samples:
    """Symbols side by side, `spacing_mm` of paper between them, a new line 12 mm further down after `per_line`.

    Between two strokes the pen is off the paper for 0.12 s, between two symbols for `pause_s`.
    """
    rows: list[tuple[int, int, int]] = []
    left, top = round(100 * left_mm), round(100 * top_mm)
    for place, strokes in enumerate(symbols):
        if place and place % per_line == 0:
            left, top = round(100 * left_mm), top + 1200
        points = to_points(strokes)
        for before, point in zip([None, *points[:-1]], points, strict=True):
            if before is not None and before["stroke"] != point["stroke"]:
                rows += [(0, 0, 0)] * round(0.12 * DIGITISER_HZ)
            pressure = int(point["pressure"]) * DIGITISER_NOMINAL // NOMINAL_PRESSURE
            rows.append((left + int(point["x"]), top + int(point["y"]), pressure))
        rows += [(0, 0, 0)] * round(pause_s * DIGITISER_HZ)
        left += int(points["x"].max()) + round(100 * spacing_mm)
    rows += [(0, 0, 0)] * round(WORD_END_S * DIGITISER_HZ)
    return np.array(rows, np.uint16)


def write_word(style: Style, text: str, rng: np.random.Generator) -> Samples:
    """A word by an invented writer."""
    return sample_word([write_symbol(style, symbol, rng) for symbol in text])
