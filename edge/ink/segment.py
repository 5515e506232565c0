"""A grey picture of a written word -> its symbols in reading order.

Twin of segment.c and segment_fragment.c in firmware_bridge/firmware/core/ink: equal bit for bit.

Ink is told from paper by its share of the paper's brightness around it, so that light may fall unevenly.
edge.ink.segment_symbols joins the ink to symbols, and `segment_fragment` draws these as fragments. All
arithmetic is on integers.
"""

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.ink import segment_symbols
from edge.ink.fragment import SIDE, Pixels
from edge.ink.segment_symbols import InkRun, Symbol

MAX_PIXELS = 76800
MAX_SIDE = 640
MAX_RUNS = 4096
MAX_COMPONENTS = 512

_Ints = npt.NDArray[np.int64]

_TILE = 16
_DARKEST = 40
_FAINTEST = 20
_LEAST_INK = 12
_BOX = 25
_PAPER_Q8 = SIDE * 256
_THINNEST_Q8 = 460
_FULL = 65536
_EDGE_GAIN = 510


class SegmentReason(enum.IntEnum):
    """Why a picture has no symbols."""

    BLANK = -1
    """Nothing is written, or the lens is covered."""
    OVERFULL = -2
    """More ink than writing has."""
    TOO_MANY = -3
    """More symbols than segment_symbols.MAX_SYMBOLS."""
    SIZE = -4
    """A picture of this size is not taken."""


@dataclass(frozen=True)
class Segmentation:
    """What was found in a picture; lengths in its pixels."""

    symbols: tuple[Symbol, ...]
    runs: tuple[InkRun, ...]
    groups: tuple[int, ...]  # by run: the group of its component, -1 if that was dropped
    height: int
    pen: int
    threshold: int


def segment(picture: Pixels) -> Segmentation | SegmentReason:
    """Return the symbols of a picture, or the reason why it has none.

    picture: uint8 [rows, columns], 0 black .. 255 white; dark ink on bright paper.
    """
    rows, columns = picture.shape
    if min(rows, columns) < _TILE or max(rows, columns) > MAX_SIDE or rows * columns > MAX_PIXELS:
        return SegmentReason.SIZE
    levels = _paper_levels(picture)
    if int(levels.max()) < _DARKEST:
        return SegmentReason.BLANK
    shares = _levelled(picture, levels)
    threshold = _find_threshold(shares)
    if threshold == 0:
        return SegmentReason.BLANK
    ink = shares < threshold
    runs = _find_runs(ink)
    if len(runs) > MAX_RUNS or int(ink.sum()) * 5 > 2 * rows * columns:
        return SegmentReason.OVERFULL
    labels, count = _connect(runs)
    if count > MAX_COMPONENTS:
        return SegmentReason.OVERFULL
    found = segment_symbols.find_symbols(runs, labels, count, columns, rows)
    if isinstance(found, int):
        return SegmentReason(found)
    groups = tuple(found.groups[label] for label in labels)
    return Segmentation(found.symbols, tuple(runs), groups, found.height, found.pen, threshold)


def segment_fragment(found: Segmentation, index: int) -> Pixels:
    """Draw symbol `index` in reading order as a fragment, uint8 [33, 33].

    The ink is 25 pixels on its larger side, and its mass lies in the middle.
    """
    symbol = found.symbols[index]
    parts = np.array(
        [
            (max(run.left, symbol.first), min(run.right, symbol.last) + 1, run.row)
            for run, group in zip(found.runs, found.groups, strict=True)
            if group == symbol.group and run.right >= symbol.first and run.left <= symbol.last
        ],
        np.int64,
    )
    left, right, row = (parts - np.array([symbol.box.left, symbol.box.left, symbol.box.top])).T
    scale_q16 = (_BOX << 16) // max(symbol.box.width, symbol.box.height)
    count = right - left
    area = int(count.sum())
    across = _shift(int(((left + right - 1) * count).sum()), area, symbol.box.width, scale_q16)
    down = _shift(int((2 * row * count).sum()), area, symbol.box.height, scale_q16)
    pen_q8 = (found.pen * scale_q16) >> 8
    grow = max(_THINNEST_Q8 - pen_q8, 0) // 2
    wide = _overlaps(((left * scale_q16) >> 8) + across - grow, ((right * scale_q16) >> 8) + across + grow)
    high = _overlaps(((row * scale_q16) >> 8) + down - grow, (((row + 1) * scale_q16) >> 8) + down + grow)
    ink = np.minimum(high.T @ wide, _FULL)
    framed = np.pad(ink, 1)
    smooth = framed[:, :-2] + 2 * framed[:, 1:-1] + framed[:, 2:]
    smooth = smooth[:-2] + 2 * smooth[1:-1] + smooth[2:]
    grey = np.maximum(smooth - 4 * _FULL, 0) * _EDGE_GAIN // (16 * _FULL)
    return np.asarray(np.minimum(grey, 255), np.uint8)


