"""A grey picture of a written word -> its symbols in reading order.

Twin of segment.c and segment_fragment.c in firmware_bridge/firmware/core/ink: equal bit for bit.

edge.ink.segment_light tells ink from paper in any light, edge.ink.segment_lines leaves out printed lines,
edge.ink.segment_symbols joins the ink to symbols, and `segment_fragment` draws these as fragments. All arithmetic is on
integers.
"""

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.ink import segment_symbols
from edge.ink.fragment import SIDE, Pixels
from edge.ink.segment_light import FAINT, INK, SURE, read_light
from edge.ink.segment_lines import Lines, confirm, find_lines, mark, written
from edge.ink.segment_symbols import InkRun, Symbol

MAX_PIXELS = 76800
MAX_SIDE = 640
MAX_RUNS = 4096
MAX_COMPONENTS = 512

_Ints = npt.NDArray[np.int64]

_LEAST_SIDE = 16
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
    DARK = -5
    """Too much of the picture is too dark to tell ink."""
    JOINED = -6
    """Printed lines or boxes hang together with the writing, or several symbols."""
    EDGE = -7
    """The writing, or something dark, reaches the picture's edge."""
    UNSURE = -8
    """Blurred or faint: a little more or less light would make other symbols."""

    @property
    def told(self) -> str:
        """Return what a camera board tells the host, of at most 64 characters."""
        return _TOLD[self]


_TOLD = {
    SegmentReason.BLANK: "the picture is blank",
    SegmentReason.OVERFULL: "more ink in the picture than writing has",
    SegmentReason.TOO_MANY: "more symbols in the picture than a word may have",
    SegmentReason.SIZE: "no camera takes pictures of this size",
    SegmentReason.DARK: "the picture is too dark",
    SegmentReason.JOINED: "printed lines or boxes run into the writing",
    SegmentReason.EDGE: "the writing reaches the edge of the picture",
    SegmentReason.UNSURE: "too blurred or faint to tell the symbols apart",
}


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
    if min(rows, columns) < _LEAST_SIDE or max(rows, columns) > MAX_SIDE or rows * columns > MAX_PIXELS:
        return SegmentReason.SIZE
    darkness, threshold = read_light(picture)
    if threshold <= 0:
        return SegmentReason(threshold or SegmentReason.BLANK)
    lines = find_lines(darkness)
    if lines is None:
        return SegmentReason.JOINED
    if lines.across or lines.upright:
        printed = confirm(lines, _height(darkness, lines))
        if printed is None:
            return SegmentReason.JOINED
        darkness = mark(darkness, printed)
    found = _read(darkness, INK, threshold)
    if isinstance(found, SegmentReason):
        return found
    for level in (FAINT, SURE):
        other = _read(darkness, level, threshold)
        if isinstance(other, SegmentReason) or len(other.symbols) != len(found.symbols):
            return SegmentReason.UNSURE
    return found


def _height(darkness: Pixels, lines: Lines) -> int:
    """Return the writing's height, without lines if there is any without them; 0 if there is none."""
    rows, columns = darkness.shape
    for some in (lines, Lines(lines.across, []), Lines([], [])):
        ink = _components(mark(darkness, some), INK)
        height = 0 if ink is None else segment_symbols.measure_height(*ink, columns, rows)
        if height > 0:
            return height
    return 0


def _read(darkness: Pixels, level: int, threshold: int) -> Segmentation | SegmentReason:
    """Return the symbols if ink is what is as dark as `level` and no line's."""
    rows, columns = darkness.shape
    ink = _components(darkness, level)
    if ink is None:
        return SegmentReason.OVERFULL
    runs, labels, count = ink
    found = segment_symbols.find_symbols(runs, labels, count, columns, rows)
    if isinstance(found, int):
        return SegmentReason(found)
    groups = tuple(found.groups[label] for label in labels)
    return Segmentation(found.symbols, tuple(runs), groups, found.height, found.pen, threshold)


def _components(darkness: Pixels, level: int) -> tuple[list[InkRun], list[int], int] | None:
    """Return runs, their components and how many these are; None if there is more than writing has."""
    ink = written(darkness, level) > 0
    runs = _find_runs(ink)
    if len(runs) > MAX_RUNS or int(ink.sum()) * 5 > 2 * ink.size:
        return None
    labels, count = _connect(runs)
    return None if count > MAX_COMPONENTS else (runs, labels, count)


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
