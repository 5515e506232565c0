"""The fragments of a word -> whether they can be writing at all: not writing, too plain, too fast.

It answers before any evidence is asked for: what is no writing cannot be a user's. The limits lie where honest writing
hardly ever comes, so what is plainly something else is refused, and the rest is left to the evidence. Pure NumPy; the
answer hangs on whole numbers and on single divisions of them, so it is the same on every machine (but for readings).
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from edge.ink.fragment import INPUT_ZERO_POINT, SIDE

Ink = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

UNKNOWN_MS = -1
"""The time of a symbol that was not measured: a camera's, or a scan's."""
DIFFERENT = 3
"""A word of at least so many symbols has at least so many different ones, or it is too plain."""
_PLACES: Ints = np.arange(SIDE, dtype=np.int64)


@unique
class Flaw(Enum):
    """What is wrong with one symbol."""

    BLANK = "nothing is written"
    FULL = "ink all over"
    NOISE = "specks instead of strokes"
    LITTLE = "too little ink"
    DOT = "a dot"
    SOLID = "a solid block"
    FAST = "written too fast"


@unique
class Quality(Enum):
    """What a word is, before anybody asks whose. It has no truth value: compare it with Quality.GOOD."""

    GOOD = "good"
    NOT_WRITING = "not writing"
    TOO_PLAIN = "too plain"
    TOO_FAST = "too fast"

    def __bool__(self) -> NoReturn:
        raise TypeError("a quality has no truth value: compare it with Quality.GOOD")


@dataclass(frozen=True)
class QualityLimits:
    """Where writing ends. Lengths in pixels of a fragment, times in ms.

    Of honest words of 4 to 12 symbols, three of them different, these refuse, without a reader (about 10,000 words a
    source, 3,300 of the camera's): 0.01 % of QMNIST's, none of invented writers', none of pendigits', 0.08 % of
    UNIPEN's digits (all for their time), 0.12 % of QMNIST's before a camera. Of UNIPEN's letters 1.8 %: many are 2 mm
    high, and a pen of 0.66 mm fills them.
    Less than least_ms took 1.7 of 10,000 of UNIPEN's digits and 6 of its letters, most of them cut off by their tablet;
    less than 60 ms, 10 of the digits. No word of digits took less than 118 ms a symbol.
    ValueError for a limit that is not a finite number above 0.
    """

    least_ink: int = 16  # pixels of ink
    most_ink: int = 600  # of 1089
    most_edge: int = 340  # pairs of neighbours of which one is ink
    most_parts: int = 8  # pieces of ink less holes in it, or holes less pieces
    least_side: int = 14  # the longer side of the box around the ink
    solid_share: float = 0.65  # side of the largest square that is all ink, as a share of the box's longer side
    alike: float = 0.85  # common ink of two fragments, as a share of their joint ink, moved by a pixel at most
    bar: float = 0.2  # width of what is one straight stroke, as a share of its length
    ring: float = 0.18  # spread of a ring's radius, as a share of it
    plain: float = 0.5  # probability that fewer than DIFFERENT symbols were written
    least_ms: int = 40  # a symbol, first touch to last
    least_mean_ms: int = 100  # the mean of a word's symbols

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}, not a number above 0")


@dataclass(frozen=True)
class WordQuality:
    """The quality of a word, and why.

    flaws: by symbol, None where nothing is wrong. reason: for people, "" for a good word.
    """

    quality: Quality
    flaws: tuple[Flaw | None, ...]
    reason: str


def assess(
    fragments: npt.ArrayLike,
    limits: QualityLimits | None = None,
    *,
    durations_ms: npt.ArrayLike | None = None,
    readings: npt.ArrayLike | None = None,
) -> WordQuality:
    """Return the quality of a word of T symbols.

    fragments: uint8 (0 paper .. 255 ink) or int8 (-128 paper .. 127 ink), [T, 33, 33] or [T, 33, 33, 1].
    durations_ms: integers [T], the time from a symbol's first touch to its last, UNKNOWN_MS where it is not known.
    readings: float64 [T, S], log-probabilities of the symbols that a reader knows. Of several findings the first in the
    order of Quality is told. ValueError for anything else, and for a reading that is no probability: the caller must
    not go on without an answer.
    """
    ink, limits = _ink(fragments), limits or QualityLimits()
    durations = _durations(durations_ms, len(ink))
    flaws = _flaws(ink, durations, limits)
    for place, flaw in enumerate(flaws):
        if flaw not in (None, Flaw.FAST):
            assert flaw is not None
            return WordQuality(Quality.NOT_WRITING, flaws, f"symbol {place + 1}: {flaw.value}")
    plain = _plainness(ink, readings, limits)
    if plain:
        return WordQuality(Quality.TOO_PLAIN, flaws, plain)
    if Flaw.FAST in flaws:
        place = flaws.index(Flaw.FAST)
        reason = f"symbol {place + 1} took {durations[place]} ms, at least {limits.least_ms} are needed"
        return WordQuality(Quality.TOO_FAST, flaws, reason)
    known = durations[durations != UNKNOWN_MS]
    if known.size and int(known.sum()) < limits.least_mean_ms * known.size:
        reason = f"{int(known.sum()) // known.size} ms a symbol, at least {limits.least_mean_ms} are needed"
        return WordQuality(Quality.TOO_FAST, flaws, reason)
    return WordQuality(Quality.GOOD, flaws, "")


def count_different(fragments: npt.ArrayLike, limits: QualityLimits | None = None) -> int:
    """Return how many of a word's fragments are like none before them; fragments as in `assess`."""
    return _count_different(_ink(fragments), limits or QualityLimits())


def fewer_than_three(readings: npt.ArrayLike) -> float:
    """Return the probability that a word has fewer than three different symbols.

    readings: float64 [T, S], log-probabilities. With p_ta the probability that fragment t is symbol a,

        P(at most 2) = sum over pairs {a, b} of prod_t (p_ta + p_tb) - (S - 2) sum over a of prod_t p_ta,

    because a word of one symbol a alone is counted in each of the S - 1 pairs that have a. ValueError for what is no
    probability.
    """
    values = np.asarray(readings, dtype=np.float64)
    if values.ndim != 2 or 0 in values.shape or np.isnan(values).any() or (values > 1e-6).any():
        raise ValueError(
            f"readings are log-probabilities [T, S], not {list(values.shape)} or not all of them at most 0"
        )
    p = np.exp(values)
    first, second = np.triu_indices(p.shape[1], 1)
    pairs, single = (p[:, first] + p[:, second]).prod(axis=0).sum(), p.prod(axis=0).sum()
    return float(np.clip(pairs - (p.shape[1] - 2) * single, 0.0, 1.0))


def _ink(fragments: npt.ArrayLike) -> Ink:
    """Return where there is ink, bool [T, 33, 33]."""
    array: npt.NDArray[Any] = np.asarray(fragments)
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3 or array.shape[1:] != (SIDE, SIDE) or array.dtype not in (np.uint8, np.int8) or not len(array):
        raise ValueError(f"fragments are uint8 or int8 [T, {SIDE}, {SIDE}], not {array.dtype} {list(array.shape)}")
    half = 128 if array.dtype == np.uint8 else 128 + INPUT_ZERO_POINT
    return np.asarray(array >= half)


def _durations(durations_ms: npt.ArrayLike | None, symbols: int) -> Ints:
    if durations_ms is None:
        return np.full(symbols, UNKNOWN_MS, np.int64)
    array: npt.NDArray[Any] = np.asarray(durations_ms)
    if array.shape != (symbols,) or array.dtype.kind not in "iu" or (array < UNKNOWN_MS).any():
        raise ValueError(
            f"durations are whole ms [{symbols}], {UNKNOWN_MS} for unknown, not {array.dtype} {array.shape}"
        )
    return array.astype(np.int64)


def _flaws(ink: Ink, durations_ms: Ints, limits: QualityLimits) -> tuple[Flaw | None, ...]:
    """Return the first flaw of each symbol, in the order of Flaw."""
    area = ink.sum(axis=(1, 2))
    side = _longer_side(ink)
    found = {
        Flaw.BLANK: area == 0,
        Flaw.FULL: area > limits.most_ink,
        Flaw.NOISE: (_edges(ink) > limits.most_edge) | (np.abs(_pieces_less_holes(ink)) > limits.most_parts),
        Flaw.LITTLE: area < limits.least_ink,
        Flaw.DOT: side < limits.least_side,
        Flaw.SOLID: _largest_square(ink) >= limits.solid_share * side,
        Flaw.FAST: (durations_ms != UNKNOWN_MS) & (durations_ms < limits.least_ms),
    }
    return tuple(next((flaw for flaw, where in found.items() if where[place]), None) for place in range(len(ink)))


def _plainness(ink: Ink, readings: npt.ArrayLike | None, limits: QualityLimits) -> str:
    """Say why a word is too plain; "" if it is not."""
    likely = None if readings is None else fewer_than_three(readings)
    if likely is not None and len(np.asarray(readings)) != len(ink):
        raise ValueError(f"{len(np.asarray(readings))} readings of {len(ink)} fragments")
    if len(ink) < DIFFERENT:
        return ""
    different = _count_different(ink, limits)
    if different < DIFFERENT:
        return f"{different} different symbol{'s' * (different > 1)}, at least {DIFFERENT} are needed"
    return f"fewer than {DIFFERENT} different symbols" if likely is not None and likely > limits.plain else ""


def _count_different(ink: Ink, limits: QualityLimits) -> int:
    """Count the symbols that are like none before them.

    All straight strokes are alike, and so are all rings.
    """
    bar, ring = _are_bars(ink, limits.bar), _are_rings(ink, limits.ring)
    alike = (_likeness(ink) >= limits.alike) | np.outer(bar, bar) | np.outer(ring, ring)
    leaders: list[int] = []
    for symbol in range(len(ink)):
        if not alike[symbol, leaders].any():
            leaders.append(symbol)
    return len(leaders)


def _likeness(ink: Ink) -> npt.NDArray[np.float64]:
    """Return the common ink of every two fragments as a share of their joint ink, [T, T].

    The best place of nine: one of the two may be moved by a pixel each way.
    """
    symbols = len(ink)
    framed = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    moved = np.stack([framed[:, y : y + SIDE, x : x + SIDE] for y in range(3) for x in range(3)], axis=1)
    # float32 holds these counts exactly, and BLAS multiplies no integers.
    flat = ink.reshape(symbols, -1).astype(np.float32)
    common = (moved.reshape(symbols * 9, -1).astype(np.float32) @ flat.T).reshape(symbols, 9, symbols).max(axis=1)
    area = ink.sum(axis=(1, 2))
    joint = area[:, np.newaxis] + area - common
    share = common / np.maximum(joint, 1)
    return np.asarray(np.maximum(share, share.T), np.float64)


def _are_bars(ink: Ink, limit: float) -> Ink:
    """Return whether the ink is so narrow across its main direction [T].

    With the ink's second moments M, and the lengths of its axes as 1 : q, det M / (tr M)^2 = q^2 / (1 + q^2)^2.
    """
    xx, yy, xy = _moments(ink)[3:]
    around = (xx + yy).astype(np.float64)
    return np.asarray(xx * yy - xy * xy <= (limit / (1 + limit * limit)) ** 2 * around * around)


def _are_rings(ink: Ink, limit: float) -> Ink:
    """Return whether all ink lies equally far from its middle [T].

    The ink is first stretched to be as wide as high. Distances are whole thousandths, so that their sums are the same
    on every machine.
    """
    area, x, y, xx, yy, xy = (values[:, np.newaxis, np.newaxis].astype(np.float64) for values in _moments(ink))
    dx, dy = area * _PLACES - x, area * _PLACES[:, np.newaxis] - y
    squares = (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / np.maximum(xx * yy - xy * xy, 1.0)
    away = np.where(ink, np.rint(1000 * np.sqrt(np.maximum(squares, 0.0))), 0).astype(np.int64)
    count, total, squared = (values.sum(axis=(1, 2)) for values in (ink, away, away * away))
    return np.asarray(count * squared - total * total <= (limit * total) ** 2)


def _moments(ink: Ink) -> tuple[Ints, Ints, Ints, Ints, Ints, Ints]:
    """Return the sums of 1, x and y over the ink, then its second moments xx, yy and xy, each [T].

    The second moments are those about the middle, times the area squared: whole numbers.
    """
    across, down = ink.sum(axis=1, dtype=np.int64), ink.sum(axis=2, dtype=np.int64)
    area, x, y = across.sum(axis=1), across @ _PLACES, down @ _PLACES
    xy = ((ink @ _PLACES) * _PLACES).sum(axis=1)
    square = _PLACES * _PLACES
    return area, x, y, area * (across @ square) - x * x, area * (down @ square) - y * y, area * xy - x * y


def _longer_side(ink: Ink) -> Ints:
    """Return the longer side of the box around the ink [T], 0 without ink."""
    lines = np.stack([ink.sum(axis=1) > 0, ink.sum(axis=2) > 0])
    sides = SIDE - lines.argmax(axis=-1) - lines[..., ::-1].argmax(axis=-1)
    return np.asarray(np.where(ink.sum(axis=(1, 2)) > 0, sides.max(axis=0), 0))


def _edges(ink: Ink) -> Ints:
    """Return how many pairs of pixels side by side, or one above the other, have ink in one of them [T]."""
    framed = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    down, across = framed[:, 1:] ^ framed[:, :-1], framed[:, :, 1:] ^ framed[:, :, :-1]
    return np.asarray(down.sum(axis=(1, 2)) + across.sum(axis=(1, 2)))


def _pieces_less_holes(ink: Ink) -> Ints:
    """Return the Euler number [T]: pieces of ink, joined at sides or corners, less the holes in them.

    Counted from the squares of 2x2 pixels: (those with one of ink - those with three - 2 with two at opposite corners)
    / 4 (Gray 1971).
    """
    framed = np.pad(ink, ((0, 0), (1, 1), (1, 1))).astype(np.int8)
    a, b, c, d = framed[:, :-1, :-1], framed[:, :-1, 1:], framed[:, 1:, :-1], framed[:, 1:, 1:]
    inked = a + b + c + d
    ones, threes = (inked == 1).sum(axis=(1, 2)), (inked == 3).sum(axis=(1, 2))
    diagonals = ((inked == 2) & (a == d)).sum(axis=(1, 2))
    return np.asarray((ones - threes - 2 * diagonals) // 4)


def _largest_square(ink: Ink) -> Ints:
    """Return the side of the largest square that is all ink [T]."""
    side = np.zeros(len(ink), np.int64)
    solid = ink
    while solid.size and (left := solid.any(axis=(1, 2))).any():
        side += left
        solid = solid[:, 1:, 1:] & solid[:, :-1, 1:] & solid[:, 1:, :-1] & solid[:, :-1, :-1]
    return side
