"""Connected components of ink -> symbols in reading order.

Twin of segment_pieces.c and segment_symbols.c in firmware_bridge/firmware/core/ink: equal bit for bit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

MAX_SYMBOLS = 48
MAX_PIECES = 128
BLANK, OVERFULL, TOO_MANY, JOINED, EDGE = -1, -2, -3, -6, -7

_LEAST_SIDE = 6
_LEAST_PART = 3
_CUT_WIDTH_10 = 12
_TALL_10 = 7
_WIDEST = 2


class InkRun(NamedTuple):
    """Ink pixels side by side in one row; both ends belong to it."""

    left: int
    right: int
    row: int


class Box(NamedTuple):
    """A rectangle of pixels; right and bottom belong to it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Return the number of pixels across."""
        return self.right - self.left + 1

    @property
    def height(self) -> int:
        """Return the number of pixels down."""
        return self.bottom - self.top + 1


class Symbol(NamedTuple):
    """A symbol that was found.

    box          the box around its ink
    group        the group of its components
    line         its line, counted from the top
    first, last  the columns of the group that are its own
    """

    box: Box
    group: int
    line: int
    first: int
    last: int


@dataclass(frozen=True)
class Found:
    """What was found in a picture; lengths in pixels.

    symbols  in reading order
    groups   the group of every component, -1 if it was dropped
    height   the height of symbols
    pen      the width of the pen
    """

    symbols: tuple[Symbol, ...]
    groups: tuple[int, ...]
    height: int
    pen: int


def find_symbols(runs: list[InkRun], labels: list[int], count: int, width: int, rows: int) -> Found | int:
    """Return the symbols, or BLANK, OVERFULL or TOO_MANY.

    Specks are dropped, pieces merged, joined symbols cut, and the symbols sorted.

    labels: the component, 0 .. count - 1, of each run. width, rows: the picture's.
    """
    pieces = _pieces(runs, labels, count, width, rows)
    if isinstance(pieces, int):
        return pieces
    height = pieces.height
    _merge(pieces.pieces, lambda a, b: _kinship(a, b, height, pieces.pen))
    groups = [-1] * count
    for group, piece in enumerate(pieces.pieces):
        for component in piece.components:
            groups[component] = group
    by_group = [
        [run for run, label in zip(runs, labels, strict=True) if groups[label] == g] for g in range(len(pieces.pieces))
    ]
    symbols: list[Symbol] = []
    for group, piece in enumerate(pieces.pieces):
        for first, last in _cut(by_group[group], piece.box, height, pieces.pen):
            symbol = _symbol(by_group[group], group, first, last, height)
            if symbol:
                symbols.append(symbol)
            if len(symbols) > MAX_SYMBOLS:
                return TOO_MANY
    if pieces.framed or any(_is_at_border(symbol.box, width, rows) for symbol in symbols):
        return EDGE
    if any(symbol.box.width > _WIDEST * max(height, symbol.box.height) for symbol in symbols):
        return JOINED
    return Found(tuple(_ordered(symbols)), tuple(groups), height, pieces.pen) if symbols else BLANK


def measure_height(runs: list[InkRun], labels: list[int], count: int, width: int, rows: int) -> int:
    """Return the height of symbols, 0 if there are none; arguments as of `find_symbols`."""
    pieces = _pieces(runs, labels, count, width, rows)
    return 0 if isinstance(pieces, int) or not pieces.pieces else pieces.height


class _Column(NamedTuple):
    """The ink of one column: how many pixels, and its first and last row."""

    ink: int
    top: int
    bottom: int


_PAPER = _Column(0, 1, 0)


class _Piece(NamedTuple):
    """Components that belong to one symbol."""

    box: Box
    area: int
    components: tuple[int, ...]


@dataclass
class _Pieces:
    """The pieces of a picture, those of a symbol unmerged; framed: something dark reaches into it."""

    pieces: list[_Piece]
    height: int
    pen: int
    framed: bool


def _pieces(runs: list[InkRun], labels: list[int], count: int, width: int, rows: int) -> _Pieces | int:
    """Return the pieces, without specks, edges and boxes, broken strokes joined; BLANK or OVERFULL."""
    boxes: list[Box | None] = [None] * count
    areas = [0] * count
    for run, label in zip(runs, labels, strict=True):
        boxes[label] = _around(boxes[label], Box(run.left, run.row, run.right, run.row))
        areas[label] += run.right - run.left + 1
    whole = [box for box in boxes if box is not None]
    frames = [_is_frame(box, width, rows) for box in whole]
    framed = any(frames)
    inner = _inner_ink(runs, labels, whole)
    for i in range(count):
        frames[i] = frames[i] or (16 * inner[i] <= areas[i] and _holds_one(whole[i], whole))
    used = sum(1 for label in labels if not frames[label])
    if used == 0:
        return BLANK
    pen = sum(area for area, frame in zip(areas, frames, strict=True) if not frame) // used
    least = max(pen * pen // 2, 4)
    kept = [i for i in range(count) if not frames[i] and areas[i] >= least]
    if len(kept) > MAX_PIECES:
        return OVERFULL
    pieces = [_Piece(whole[i], areas[i], (i,)) for i in kept]
    _merge(pieces, lambda a, b: _breach(a, b, pen))
    return _Pieces(pieces, _measure_height(pieces, rows), pen, framed)


def _border(box: Box) -> int:
    """Return how far from its border a box's own line may lie."""
    return max(min(box.width, box.height) // 10, 3)


def _inner_ink(runs: list[InkRun], labels: list[int], boxes: list[Box]) -> list[int]:
    """Return the ink of every component that is not near the border of its box."""
    inner = [0] * len(boxes)
    for run, label in zip(runs, labels, strict=True):
        box, border = boxes[label], _border(boxes[label])
        if box.top + border <= run.row <= box.bottom - border:
            inner[label] += max(min(run.right, box.right - border) - max(run.left, box.left + border) + 1, 0)
    return inner


def _holds_one(box: Box, boxes: list[Box]) -> bool:
    """Return whether something a third as high or higher lies in a box, away from its border."""
    border = _border(box)
    return any(
        3 * other.height >= box.height
        and box.left + border <= other.left
        and other.right <= box.right - border
        and box.top + border <= other.top
        and other.bottom <= box.bottom - border
        for other in boxes
    )


def _around(a: Box | None, b: Box) -> Box:
    if a is None:
        return b
    return Box(min(a.left, b.left), min(a.top, b.top), max(a.right, b.right), max(a.bottom, b.bottom))


def _gap(a_from: int, a_to: int, b_from: int, b_to: int) -> int:
    """Return the pixels of paper between two stretches; negative if they overlap by as many."""
    return max(a_from, b_from) - min(a_to, b_to) - 1


def _is_frame(box: Box, width: int, rows: int) -> bool:
    """Return whether the ink is the sheet's edge or a shadow, and no writing.

    Such ink is longer than half of the picture and at its border.
    """
    return _is_at_border(box, width, rows) and (2 * box.width > width or 2 * box.height > rows)


def _is_at_border(box: Box, width: int, rows: int) -> bool:
    """Return whether a box reaches the border of the picture."""
    return box.left == 0 or box.top == 0 or box.right + 1 == width or box.bottom + 1 == rows


def _measure_height(pieces: list[_Piece], rows: int) -> int:
    """Return the lowest height such that pieces no higher hold half of the ink; `rows` at most."""
    total = sum(piece.area for piece in pieces)
    reached = [
        piece.box.height
        for piece in pieces
        if 2 * sum(other.area for other in pieces if other.box.height <= piece.box.height) >= total
    ]
    return min([*reached, rows])


def _is_stacked(a: Box, b: Box) -> bool:
    """Return whether at least half of the narrower box lies below or above the other."""
    return -2 * _gap(a.left, a.right, b.left, b.right) >= min(a.width, b.width)


def _breach(a: Box, b: Box, pen: int) -> int:
    """Return how far apart two halves of a broken stroke are, one above the other.

    -1 if they are no such halves.
    """
    down = _gap(a.top, a.bottom, b.top, b.bottom)
    return max(down, 0) if _is_stacked(a, b) and -pen <= down <= pen else -1


def _kinship(a: Box, b: Box, height: int, pen: int) -> int:
    """Return how far apart two pieces of one symbol are, one of them small.

    -1 if they are no such pieces.
    """
    across, down = _gap(a.left, a.right, b.left, b.right), _gap(a.top, a.bottom, b.top, b.bottom)
    both = _around(a, b)
    small = 5 * min(a.height, b.height) < 3 * height
    stacked = _is_stacked(a, b) and 2 * down <= height
    broken = across <= pen and down <= pen and 10 * both.width <= 11 * height
    if not small or 5 * both.height > 8 * height or not (stacked or broken):
        return -1
    return max(across, 0) + max(down, 0)


def _merge(pieces: list[_Piece], distance_of: Callable[[Box, Box], int]) -> None:
    """Merge the two nearest pieces of one symbol, again and again.

    distance_of: how far apart two pieces are; negative if they do not belong to one symbol.
    """
    while True:
        near = [
            (apart, i, j)
            for i in range(len(pieces))
            for j in range(i + 1, len(pieces))
            if (apart := distance_of(pieces[i].box, pieces[j].box)) >= 0
        ]
        if not near:
            return
        _, first, second = min(near)
        a, b = pieces[first], pieces[second]
        pieces[first] = _Piece(_around(a.box, b.box), a.area + b.area, a.components + b.components)
        last = pieces.pop()
        if second != len(pieces):
            pieces[second] = last


def _cut(runs: list[InkRun], box: Box, height: int, pen: int) -> list[tuple[int, int]]:
    """Return the columns (first, last) of each symbol of a group.

    The group is one symbol, or several that are joined by thin strokes.
    """
    if 10 * box.width <= _CUT_WIDTH_10 * height:
        return [(box.left, box.right)]
    columns = _columns(runs)
    joints = [x for x in range(box.left, box.right) if _is_joint(columns.get(x, _PAPER), height, pen)]
    first, found = box.left, []
    for begin, end in _stretches(joints):
        _, cut = min(
            (2 * columns.get(x, _PAPER).ink * height + abs(2 * x - begin - end) * pen, x) for x in range(begin, end + 1)
        )
        if cut > first and all(
            side is not None and 10 * side.height >= _TALL_10 * height
            for side in (_box_of(runs, first, cut - 1), _box_of(runs, cut, box.right))
        ):
            found.append((first, cut - 1))
            first = cut
    return [*found, (first, box.right)]


def _columns(runs: list[InkRun]) -> dict[int, _Column]:
    """Return the ink of a group by column."""
    columns: dict[int, _Column] = {}
    for run in runs:
        for x in range(run.left, run.right + 1):
            before = columns.get(x, _Column(0, run.row, run.row))
            columns[x] = _Column(before.ink + 1, before.top, run.row)
    return columns


def _is_joint(column: _Column, height: int, pen: int) -> bool:
    """Return whether two symbols may be joined in this column.

    The ink there is thin, and lies closer together than the two strokes of a 0.
    """
    return 2 * column.ink <= 3 * pen + 2 and 3 * (column.bottom - column.top + 1) <= height


def _stretches(places: list[int]) -> list[tuple[int, int]]:
    """Return (first, last) of each stretch of places side by side; `places` are ascending."""
    begins = [x for i, x in enumerate(places) if i == 0 or places[i - 1] != x - 1]
    ends = [x for i, x in enumerate(places) if i + 1 == len(places) or places[i + 1] != x + 1]
    return list(zip(begins, ends, strict=True))


def _box_of(runs: list[InkRun], first: int, last: int) -> Box | None:
    """Return the box around the ink in these columns, None if there is none."""
    box: Box | None = None
    for run in runs:
        if run.right >= first and run.left <= last:
            box = _around(box, Box(max(run.left, first), run.row, min(run.right, last), run.row))
    return box


def _symbol(runs: list[InkRun], group: int, first: int, last: int, height: int) -> Symbol | None:
    """Return the group's ink in these columns as a symbol, None if it is a speck."""
    box = _box_of(runs, first, last)
    if box is None:
        return None
    side = max(box.width, box.height)
    return None if side < _LEAST_SIDE or _LEAST_PART * side < height else Symbol(box, group, 0, first, last)


def _ordered(symbols: list[Symbol]) -> list[Symbol]:
    """Return the symbols in reading order, each with its line.

    From left to right, each goes to the line whose last symbol is most beside it; lines go from top to bottom.
    """
    across = sorted(symbols, key=lambda symbol: symbol.box.left + symbol.box.right)
    lines: list[list[Symbol]] = []
    for symbol in across:
        best, most = None, 0
        for line in lines:
            end = line[-1].box
            shared = -_gap(symbol.box.top, symbol.box.bottom, end.top, end.bottom)
            if shared > most and 2 * shared >= min(symbol.box.height, end.height):
                best, most = line, shared
        if best is None:
            lines.append([symbol])
        else:
            best.append(symbol)
    lines.sort(key=lambda line: line[0].box.top + line[0].box.bottom)
    return [symbol._replace(line=number) for number, line in enumerate(lines) for symbol in line]
