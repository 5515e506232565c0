"""Scanned symbols -> strokes of a pen: threshold, skeleton, and its lines from end to end."""

import numpy as np
from numpy.typing import NDArray

Strokes = list[NDArray[np.float64]]
"""Strokes of a symbol, each the places [n, 2] (x, y) of a line in pixels of the picture, y downwards."""

THRESHOLD = 80
"""Grey value from which on a pixel is ink."""

_ENLARGE = 2
_SPUR = 4  # a line of fewer places is a spur of the thinning, or a speck of the scan
_SMOOTHING = np.array([1, 2, 3, 2, 1]) / 9
_Bits = NDArray[np.bool_]
_Places = set[tuple[int, int]]

# Neighbours p2 .. p9 of a pixel, clockwise from the one above it, as (row, column).
_AROUND = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))


def trace(images: NDArray[np.uint8]) -> list[Strokes]:
    """Return the strokes of each picture uint8 [N, H, W], 0 paper .. 255 ink; none for a blank one.

    A line that another one crosses may come as two strokes that end in it. A dot is a stroke of one place.
    """
    ink = enlarge(images) >= THRESHOLD
    return [_strokes_of(skeleton) or _dot(dark) for skeleton, dark in zip(thin(ink), ink, strict=True)]


def enlarge(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the pictures twice as large, float32 [N, 2H, 2W], by linear interpolation."""
    count = images.shape[1:]
    rows, columns = (_linear(size) for size in count)
    return np.asarray(rows @ images.astype(np.float32) @ columns.T)


def thin(ink: NDArray[np.bool_]) -> _Bits:
    """Return the skeletons of pictures bool [N, H, W], by the algorithm of Zhang and Suen (1984)."""
    skeleton = np.pad(ink, ((0, 0), (1, 1), (1, 1))).astype(np.uint8)
    active = np.arange(len(skeleton))
    while len(active):
        before = skeleton[active]
        after = before.copy()
        for table in _ZHANG_SUEN:
            after[:, 1:-1, 1:-1] &= ~table[_codes(after)]
        skeleton[active] = after
        active = active[(after != before).any(axis=(1, 2))]
    return np.asarray(skeleton[:, 1:-1, 1:-1] > 0)


def _linear(size: int) -> NDArray[np.float32]:
    place = (np.arange(size * _ENLARGE) + 0.5) / _ENLARGE - 0.5
    distance = np.abs(place[:, None] - np.arange(size)[None, :])
    return np.asarray(np.maximum(0, 1 - distance), np.float32)


def _codes(bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return for each inner pixel its eight neighbours as the bits of a number."""
    height, width = bits.shape[1] - 2, bits.shape[2] - 2
    codes: NDArray[np.uint8] = np.zeros((len(bits), height, width), np.uint8)
    for place, (down, right) in enumerate(_AROUND):
        codes |= bits[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width] << np.uint8(place)
    return codes


def _deletable(first: bool) -> NDArray[np.uint8]:
    """Return 1 for each code of neighbours at which a half step deletes the pixel, uint8 [256]."""
    around = (np.arange(256)[:, None] >> np.arange(8)) & 1
    number, changes = around.sum(1), ((around == 0) & (np.roll(around, -1, 1) == 1)).sum(1)
    up, right, down, left = around[:, 0], around[:, 2], around[:, 4], around[:, 6]
    open_sides = (up & right & down, right & down & left) if first else (up & right & left, up & down & left)
    delete = (number >= 2) & (number <= 6) & (changes == 1) & (open_sides[0] == 0) & (open_sides[1] == 0)
    return np.asarray(delete, np.uint8)


_ZHANG_SUEN = (_deletable(True), _deletable(False))


def _strokes_of(skeleton: _Bits) -> Strokes:
    """Follow a skeleton: from its ends first, then round what is closed; straight on where lines cross."""
    rows, columns = np.nonzero(skeleton)
    left: _Places = set(zip(rows.tolist(), columns.tolist(), strict=True))
    all_places = frozenset(left)
    ends = [place for place in sorted(left) if len(_touching(place, all_places)) == 1]
    lines: list[list[tuple[int, int]]] = []
    while left:
        start = next((place for place in ends if place in left), None) or _next_start(left, all_places)
        lines.append(_follow(start, left))
    long = [line for line in lines if len(line) >= _SPUR] or lines
    return [_smoothed(_attached(line, all_places)) for line in long]


def _dot(ink: _Bits) -> Strokes:
    """Return the middle of ink of which thinning leaves nothing, as of a square of 2 x 2 pixels."""
    rows, columns = np.nonzero(ink)
    return [_in_pixels(np.array([[columns.mean(), rows.mean()]]))] if len(rows) else []


def _next_start(left: _Places, everything: frozenset[tuple[int, int]]) -> tuple[int, int]:
    """Return a place where a line that was passed goes on, else any place."""
    beside = [place for place in left if any(other not in left for other in _touching(place, everything))]
    return min(beside or left)


def _follow(start: tuple[int, int], left: _Places) -> list[tuple[int, int]]:
    """Take the places of a line out of `left`, going on as straight as possible."""
    line = [start]
    left.discard(start)
    while True:
        here = line[-1]
        back = line[max(0, len(line) - 5)]
        heading = here[0] - back[0], here[1] - back[1]
        choices = _touching(here, left)
        if not choices:
            return line
        line.append(max(choices, key=lambda place: (_ahead(here, place, heading), place)))
        left.discard(line[-1])


def _ahead(here: tuple[int, int], place: tuple[int, int], heading: tuple[int, int]) -> float:
    """Return how well a step keeps the heading; a step to the side beats one over a corner."""
    down, right = place[0] - here[0], place[1] - here[1]
    length = float(np.hypot(down, right))
    return (down * heading[0] + right * heading[1]) / length - 0.01 * length


def _attached(line: list[tuple[int, int]], everything: frozenset[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the line joined at both ends to what it touches, so that no gap is left."""
    own = set(line[:3]), set(line[-3:])
    head = [place for place in _touching(line[0], everything) if place not in own[0]]
    tail = [place for place in _touching(line[-1], everything) if place not in own[1]]
    return [*head[:1], *line, *tail[:1]]


def _touching(place: tuple[int, int], places: _Places | frozenset[tuple[int, int]]) -> list[tuple[int, int]]:
    row, column = place
    around = ((row + down, column + right) for down, right in _AROUND)
    return [other for other in around if other in places]


def _smoothed(line: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the places in pixels of the picture, without the stairs of its raster; the ends stay."""
    places = _in_pixels(np.array(line, np.float64)[:, ::-1])
    if len(places) < 3:
        return places
    padded = np.concatenate([2 * places[:1] - places[2:0:-1], places, 2 * places[-1:] - places[-2:-4:-1]])
    return np.stack([np.convolve(padded[:, axis], _SMOOTHING, "valid") for axis in (0, 1)], axis=1)


def _in_pixels(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return places of the enlarged picture in pixels of the picture."""
    return (places + 0.5) / _ENLARGE - 0.5
