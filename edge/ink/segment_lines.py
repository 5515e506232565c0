"""The darkness of a picture's pixels -> the printed lines in it, which are no writing.

Twin of segment_lines.c in firmware_bridge/firmware/core/ink: equal bit for bit.

A line is followed from column to column, upright ones from row to row: thin, straight, without a gap. Where it crosses
a stroke the ink is thick, and stays. Places across are in 1/256 pixel, _q8.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edge.ink.fragment import Pixels
from edge.ink.segment_light import FAINT, INK

_Bits = npt.NDArray[np.bool_]

MAX_LINES = 128
MAX_OPEN = 64
LEVEL, ACROSS, UPRIGHT = 0x07, 0x40, 0x80
"""Bits of a marked pixel beside its darkness: it belongs to a line across; to an upright line."""
UNDER_ACROSS, UNDER_UPRIGHT = 0x10, 0x20
"""Bits of a marked pixel on a line's way where the ink is not the line's alone, and a little beyond its ends."""

_THICKEST = 9
_THICKER = 2
_NEAR_Q8 = 384
_STEEPEST_Q14 = 64 * 64
_LONGEST_GAP = 2
_LEAST_ACROSS = 16
_LEAST_UPRIGHT = 5
_LONG_UPRIGHT = 96
_KNOWN_SLOPE = 32
_LONGEST_CROSSING = 96
_ABUTS = 5
_TICKS = 3
_IN_LINE_Q8 = 640


class Line(NamedTuple):
    """A printed line: its ends along, its middle across there, its width, which ends have paper."""

    first: int
    last: int
    begin_q8: int
    end_q8: int
    width: int
    free_first: bool
    free_last: bool

    @property
    def length(self) -> int:
        """Return the number of pixels along."""
        return self.last - self.first + 1

    def middle(self, along: int) -> int:
        """Return the pixel across at a place along the line; beyond its ends that of the end."""
        place = min(max(along, self.first), self.last)
        span = max(self.last - self.first, 1)
        return ((self.begin_q8 * (self.last - place) + self.end_q8 * (place - self.first)) // span) >> 8


@dataclass
class Lines:
    """Lines across and upright ones."""

    across: list[Line]
    upright: list[Line]


def find_lines(darkness: Pixels) -> Lines | None:
    """Return the lines that may be printed ones, None if there are more than MAX_LINES.

    An upright line is long, or hangs on a line across, or stands alone.
    """
    across = [line for line in _trace(darkness.T >= FAINT) if line.length >= _LEAST_ACROSS]
    upright = [
        line
        for line in _trace(darkness >= FAINT)
        if line.length >= _LONG_UPRIGHT or (line.free_first and line.free_last) or _ends_at(line, across)
    ]
    return None if len(across) + len(upright) > MAX_LINES else Lines(across, upright)


def confirm(lines: Lines, height: int) -> Lines | None:
    """Return the lines that are none of writing `height` pixels high; None if that is not certain.

    Lines across are twice as long, alone or together with others in the same line, or sides of a box. Upright ones are
    twice as long, or reach from one such line to another, or are ticks in a row.
    """
    boxes = _boxes(lines, height)
    across = [
        line
        for line in lines.across
        if line in boxes.across or sum(other.length for other in lines.across if _in_line(line, other)) >= 2 * height
    ]
    if any(4 * line.length >= 7 * height and line not in across for line in lines.across):
        return None
    ticks = [line for line in lines.upright if 4 * line.length <= 3 * height and _is_tick(line, across)]
    upright = [
        line
        for line in lines.upright
        if line.length >= 2 * height
        or line in boxes.upright
        or _reaches_over(line, lines.upright, across)
        or (line in ticks and sum(_alike(line, tick) for tick in ticks) >= _TICKS)
    ]
    if any(line.length >= height and line not in upright and _is_corner(line, across) for line in lines.upright):
        return None
    return Lines(across, upright)


def mark(darkness: Pixels, lines: Lines) -> Pixels:
    """Return the darkness with the bits of lines; ACROSS or UPRIGHT where the ink is a line's alone."""
    marked = darkness.copy()
    _mark_some(marked.T, (darkness >= FAINT).T, lines.across, ACROSS, UNDER_ACROSS)
    _mark_some(marked, darkness >= FAINT, lines.upright, UPRIGHT, UNDER_UPRIGHT)
    return marked


def written(marked: Pixels, level: int) -> Pixels:
    """Return which pixels are at least so dark and no line's; where two lines cross is theirs."""
    crossed = (marked & UNDER_ACROSS > 0) & (marked & UNDER_UPRIGHT > 0)
    return np.asarray((marked < ACROSS) & ~crossed & (marked & LEVEL >= level), np.uint8)


