"""A seed -> words that are no writing, or too plain, as pen and camera boards deliver them.

Everything is a movement of the board's pen, or a picture before its camera, and goes through the twins of the boards'
C: what comes out is bit for bit what a board sends.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, unique
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment import SIDE, Pixels
from edge.ink.pen import capture_timed
from edge.ink.quality import UNKNOWN_MS
from edge.ink.raster import NOMINAL_PRESSURE, POINT, Points, raster_strokes
from edge.ink.segment import SegmentReason, segment, segment_fragment
from edge.ink.symbols import DIGITS
from train.synthetic.digitiser import BOARD, Floats, Samples, Strokes, sample_symbol, sample_word
from train.synthetic.picture import Scene, draw_picture
from train.synthetic.writers import Style, style_of, write_symbol

PATHS = ("pen", "camera", "wire")
"""Ways to the gate; `wire`: fragments that a broken or a forged board sends, whatever its sensor sees."""

_WRITERS = 1_000_000, 1_000_200  # invented writers whose writing is repeated: first and last + 1; no dataset has them
_PITCH_MM = 0.5  # between two lines of what is filled: less than the pen's width
_FAST_MM_S, _SLOW_MM_S = 120.0, 25.0


@unique
class Kind(Enum):
    """Kinds of what is not writing; the value is the name on the command line."""

    TAPS = "taps"
    """The pen touches for 10 to 60 ms."""
    DOTS = "dots"
    BARS = "bars"
    """Straight strokes, most of them upright: honest 1s look like that too."""
    CIRCLES = "circles"
    DISCS = "discs"
    SCRIBBLE = "scribble"
    """A zigzag in any direction."""
    HATCH = "hatch"
    """A rectangle filled line by line."""
    NOISE = "noise"
    BLANK = "blank"
    FULL = "full"
    SAMPLE = "one-sample"
    """One sample of an invented writer's symbol, again and again, with jitter."""
    SYMBOL = "one-symbol"
    """One symbol, written anew each time by an invented writer."""


@dataclass(frozen=True, eq=False)
class Word:
    """A word as a gate gets it.

    fragments: uint8 [T, 33, 33], T >= 1. times: duration and pause of each in ms, None where the board does not know.
    """

    fragments: Pixels
    times: tuple[tuple[int | None, int | None], ...]

    @property
    def durations_ms(self) -> NDArray[np.int64]:
        """Return the durations [T], UNKNOWN_MS where the board does not know them."""
        return np.array([UNKNOWN_MS if duration is None else duration for duration, _ in self.times], np.int64)


@dataclass(frozen=True, eq=False)
class Attempt:
    """What a board's sensor sees and what the board makes of it.

    seen: samples or a picture, None on the wire. word: None where the board delivers nothing.
    """

    seen: Samples | Pixels | None
    word: Word | None


def kinds_of(path: str) -> tuple[Kind, ...]:
    """Return the kinds that can come this way.

    A pen writes no blank symbol, and the wire carries pixels alone.
    """
    if path == "wire":
        return Kind.NOISE, Kind.BLANK, Kind.FULL
    return tuple(kind for kind in Kind if path == "camera" or kind not in (Kind.BLANK, Kind.FULL))


def words_of(
    kind: Kind, path: str, count: int, symbols: tuple[int, int] = (4, 12), seed: int = 0, bits: int = 1, first: int = 0
) -> Iterator[Word | None]:
    """Yield the words of `attempts_of`."""
    return (attempt.word for attempt in attempts_of(kind, path, count, symbols, seed, bits, first))


def attempts_of(
    kind: Kind, path: str, count: int, symbols: tuple[int, int] = (4, 12), seed: int = 0, bits: int = 1, first: int = 0
) -> Iterator[Attempt]:
    """Yield `count` attempts to have something taken for writing.

    symbols: the least and the most that an attempt is meant to have; a board may see more or fewer. bits: 1 or 8 bits a
    pixel. first: the number of the first attempt. Attempt i of a seed is the same however many are asked for.
    ValueError for a kind that cannot come this way.
    """
    if path not in PATHS or kind not in kinds_of(path):
        raise ValueError(f"{kind.value} cannot come by {path}")
    for number in range(first, first + count):
        rng = np.random.default_rng([seed, PATHS.index(path), list(Kind).index(kind), number])
        attempt = _attempt(kind, path, int(rng.integers(symbols[0], symbols[1], endpoint=True)), rng)
        if bits == 1 and attempt.word is not None:
            packed = np.uint8(255) * (attempt.word.fragments >= 128)
            attempt = replace(attempt, word=replace(attempt.word, fragments=packed))
        yield attempt


