"""A grey picture in any light -> how surely each pixel is ink.

Twin of segment_light.c in firmware_bridge/firmware/core/ink: equal bit for bit.

Paper around a pixel is what a morphological closing by a square leaves: dark strokes narrower than the square go, and
the edge of a shadow, however hard, stays where it is. Ink is told by its share of that paper's brightness, and by a
difference that noise does not reach.
"""

import numpy as np
import numpy.typing as npt

from edge.ink.fragment import Pixels

PAPER, FAINT, LIKELY, INK, SURE = range(5)
"""How dark a pixel is: PAPER, FAINT as a printed line may be, INK; LIKELY and SURE at thresholds near that of INK."""
DARK, UNSURE = -5, -8
"""Returned where too much of a picture is too dark to tell ink, or all ink is too faint."""

_Ints = npt.NDArray[np.int64]

_WINDOW = 31
_DARKEST = 40
_FAINTEST = 12
_FAINT_LINE = 20
_LEAST_INK = 12
_WHITE = 128
_LEAST_DIFFERENCE, _MOST_DIFFERENCE = 6, 64
_BLIND_PART = 4


def read_light(picture: Pixels) -> tuple[Pixels, int]:
    """Return the darkness PAPER .. SURE of every pixel, and the threshold of INK in 1/128 of paper.

    The threshold is 0 if nothing is written, DARK or UNSURE if that cannot be told.
    """
    smooth = _smoothed(picture)
    paper = _paper(smooth)
    nothing = np.zeros(picture.shape, np.uint8)
    if int(paper.max()) < _DARKEST:
        return nothing, 0
    difference = min(_LEAST_DIFFERENCE + 3 * _noise(picture) // 2, _MOST_DIFFERENCE)
    if int((4 * paper < 5 * difference).sum()) * _BLIND_PART > picture.size:
        return nothing, DARK
    shares = np.minimum(smooth * _WHITE // np.maximum(paper, 1), 255)
    shares = np.where(paper - smooth < difference, np.maximum(shares, _WHITE - _FAINTEST), shares)
    levels = _thresholds(shares)
    if levels[-1] <= 0:
        return nothing, levels[-1]
    return np.asarray(sum((shares < level).astype(np.uint8) for level in levels), np.uint8), levels[INK - 1]


def _smoothed(picture: Pixels) -> _Ints:
    """Return the picture smoothed by 1 2 1 across and down."""
    framed = np.pad(picture.astype(np.int64), 1, mode="edge")
    across = framed[:, :-2] + 2 * framed[:, 1:-1] + framed[:, 2:]
    return np.asarray((across[:-2] + 2 * across[1:-1] + across[2:] + 8) >> 4)


def _paper(smooth: _Ints) -> _Ints:
    """Return the paper's brightness at every pixel: the closing by a square of _WINDOW pixels.

    The square may reach beyond the picture, so that what is dark along its border is paper in the dark.
    """
    brightest = _highest(_highest(np.pad(smooth, _WINDOW - 1), 0), 1)
    return 255 - _highest(_highest(255 - brightest, 0), 1)


def _highest(values: _Ints, axis: int) -> _Ints:
    """Return the highest of each _WINDOW values side by side along an axis."""
    high = np.moveaxis(values, axis, 0)
    for step in (1, 2, 4, 8, 15):
        high = np.maximum(high[:-step], high[step:])
    return np.moveaxis(high, 0, axis)


def _noise(picture: Pixels) -> int:
    """Return the median difference of a pixel, doubled, and its two neighbours in the row."""
    wide = picture.astype(np.int64)
    difference = np.abs(wide[:, :-2] - 2 * wide[:, 1:-1] + wide[:, 2:])
    counts = np.bincount(np.minimum(difference, 255).reshape(-1), minlength=256)
    return int(np.flatnonzero(2 * counts.cumsum() >= difference.size)[0])


def _thresholds(shares: _Ints) -> tuple[int, ...]:
    """Return the shares below which a pixel is FAINT, LIKELY, INK, SURE; only 0 or UNSURE if none.

    INK is nearly half-way between ink and paper; ink is all that is darker than the paper's noise; LIKELY is an eighth
    of their distance above it, SURE a quarter as much below.
    """
    counts = np.bincount(shares.reshape(-1), minlength=256)
    near = counts[63:191] + counts[64:192] + counts[65:193]
    paper = 64 + int(near.argmax())
    brighter = counts[::-1].cumsum()
    high = 255 - int(np.flatnonzero(brighter * 10 >= shares.size)[0])
    margin = max(3 * max(high - paper, 0), _FAINTEST)
    limit = max(paper - margin, 0)
    ink = int(counts[:limit].sum())
    if ink < _LEAST_INK:
        return (0,)
    mean = int((counts[:limit] * np.arange(limit)).sum()) // ink
    if 2 * (paper - mean) < 3 * margin:
        return (0,)
    dark = (paper + mean) // 2  # what is lighter is a stroke's edge, and tells little of its ink
    mean = int((counts[:dark] * np.arange(dark)).sum()) // max(int(counts[:dark].sum()), 1)
    threshold, step = mean + 15 * (paper - mean) // 32, (paper - mean) // 8  # smoothing has widened thin strokes
    if threshold + step // 2 > limit:
        return (UNSURE,)
    likely = min(threshold + step, limit)
    return max(likely, min(limit, paper - _FAINT_LINE)), likely, threshold, threshold - step // 4