def _mark_some(marked: Pixels, ink: _Bits, lines: list[Line], own: int, under: int) -> None:
    """Set the bits of lines along the rows' numbers of marked [along, across]."""
    rows = [bytes(row) for row in ink.astype(np.uint8)]
    for line in lines:
        chain = _Chain(line.first, line.begin_q8, True)
        for along in range(line.first, line.last + 1):
            stretch = chain.step(rows[along], along)
            if stretch is not None:
                marked[along, stretch[0] : stretch[1] + 1] |= own
            else:
                _mark_crossing(marked[along], line, chain.place_q8 >> 8, own, under)
        for beyond in range(1, _ABUTS + 1):
            if line.first >= beyond:
                _mark_under(marked[line.first - beyond], line, line.begin_q8 >> 8, under)
            if line.last + beyond < len(marked):
                _mark_under(marked[line.last + beyond], line, line.end_q8 >> 8, under)


def _mark_crossing(row: Pixels, line: Line, place: int, own: int, under: int) -> None:
    """Set the bits where a line meets a stroke: the ink is the line's if the stroke only ends there."""
    reach = line.width // 2 + 1
    first, last = max(place - reach, 0), min(place + reach, len(row) - 1)
    before, behind = _ink_towards(row, first - 1, -1), _ink_towards(row, last + 1, 1)
    sure = bytes((row & LEVEL >= INK).astype(np.uint8))
    stretch = stretch_at(sure, place)
    alone = stretch is not None and stretch[0] >= first and stretch[1] <= last
    ends = (before == 0) != (behind == 0) and max(before, behind) > _THICKEST
    row[first : last + 1] |= own | under if alone or ends else under


def _ink_towards(row: Pixels, place: int, step: int) -> int:
    """Return how many pixels from a place on are ink without a gap; _THICKEST + 1 at most."""
    count = 0
    while 0 <= place < len(row) and row[place] & LEVEL >= FAINT and count <= _THICKEST:
        place, count = place + step, count + 1
    return count


def _mark_under(row: Pixels, line: Line, place: int, under: int) -> None:
    """Set the bit in a row where the line, a little wider than it is, passes."""
    reach = line.width // 2 + 1
    row[max(place - reach, 0) : max(place + reach + 1, 0)] |= under