def move_pen(kind: Kind, symbols: int, rng: np.random.Generator) -> Samples:
    """Return the digitiser's samples of a word of `symbols` such symbols.

    ValueError for a kind that no pen writes.
    """
    return sample_word(_movements(kind, symbols, rng), pause_s=rng.uniform(0.1, 0.45))


def draw_scene(kind: Kind, symbols: int, rng: np.random.Generator) -> Pixels:
    """Draw the picture, uint8 [240, 320], that a camera sees of a word of `symbols` such symbols."""
    scene = Scene(light=rng.uniform(0, 0.5), noise=rng.uniform(1, 6), blur=rng.uniform(0.3, 1.0))
    nothing = np.zeros((0, SIDE, SIDE), np.uint8)
    if kind is Kind.BLANK:
        return draw_picture(nothing, rng, replace(scene, paper=rng.uniform(20, 250)))
    if kind is Kind.FULL:
        blocks = np.full((symbols, SIDE, SIDE), 255, np.uint8)
        return draw_picture(blocks, rng, replace(scene, gap=rng.uniform(-2, 8)))
    if kind is Kind.NOISE:
        specks = replace(scene, noise=rng.uniform(4, 60), specks=int(rng.integers(20, 400)))
        return draw_picture(nothing, rng, specks)
    written = np.stack([raster_strokes(_points(strokes)) for strokes in _movements(kind, symbols, rng)])
    return draw_picture(written, rng, replace(scene, zoom=rng.uniform(0.6, 1.2)))


def by_pen(samples: Samples) -> Word | None:
    """Return the first word, in grey, that a pen board makes of samples; None if it makes none."""
    words = capture_timed(map(tuple, samples.tolist()), BOARD)
    if not words:
        return None
    drawn = np.stack([raster_strokes(symbol.points) for symbol in words[0]])
    return Word(drawn, tuple((symbol.duration_ms, symbol.pause_ms) for symbol in words[0]))


def by_camera(picture: Pixels) -> Word | None:
    """Return the word, in grey, that a camera board makes of a picture; None if it sees none."""
    found = segment(picture)
    if isinstance(found, SegmentReason):
        return None
    return _untimed(np.stack([segment_fragment(found, index) for index in range(len(found.symbols))]))


def _attempt(kind: Kind, path: str, symbols: int, rng: np.random.Generator) -> Attempt:
    if path == "pen":
        samples = move_pen(kind, symbols, rng)
        return Attempt(samples, by_pen(samples))
    if path == "camera":
        picture = draw_scene(kind, symbols, rng)
        return Attempt(picture, by_camera(picture))
    shape = (symbols, SIDE, SIDE)
    if kind is Kind.NOISE:
        return Attempt(None, _untimed(np.uint8(255) * (rng.random(shape) < rng.uniform(0.02, 0.98))))
    return Attempt(None, _untimed(np.full(shape, 255 if kind is Kind.FULL else 0, np.uint8)))


def _untimed(fragments: Pixels) -> Word:
    return Word(fragments, ((None, None),) * len(fragments))


def _movements(kind: Kind, symbols: int, rng: np.random.Generator) -> list[Strokes]:
    """Return the pen's movement for each symbol of a word."""
    if kind in (Kind.SAMPLE, Kind.SYMBOL):
        style, symbol = _style(int(rng.integers(*_WRITERS))), str(rng.choice(list(DIGITS)))
        if kind is Kind.SYMBOL:
            return [write_symbol(style, symbol, rng) for _ in range(symbols)]
        sample, jitter_mm = write_symbol(style, symbol, rng), rng.uniform(0.0, 0.05)
        return [_repeated(sample, jitter_mm, rng) for _ in range(symbols)]
    if kind not in _SHAPES:
        raise ValueError(f"no pen writes {kind.value}")
    return [_SHAPES[kind](rng) for _ in range(symbols)]


@lru_cache(maxsize=256)
def _style(writer: int) -> Style:
    return style_of(writer)


def _repeated(sample: Strokes, jitter_mm: float, rng: np.random.Generator) -> Strokes:
    """Return the sample a little larger or smaller and turned, every point a little off."""
    angle, size = rng.normal(0, 0.2 * jitter_mm), np.exp(rng.normal(0, 0.2 * jitter_mm))
    cos, sin = size * np.cos(angle), size * np.sin(angle)
    x, y = cos * sample.x - sin * sample.y, sin * sample.x + cos * sample.y
    return replace(sample, x=x + rng.normal(0, jitter_mm, len(x)), y=y + rng.normal(0, jitter_mm, len(y)))


def _tap(rng: np.random.Generator) -> Strokes:
    return _still(int(rng.integers(1, 7)), rng)


def _dot(rng: np.random.Generator) -> Strokes:
    return _still(int(rng.integers(7, 60)), rng)