def _paper_levels(picture: Pixels) -> _Ints:
    """Return the brightness that a tenth of each tile's pixels reach: [tiles down, tiles across]."""
    rows, columns = picture.shape
    levels = np.zeros((-(-rows // _TILE), -(-columns // _TILE)), np.int64)
    for row, column in np.ndindex(levels.shape):
        tile = picture[row * _TILE : (row + 1) * _TILE, column * _TILE : (column + 1) * _TILE].reshape(-1)
        brighter = -(-tile.size // 10)
        levels[row, column] = int(np.partition(tile, tile.size - brighter)[tile.size - brighter]) // 4 * 4 + 2
    return levels


def _levelled(picture: Pixels, levels: _Ints) -> _Ints:
    """Return the pixels with paper at about 128.

    Gains between the middles of tiles are interpolated.
    """
    framed = np.pad(levels, 1)
    down, across = levels.shape
    near = np.max([framed[y : y + down, x : x + across] for y in range(3) for x in range(3)], axis=0)
    gains: _Ints = np.asarray(32768 // np.where(levels * 8 < near * 5, near, levels), np.int64)
    rows, columns = picture.shape
    upper, lower, y = _neighbours(rows, down)
    first, second, x = _neighbours(columns, across)
    by_row = np.asarray(gains[upper] * (_TILE - y)[:, None] + gains[lower] * y[:, None], np.int64)
    gain = np.asarray(by_row[:, first] * (_TILE - x) + by_row[:, second] * x, np.int64)
    return np.asarray(np.minimum((picture.astype(np.int64) * gain) >> 16, 255))


def _neighbours(places: int, tiles: int) -> tuple[_Ints, _Ints, _Ints]:
    """Return two tiles for each place, and how far it is from the first to the second, in 1/_TILE."""
    moved = np.arange(places, dtype=np.int64) + _TILE // 2
    after = moved // _TILE
    return np.clip(after - 1, 0, tiles - 1), np.minimum(after, tiles - 1), moved % _TILE


def _find_threshold(shares: _Ints) -> int:
    """Return the threshold half-way between paper and ink; 0 if there is no ink."""
    counts = np.bincount(shares.reshape(-1), minlength=256)
    near = counts[63:191] + counts[64:192] + counts[65:193]
    paper = 64 + int(near.argmax())
    brighter = counts[::-1].cumsum()
    high = 255 - int(np.flatnonzero(brighter * 10 >= shares.size)[0])
    margin = max(3 * max(high - paper, 0), _FAINTEST)
    limit = max(paper - margin, 0)
    ink = int(counts[:limit].sum())
    if ink < _LEAST_INK:
        return 0
    mean = int((counts[:limit] * np.arange(limit)).sum()) // ink
    return min((paper + mean) // 2, limit) if 2 * (paper - mean) >= 3 * margin else 0


def _find_runs(ink: npt.NDArray[np.bool_]) -> list[InkRun]:
    """Return the runs of ink pixels side by side, row by row."""
    edges = np.diff(np.pad(ink, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, lefts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1] - 1
    return [InkRun(*numbers) for numbers in zip(lefts.tolist(), ends.tolist(), rows.tolist(), strict=True)]


def _connect(runs: list[InkRun]) -> tuple[list[int], int]:
    """Return the component of every run, and how many components there are.

    They are numbered in the order of their first runs.
    """
    parents = list(range(len(runs)))

    def root_of(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    above = 0
    for number, run in enumerate(runs):
        while runs[above].row < run.row - 1 or (runs[above].row < run.row and runs[above].right + 1 < run.left):
            above += 1
        other = above
        while runs[other].row < run.row and runs[other].left <= run.right + 1:
            a, b = root_of(other), root_of(number)
            parents[max(a, b)] = min(a, b)
            other += 1
    names: dict[int, int] = {}
    return [names.setdefault(root_of(run), len(names)) for run in range(len(runs))], len(names)


def _shift(twice_moment: int, area: int, extent: int, scale_q16: int) -> int:
    """Return the move that brings the mass to the middle, all ink kept on the paper."""
    mass_q8 = ((twice_moment + area) * 128 // area * scale_q16) >> 16
    return max(0, min(_PAPER_Q8 // 2 - mass_q8, _PAPER_Q8 - ((extent * scale_q16) >> 8)))


def _overlaps(begin_q8: _Ints, end_q8: _Ints) -> _Ints:
    """Return how much of each of the 33 pixels lies between two places, 0 .. 256: [places, 33]."""
    pixel = np.arange(SIDE, dtype=np.int64) * 256
    return np.asarray(np.clip(np.minimum(end_q8[:, None], pixel + 256) - np.maximum(begin_q8[:, None], pixel), 0, None))