def _ends_at(upright: Line, across: list[Line]) -> int:
    """Return how many ends of an upright line, 0 to 2, are at a line across that is no thinner."""
    return sum(
        any(
            line.first - _ABUTS <= (place_q8 >> 8) <= line.last + _ABUTS
            and abs(line.middle(place_q8 >> 8) - end) <= ((line.width + 1) // 2 if free else _ABUTS)
            and upright.width <= line.width + _THICKER
            for line in across
        )
        for end, place_q8, free in (
            (upright.first, upright.begin_q8, upright.free_first),
            (upright.last, upright.end_q8, upright.free_last),
        )
    )


def _boxes(lines: Lines, height: int) -> Lines:
    """Return the lines that make boxes higher than the writing: each ends at others at both ends."""
    across, upright = lines.across, [line for line in lines.upright if 10 * line.length >= 11 * height]
    while True:
        sides = [line for line in upright if _ends_at(line, across) == 2]
        caps = [line for line in across if _ends_at(line, sides) == 2]
        if len(sides) == len(upright) and len(caps) == len(across):
            return Lines(across, upright)
        across, upright = caps, sides


def _in_line(line: Line, other: Line) -> bool:
    """Return whether another line lies in a line's direction; that of the longer counts."""
    long, short = (line, other) if line.length >= other.length else (other, line)
    span = max(long.last - long.first, 1)
    return all(
        abs(long.begin_q8 + (long.end_q8 - long.begin_q8) * (along - long.first) // span - place_q8) <= _IN_LINE_Q8
        for along, place_q8 in ((short.first, short.begin_q8), (short.last, short.end_q8))
    )


def _reaches_over(upright: Line, others: list[Line], across: list[Line]) -> bool:
    """Return whether an upright line ends at lines across twice, be it behind a stroke."""
    ends = _ends_at(upright, across)
    return ends == 2 or (
        ends == 1
        and any(
            _in_line(upright, other)
            and (other.last < upright.first or other.first > upright.last)
            and _ends_at(other, across) == 1
            for other in others
        )
    )


def _is_corner(upright: Line, across: list[Line]) -> bool:
    """Return whether an upright line ends where a line across ends."""
    return any(
        _ends_at(upright, [line]) > 0
        and min(abs((place_q8 >> 8) - end) for place_q8 in (upright.begin_q8, upright.end_q8) for end in line[:2])
        <= _ABUTS
        for line in across
    )


def _is_tick(line: Line, across: list[Line]) -> bool:
    """Return whether an upright line stands alone, or with one end on a line across."""
    return (line.free_first and line.free_last) or ((line.free_first or line.free_last) and _ends_at(line, across) == 1)


def _alike(one: Line, other: Line) -> bool:
    """Return whether two ticks begin and end beside one another, on paper that may lie askew."""
    off = 3 + abs(one.begin_q8 - other.begin_q8) // 4096
    return abs(one.first - other.first) <= off and abs(one.last - other.last) <= off


class _Chain:
    """A line that is being followed."""

    def __init__(self, first: int, place_q8: int, free: bool) -> None:
        self.first = self.last = first
        self.begin_q8 = self.end_q8 = self.place_q8 = place_q8
        self.slope_q14 = self.thin = self.sum_q8 = self.gap = self.crossing = 0
        self.width = _THICKEST
        self.free = free

    def step(self, row: bytes, along: int) -> tuple[int, int] | None:
        """Go on to the next row and return the line's own ink in it, first and last pixel, or None."""
        if along > self.first:
            self._move(along)
        stretch = stretch_at(row, self.place_q8 >> 8)
        if stretch is None:
            self.gap += 1
            return None
        middle_q8 = (stretch[0] + stretch[1] + 1) * 128
        off_q8 = middle_q8 - self.place_q8
        width = stretch[1] - stretch[0] + 1
        if width > min(self.width + _THICKER, _THICKEST) or abs(off_q8) > _NEAR_Q8:
            self.crossing += 1
            return None
        self.place_q8 += off_q8 >> 2
        self.slope_q14 += off_q8
        self.width = min(self.width, width)
        self.thin, self.sum_q8 = self.thin + 1, self.sum_q8 + middle_q8
        self.last, self.end_q8, self.gap, self.crossing = along, self.place_q8, 0, 0
        return stretch

    def _move(self, along: int) -> None:
        """Move to where the line is expected."""
        if self.crossing and self.thin >= _KNOWN_SLOPE:
            rise = (self.end_q8 - self.begin_q8) * (along - self.last)
            self.place_q8 = self.end_q8 + rise // (self.last - self.first)
        else:
            self.place_q8 += self.slope_q14 >> 6

    @property
    def ended(self) -> bool:
        """Return whether the line goes no further."""
        return (
            self.gap > _LONGEST_GAP
            or self.crossing > min(self.thin, _LONGEST_CROSSING)
            or abs(self.slope_q14) > _STEEPEST_Q14
        )

    def line(self) -> Line | None:
        """Return the line, None if it is too short, crossed too often or bent."""
        length = self.last - self.first + 1
        if self.thin < _LEAST_UPRIGHT or 2 * self.thin < length:
            return None
        if abs(2 * self.sum_q8 - self.thin * (self.begin_q8 + self.end_q8)) > 2 * _NEAR_Q8 * self.thin:
            return None
        free_last = self.crossing == 0
        return Line(self.first, self.last, self.begin_q8, self.end_q8, self.width, self.free, free_last)


def stretch_at(row: bytes, place: int) -> tuple[int, int] | None:
    """Return the ink, first and last pixel, at a place or one beside it, cut off beyond _THICKEST."""
    for start in (place - 1, place, place + 1):
        if 0 <= start < len(row) and row[start]:
            first = last = start
            while first > 0 and row[first - 1] and last - first < _THICKEST:
                first -= 1
            while last + 1 < len(row) and row[last + 1] and last - first < _THICKEST:
                last += 1
            return first, last
    return None


def _trace(ink: _Bits) -> list[Line]:
    """Return the lines along the rows' numbers of ink [along, across]."""
    found: list[Line] = []
    chains: list[_Chain] = []
    before = bytes(ink.shape[1])
    for along, pixels in enumerate(ink.astype(np.uint8)):
        row = bytes(pixels)
        for chain in chains:
            chain.step(row, along)
        found += [line for chain in chains if chain.ended and (line := chain.line()) is not None]
        chains = [chain for chain in chains if not chain.ended]
        for first, last in _thin_stretches(row):
            if len(chains) < MAX_OPEN and not any(first - 1 <= chain.place_q8 >> 8 <= last + 1 for chain in chains):
                free = not any(before[max(first - 1, 0) : last + 2])
                chain = _Chain(along, (first + last + 1) * 128, free)
                chain.step(row, along)
                chains.append(chain)
        before = row
    return found + [line for chain in chains if (line := chain.line()) is not None]


def _thin_stretches(row: bytes) -> list[tuple[int, int]]:
    """Return first and last pixel of the row's ink that is thin enough for a line."""
    found, place = [], row.find(1)
    while place >= 0:
        end = row.find(0, place)
        last = (end if end >= 0 else len(row)) - 1
        if last - place < _THICKEST:
            found.append((place, last))
        place = row.find(1, last + 1)
    return found