def _bar(rng: np.random.Generator) -> Strokes:
    upright = rng.random() < 0.7
    direction = rng.normal(-np.pi / 2, 0.2) if upright else rng.uniform(0, 2 * np.pi)
    length = rng.uniform(2.0, 8.0)
    return _drawn(np.array([[0.0, 0.0], [length * np.cos(direction), length * np.sin(direction)]]), rng)


def _circle(rng: np.random.Generator) -> Strokes:
    angle = rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi * rng.uniform(0.97, 1.15), 40) * rng.choice([-1, 1])
    radius = rng.uniform(1.0, 3.5)
    return _drawn(np.stack([radius * np.cos(angle), radius * rng.uniform(0.8, 1.25) * np.sin(angle)], axis=1), rng)


def _disc(rng: np.random.Generator) -> Strokes:
    """Return a spiral from the middle outwards, its turns a pitch apart."""
    radius = rng.uniform(0.7, 2.5)
    angle = np.linspace(0, 2 * np.pi * radius / _PITCH_MM, int(24 * radius / _PITCH_MM))
    away = _PITCH_MM * angle / (2 * np.pi)
    return _drawn(np.stack([away * np.cos(angle), away * np.sin(angle)], axis=1), rng)


def _scribble(rng: np.random.Generator) -> Strokes:
    turns = int(rng.integers(4, 20))
    along, across = np.linspace(0, rng.uniform(2.0, 8.0), turns), np.where(np.arange(turns) % 2, 1.0, -1.0)
    across *= rng.uniform(1.0, 4.0) * np.exp(rng.normal(0, 0.2, turns))
    return _drawn(_turned(np.stack([along, across], axis=1), rng.uniform(0, np.pi)), rng)


def _hatch(rng: np.random.Generator) -> Strokes:
    width, height = rng.uniform(1.5, 6.0, 2)
    lines = int(height / _PITCH_MM) + 2
    corners = np.array([[width * ((line + end) % 2), line * _PITCH_MM] for line in range(lines) for end in (1, 0)])
    return _drawn(_turned(corners, rng.choice([0.0, np.pi / 2])), rng)


def _jumps(rng: np.random.Generator) -> Strokes:
    """Return a pen that is somewhere else at every sample."""
    places = rng.uniform(0, rng.uniform(2.0, 8.0), (int(rng.integers(10, 60)), 2))
    return _strokes(places[:, 0], places[:, 1], rng)


_SHAPES: dict[Kind, Callable[[np.random.Generator], Strokes]] = {
    Kind.TAPS: _tap,
    Kind.DOTS: _dot,
    Kind.BARS: _bar,
    Kind.CIRCLES: _circle,
    Kind.DISCS: _disc,
    Kind.SCRIBBLE: _scribble,
    Kind.HATCH: _hatch,
    Kind.NOISE: _jumps,
}


def _turned(places: Floats, angle: float) -> Floats:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(places @ np.array([[cos, sin], [-sin, cos]]))


def _still(samples: int, rng: np.random.Generator) -> Strokes:
    """Return a pen that stays where it is, but for a tremor."""
    return _strokes(rng.normal(0, 0.03, samples), rng.normal(0, 0.03, samples), rng)


def _drawn(corners: Floats, rng: np.random.Generator) -> Strokes:
    """Move a pen along straight lines between corners [C, 2] in mm, at one speed."""
    reached = np.append(0.0, np.cumsum(np.hypot(*np.diff(corners, axis=0).T)))
    samples = max(int(reached[-1] / rng.uniform(_SLOW_MM_S, _FAST_MM_S) * BOARD.rate_hz), 8)
    place = np.linspace(0, reached[-1], samples)
    x, y = (np.interp(place, reached, corners[:, axis]) + rng.normal(0, 0.02, samples) for axis in (0, 1))
    return _strokes(x, y, rng)


def _strokes(x: Floats, y: Floats, rng: np.random.Generator) -> Strokes:
    pressure = np.full(len(x), np.exp(rng.normal(0, 0.2)))
    return Strokes(x, y, np.arange(len(x)) / BOARD.rate_hz, pressure, np.zeros(len(x), np.int32))


def _points(strokes: Strokes) -> Points:
    """Return every place where the pen touches, as a board's rasteriser takes them."""
    samples = sample_symbol(strokes, 0, 0).astype(np.int64)
    touched = samples[:, 2] > 0
    stroke: NDArray[np.int64] = np.cumsum(touched & ~np.append(False, touched[:-1])) - 1
    points = np.zeros(int(touched.sum()), POINT)
    points["x"], points["y"], points["stroke"] = samples[touched, 0], samples[touched, 1], stroke[touched]
    points["pressure"] = np.minimum(samples[touched, 2] * NOMINAL_PRESSURE // BOARD.nominal, 255)
    return points
