"""Strokes of a pen -> a 33x33 fragment of grey ink, in whole numbers.

Twin of firmware_bridge/firmware/core/ink/raster.c: equal bit for bit.

The ink is a ridge along the path whose section is a Gaussian, laid down as dabs one standard deviation apart. Lengths
are in pixels: `_q8` means 1/256 of one, `_q10` 1/1024. All arithmetic is on integers; the one product of matrices runs
in float64 on integers below 2^53, so it is exact.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from edge.ink.fragment import SIDE, Pixels

PEN_WIDTH = 66
"""Width of the line at nominal pressure, in the points' units: 0.66 mm."""
MAX_POINTS = 1024
"""Largest number of points in a symbol; further ones are left out."""
NOMINAL_PRESSURE = 128

POINT = np.dtype([("x", "<u2"), ("y", "<u2"), ("pressure", "u1"), ("stroke", "u1")])
"""A place of the pen, as struct ink_point lies in memory.

x points to the right and y downwards, in 1/100 mm. At pressure 128 a line is as wide as the pen. Consecutive
points with equal `stroke` are joined by a line.
"""

Points: TypeAlias = npt.NDArray[np.void]
_Ints = npt.NDArray[np.int64]

_BOX = 25
_MIDDLE_Q8 = 16 * 256
_LAST_Q8 = 32 * 256
_THINNEST_Q8 = 384
_WIDEST_Q8 = 8 * 256
_SIGMA_Q8 = 109
_FAINTEST = 80
_DABS = 1024
_DENSEST = 4095
_DAB_Q10 = 412
_EDGE_GAIN = 561
_EDGE_OFFSET = 153
_BELL_STEPS = 32
_RIDGE_ONE = 1 << 18
_BELL: _Ints = np.rint(255 * np.exp(-((np.arange(3 * _BELL_STEPS + 1) / _BELL_STEPS) ** 2) / 2)).astype(np.int64)
_BELL_AND_NONE: _Ints = np.append(_BELL, 0)
_PIXELS_Q8: _Ints = np.arange(SIDE, dtype=np.int64)[:, None] * 256


def raster_strokes(points: Points, width: int = PEN_WIDTH) -> Pixels:
    """Return the ink of strokes, uint8 [33, 33]; paper if there are no points.

    The ink is 25 pixels on its larger side, and its mass lies in the middle.

    points: POINT [P]. width: that of the pen, in the points' units; 0 counts as 1. ValueError for another type of
    points or a width beyond 16 bits.
    """
    if points.dtype != POINT or points.ndim != 1 or not 0 <= width < 1 << 16:
        raise ValueError(f"points are POINT [P] and a width has 16 bits, not {points.dtype} {points.shape}, {width}")
    if len(points) == 0:
        return np.zeros((SIDE, SIDE), np.uint8)
    some = points[:MAX_POINTS]
    x, y = some["x"].astype(np.int64), some["y"].astype(np.int64)
    x, y = x - x.min(), y - y.min()
    pen = max(width, 1)
    extent = max(int(x.max()), int(y.max()))
    scale_q24 = min((_BOX << 24) // (extent + pen), (_WIDEST_Q8 << 16) // pen)
    x, y = (x * scale_q24 + 0x8000) >> 16, (y * scale_q24 + 0x8000) >> 16
    width_q8 = max((pen * scale_q24 + 0x8000) >> 16, _THINNEST_Q8)
    sigma_q8 = (width_q8 * _SIGMA_Q8 + 128) >> 8
    pressure = np.maximum(some["pressure"].astype(np.int64), _FAINTEST)
    dab_x, dab_y, ink = _dabs(x, y, pressure, some["stroke"], width_q8, sigma_q8)
    across = _section(dab_x + _shift(dab_x, ink, int(x.max()), width_q8), sigma_q8)
    down = _section(dab_y + _shift(dab_y, ink, int(y.max()), width_q8), sigma_q8)
    heights = (down * ink) >> 8
    ridge = (heights.astype(np.float64) @ across.T.astype(np.float64)).astype(np.int64)
    high = _EDGE_GAIN * np.minimum(ridge, _RIDGE_ONE)
    return np.asarray(np.clip((high - _EDGE_OFFSET * _RIDGE_ONE + _RIDGE_ONE // 2) >> 18, 0, 255), np.uint8)


def raster_pack(pixels: Pixels) -> bytes:
    """Pack pixels into the 137 bytes of the wire, as `pack_bits` of firmware_bridge.wire.pixels does."""
    return np.packbits(pixels.reshape(-1) >= 128).tobytes()


def square_root(values: Any) -> _Ints:
    """Return floor(sqrt(value)) of integers below 2^32.

    It is exact: float64 holds them and the root's error is below half a unit.
    """
    return np.asarray(np.sqrt(np.asarray(values, np.float64)), np.int64)


def _dabs(
    x: _Ints, y: _Ints, pressure: _Ints, stroke: npt.NDArray[np.uint8], width_q8: int, sigma_q8: int
) -> tuple[_Ints, _Ints, _Ints]:
    """Return x, y (1/256 pixel) and height (1/1024) of the dabs, evenly spaced along each stroke."""
    joined = np.append(stroke[1:] == stroke[:-1], False)
    dx, dy, dp = (np.where(joined, np.append(np.diff(values), 0), 0) for values in (x, y, pressure))
    length = square_root(16 * (dx * dx + dy * dy))
    ends = np.cumsum(length)
    step = max(4 * sigma_q8, int(ends[-1]) // _DABS + 1)
    last = np.flatnonzero(~joined)
    first = np.append(0, last[:-1] + 1)
    begin = (ends - length)[first]
    stroke_length = ends[last] - begin
    count = np.maximum((stroke_length + step - 1) // step, 1)
    each = np.maximum(stroke_length, 6 * width_q8) // count
    spacing = stroke_length // count
    height = (each * _DAB_Q10 + 2 * sigma_q8) // (4 * sigma_q8)

    mine = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(mine)) - np.repeat(np.cumsum(count) - count, count)
    place = begin[mine] + spacing[mine] // 2 + number * spacing[mine]
    # The first segment of the stroke that ends at or beyond the place; a stroke of no length keeps its last point.
    segment = np.maximum(np.searchsorted(ends, place), first[mine])
    part = place - (ends - length)[segment]
    whole = np.maximum(length[segment], 1)

    def between(values: _Ints, steps: _Ints) -> _Ints:
        return np.asarray(values[segment] + np.sign(steps[segment]) * (np.abs(steps[segment]) * part // whole))

    ink = np.minimum((height[mine] * between(pressure, dp)) >> 7, _DENSEST)
    return between(x, dx), between(y, dy), ink


def _shift(place: _Ints, ink: _Ints, extent_q8: int, width_q8: int) -> int:
    """Return the move of a coordinate that brings the mass to the middle, all ink kept on the paper."""
    least = width_q8 // 2
    shift = _MIDDLE_Q8 - int((place * ink).sum()) // int(ink.sum())
    return max(least, min(shift, _LAST_Q8 - least - extent_q8))


def _section(middle: _Ints, sigma_q8: int) -> _Ints:
    """Return the heights 0 .. 255 of a bell about each place at the pixels: [33, dabs]."""
    per_q8_q16 = (_BELL_STEPS << 16) // sigma_q8
    index = (np.abs(_PIXELS_Q8 - middle) * per_q8_q16 + 0x8000) >> 16
    return np.asarray(_BELL_AND_NONE[np.minimum(index, len(_BELL))])
