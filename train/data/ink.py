"""Handwriting as pen strokes -> fragments, through the boards' own rasteriser and with any pen."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment import SIDE, Pixels
from edge.ink.fragment_set import FragmentSet, Ids
from edge.ink.raster import NOMINAL_PRESSURE, PEN_WIDTH, POINT, Points, raster_strokes

SYMBOL_MM = 7.0
"""Median larger side that a writer's symbols are given where nobody knows how large they were written."""
PLAUSIBLE_MM = 3.0, 15.0
"""A tablet's resolution is believed while the writer's median symbol lies in this range."""

_FAR_MM = 600.0
_CHUNK = 500
_Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ink:
    """N symbols as strokes of a pen.

    x, y           float32 [P], in mm, x to the right and y downwards
    point_offset   int64 [S + 1]: the points of stroke s are point_offset[s]:point_offset[s + 1]
    stroke_offset  int64 [N + 1]: the strokes of symbol k are stroke_offset[k]:stroke_offset[k + 1]
    writer, symbol, order, session   int32 [N], as in FragmentSet
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    point_offset: _Ints
    stroke_offset: _Ints
    writer: Ids
    symbol: Ids
    order: Ids
    session: Ids

    def __len__(self) -> int:
        return len(self.writer)

    def select(self, index: NDArray[np.generic]) -> "Ink":
        """Return the symbols at a boolean mask [N] or at integer indices, in the order given."""
        chosen = np.arange(len(self))[index]
        stroke, stroke_offset = _gather(self.stroke_offset, chosen)
        point, point_offset = _gather(self.point_offset, stroke)
        return Ink(
            self.x[point],
            self.y[point],
            point_offset,
            stroke_offset,
            self.writer[chosen],
            self.symbol[chosen],
            self.order[chosen],
            self.session[chosen],
        )


def points_of(ink: Ink, number: int) -> Points:
    """Return the points, POINT [P], of a symbol at nominal pressure, its upper left corner at 0, 0."""
    first, last = ink.stroke_offset[number], ink.stroke_offset[number + 1]
    ends = ink.point_offset[first : last + 1]
    points = np.empty(int(ends[-1] - ends[0]), POINT)
    for axis, places in (("x", ink.x), ("y", ink.y)):
        own = places[ends[0] : ends[-1]]
        points[axis] = np.minimum(np.rint(100 * (own - own.min(initial=np.inf))), 100 * _FAR_MM)
    points["pressure"] = NOMINAL_PRESSURE
    points["stroke"] = np.repeat(np.arange(last - first) % 256, np.diff(ends))
    return points


def pixels_of(ink: Ink, widths: int | NDArray[np.integer] = PEN_WIDTH, processes: int | None = None) -> Pixels:
    """Return grey fragments uint8 [N, 33, 33], each drawn as a pen board draws it.

    widths: of the pen, in 1/100 mm; one for all symbols, or int [N]. processes: how many compute; None stands for one
    a processor. The result does not depend on it.
    """
    each = np.broadcast_to(np.asarray(widths, np.int64), (len(ink),))
    starts = range(0, len(ink), _CHUNK)
    count = min(processes or os.cpu_count() or 1, len(starts))
    parts = [(ink.select(np.arange(s, min(s + _CHUNK, len(ink)))), each[s : s + _CHUNK]) for s in starts]
    if count <= 1:
        drawn = [_draw(part) for part in parts]
    else:
        with ProcessPoolExecutor(count) as pool:
            drawn = list(pool.map(_draw, parts))
    return np.concatenate([np.empty((0, SIDE, SIDE), np.uint8), *drawn])


def fragments(ink: Ink, widths: int | NDArray[np.integer] = PEN_WIDTH, processes: int | None = None) -> FragmentSet:
    """Return the fragments of `pixels_of` with their writers, symbols, orders and sessions."""
    return FragmentSet(pixels_of(ink, widths, processes), ink.writer, ink.symbol, ink.order, session=ink.session)


def scale_mm(size: NDArray[np.floating], writer: Ids, units_per_mm: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mm a unit of each symbol, float64 [N], one value for each writer.

    size: larger side of each symbol in units. units_per_mm: what the tablet is said to have, 0 unknown. What is said is
    believed if it makes the writer's median symbol PLAUSIBLE_MM; else that symbol is made SYMBOL_MM.
    """
    mm = np.empty(len(size))
    for one in np.unique(writer):
        own = writer == one
        median, said = max(float(np.median(size[own])), 1.0), float(np.median(units_per_mm[own]))
        believed = said > 0 and PLAUSIBLE_MM[0] <= median / said <= PLAUSIBLE_MM[1]
        mm[own] = 1 / said if believed else SYMBOL_MM / median
    return mm


def join_strokes(symbols: Sequence[Sequence[NDArray[np.floating]]]) -> tuple[NDArray[np.float32], _Ints, _Ints]:
    """Return points float32 [P, 2] and both offsets of symbols given as lists of strokes [n, 2]."""
    strokes = [stroke for symbol in symbols for stroke in symbol]
    points = np.concatenate([np.empty((0, 2)), *strokes]).astype(np.float32)
    return points, _offsets([len(s) for s in strokes]), _offsets([len(s) for s in symbols])


def _draw(part: tuple[Ink, NDArray[np.int64]]) -> Pixels:
    ink, widths = part
    return np.stack([raster_strokes(points_of(ink, k), int(widths[k])) for k in range(len(ink))])


def _offsets(counts: Sequence[int] | NDArray[np.integer]) -> _Ints:
    return np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))]).astype(np.int64)


def _gather(offset: _Ints, chosen: NDArray[np.integer]) -> tuple[_Ints, _Ints]:
    """Return the places of what the chosen ones hold, and the offsets of what was gathered."""
    counts = np.diff(offset)[chosen]
    gathered = _offsets(counts)
    return np.arange(gathered[-1]) + np.repeat(offset[:-1][chosen] - gathered[:-1], counts), gathered
