"""A seed -> invented writers, the movements of their pens, and the fragments captured by a pen board.

The pen follows the sigma-lognormal model (Plamondon 1995; O'Reilly and Plamondon 2009): a stroke is a sum of movements,
each along a circular arc from one target to the next, each with a lognormal speed, begun before the last has ended.
    (S1) F_j(t) = Phi((ln(t - t_j) - ln m_j) / s)            share of movement j done at time t; Phi: the normal CDF
    (S2) D_j = c_j (A_j / 2) / sin(A_j / 2)                  length of the arc with chord c_j that turns by A_j
    (S3) p(t) = p_0 + sum_j D_j / A_j R(b_j - A_j / 2) [sin(A_j F_j), 1 - cos(A_j F_j)]    b_j: bearing of the chord
A writer is a Style: habits that every symbol shows, and a version of every symbol that is the writer's own. Both vary a
little in every sample. Everybody writes with the board's pen, so the width of a line shows the pressure.

The same seed gives the same strokes for a given NumPy major version; where exp and log round differently, a
sample may lie 1/100 mm further on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment import Pixels
from edge.ink.fragment_set import FragmentSet
from edge.ink.symbols import DIGITS, code_of
from train.errors import TooFewWritersError, UnknownSymbolError
from train.synthetic.alphabet import SYMBOLS, Stroke, allographs
from train.synthetic.digitiser import BOARD, Floats, Strokes, board_words, sample_word

RATE_HZ = BOARD.rate_hz

_VISIBLE = 1.645  # a movement is seen to begin and end when 5 % and 95 % of it are done


@dataclass(frozen=True, eq=False)
class Style:
    """The style of one writer; angles in radians, lengths in mm or in heights of a capital (h)."""

    size_mm: float  # height of a capital
    pressure: float  # 1 is nominal
    slant: float  # x moves by slant * y
    rotation: float
    aspect: float  # factor on the nominal width
    middle: float  # where the middle of a symbol's height comes to lie; 0.5 is nominal
    lean: float  # sideways bow of the middle, h
    curvature: float  # factor on every turn
    bend: float  # turn added to every movement
    overlap: float  # share of a movement that the next one overlaps: rounder corners
    sigma: float  # s of equation S1: how lopsided the speed is
    speed: float  # factor on the tempo
    pressure_drop: float  # share of the pressure lost at full speed
    tremor_mm: float
    tremor_hz: float
    entry: tuple[float, float]  # length (h) and direction of the flick before a symbol
    exit: tuple[float, float]  # length (h) and direction of the flick after a symbol
    variation: float  # factor on everything that changes from sample to sample
    second_choice: float  # how often another allograph than the favourite is written
    shapes: Mapping[str, tuple[tuple[Stroke, ...], ...]]  # own targets of every allograph, the favourite first


def invent_writer(seed: int) -> Style:
    """Invent a writer: always the same style for the same seed."""
    rng = np.random.default_rng([seed, 0x57])
    return Style(
        size_mm=float(np.exp(rng.normal(np.log(5), 0.12))),
        pressure=float(np.exp(rng.normal(0, 0.19))),
        slant=rng.normal(0.15, 0.17),
        rotation=rng.normal(0, 0.06),
        aspect=float(np.exp(rng.normal(0.14, 0.17))),
        middle=0.5 + rng.normal(0, 0.05),
        lean=rng.normal(0, 0.05),
        curvature=float(np.exp(rng.normal(0, 0.16))),
        bend=rng.normal(0, 0.1),
        overlap=rng.uniform(0.0, 0.5),
        sigma=rng.uniform(0.2, 0.4),
        speed=float(np.exp(rng.normal(0, 0.25))),
        pressure_drop=rng.uniform(0.0, 0.6),
        tremor_mm=rng.gamma(2.0, 0.02),
        tremor_hz=rng.uniform(6, 12),
        entry=(max(0.0, rng.normal(-0.03, 0.08)), rng.uniform(-0.6, 1.4)),
        exit=(max(0.0, rng.normal(-0.03, 0.08)), rng.uniform(-0.6, 1.6)),
        variation=float(np.exp(rng.normal(0.55, 0.2))),
        second_choice=rng.uniform(0.0, 0.3),
        shapes={symbol: _own_shapes(symbol, rng) for symbol in SYMBOLS},
    )


def write_symbol(style: Style, symbol: str, rng: np.random.Generator) -> Strokes:
    """Write one sample of a symbol in this style.

    Raises UnknownSymbolError for a symbol that is not in alphabet.SYMBOLS.
    """
    if symbol not in style.shapes:
        raise UnknownSymbolError(f"{symbol!r} cannot be written by invented writers; they know {SYMBOLS}")
    versions = style.shapes[symbol]
    another = rng.random() < style.second_choice
    targets = versions[rng.integers(len(versions)) if another else 0]
    parts: list[Floats] = []
    begin_s = 0.0
    for stroke in _varied(style, targets, rng):
        path = _move(style, stroke, rng)
        path[2] += begin_s
        parts.append(path)
        begin_s = float(path[2, -1]) + round(0.12 / style.speed * RATE_HZ) / RATE_HZ
    x, y, t = np.concatenate(parts, axis=1)
    number = np.repeat(np.arange(len(parts), dtype=np.int32), [part.shape[1] for part in parts])
    x, y = _deformed(style, x, y, rng)
    x, y = _trembling(style, x, y, t, rng)
    return Strokes(x, y, t, _pressure(style, x, y, number, rng), number)


def style_of(writer: int, seed: int = 0) -> Style:
    """Return the style of a writer of `synthetic_set(..., seed)`; the dataset `synthetic` has seed 0."""
    return invent_writer(int(np.random.default_rng([seed, writer]).integers(2**62)))


def write_form(writer: int, seed: int = 0, symbols: str = DIGITS) -> Iterator[tuple[str, Strokes]]:
    """Yield what this writer of a seed writes, without end: the symbols in shuffled rounds."""
    style, rng = style_of(writer, seed), np.random.default_rng([seed, writer, 1])
    while True:
        for place in rng.permutation(len(symbols)):
            yield symbols[place], write_symbol(style, symbols[place], rng)


def synthetic_set(
    writers: int,
    per_writer: int,
    seed: int = 0,
    symbols: str = DIGITS,
    progress: Callable[[int, int], None] | None = None,
) -> FragmentSet:
    """Return `per_writer` grey fragments by each of `writers` invented writers.

    They are the first ones that a pen board makes of `write_form`. Writer ids count from 0; symbol is
    `edge.ink.symbols.code_of`; order counts a writer's fragments. Writer i of a seed writes the same, however many
    writers are asked for. `progress` is called with the number of writers done and in all. Raises TooFewWritersError or
    UnknownSymbolError when no writers, fragments or symbols are asked for.
    """
    if writers < 1 or per_writer < 1:
        raise TooFewWritersError(f"{writers} writers of {per_writer} fragments: ask for at least 1 of each")
    if not symbols:
        raise UnknownSymbolError(f"there is no symbol to write; invented writers know {SYMBOLS}")
    fragments: list[Pixels] = []
    codes: list[int] = []
    for writer in range(writers):
        for symbol, fragment in islice(_captured(write_form(writer, seed, symbols)), per_writer):
            fragments.append(fragment)
            codes.append(code_of(symbol))
        if progress:
            progress(writer + 1, writers)
    who, order = np.divmod(np.arange(writers * per_writer, dtype=np.int32), np.int32(per_writer))
    return FragmentSet(np.stack(fragments), who, np.array(codes, np.int32), order)


def _captured(form: Iterable[tuple[str, Strokes]]) -> Iterator[tuple[str, Pixels]]:
    """Yield every fragment that a pen board makes of a form, with its symbol."""
    for symbol, strokes in form:
        for word in board_words(sample_word([strokes])):
            yield from ((symbol, fragment) for fragment in word)


def _own_shapes(symbol: str, rng: np.random.Generator) -> tuple[tuple[Stroke, ...], ...]:
    """Return a symbol's allographs with the writer's own targets and turns, the favourite first.

    Common allographs are more often the favourite.
    """
    patterns = allographs(symbol)
    common = 0.6 ** np.arange(len(patterns))
    favourites = rng.choice(len(patterns), size=len(patterns), replace=False, p=common / common.sum())
    return tuple(tuple(_shifted(s, rng, 0.05, 0.2) for s in patterns[i]) for i in favourites)


def _shifted(stroke: Stroke, rng: np.random.Generator, place: float, turn: float) -> Stroke:
    """Move targets by normal deviates of `place` heights, and turns by those of `turn` radians."""
    return stroke + rng.standard_normal(stroke.shape) * (place, place, turn)


def _varied(style: Style, targets: tuple[Stroke, ...], rng: np.random.Generator) -> list[Stroke]:
    """Return the strokes of one sample: the writer's targets, a little off, with flicks at both ends.

    Their turns follow the writer's curvature and bend.
    """
    strokes = [_shifted(stroke, rng, 0.022 * style.variation, 0.08 * style.variation) for stroke in targets]
    for stroke in strokes:
        stroke[1:, 2] = np.clip(stroke[1:, 2] * style.curvature + style.bend, -3.4, 3.4)
    entry, leave = (_flick(flick, rng) for flick in (style.entry, style.exit))
    first = np.array([[strokes[0][0, 0] - entry[0], strokes[0][0, 1] - entry[1], 0.0]])
    last = np.array([[strokes[-1][-1, 0] + leave[0], strokes[-1][-1, 1] + leave[1], 0.0]])
    if entry.any():
        strokes[0] = np.concatenate([first, strokes[0]])
    if leave.any():
        strokes[-1] = np.concatenate([strokes[-1], last])
    return strokes


def _flick(habit: tuple[float, float], rng: np.random.Generator) -> Floats:
    length, direction = habit[0] * np.exp(rng.normal(0, 0.3)), habit[1] + rng.normal(0, 0.2)
    return np.array([length * np.cos(direction), length * np.sin(direction)])


def _move(style: Style, stroke: Stroke, rng: np.random.Generator) -> Floats:
    """Return the path of one stroke [3, T]: x, y in heights and t in seconds (equations S1 to S3)."""
    step = np.diff(stroke[:, :2], axis=0)
    chord, bearing = np.hypot(step[:, 0], step[:, 1]), np.arctan2(step[:, 1], step[:, 0])
    turn = np.where(np.abs(stroke[1:, 2]) < 1e-6, 1e-6, stroke[1:, 2])
    length = chord * (turn / 2) / np.sin(turn / 2)
    median_s, onset_s = _timing(style, length, rng)
    end_s = float((onset_s + median_s * np.exp(2.6 * style.sigma)).max())
    t = np.arange(int(end_s * RATE_HZ) + 2) / RATE_HZ
    elapsed = np.maximum(t - onset_s[:, None], 1e-9)
    done = _normal_cdf(np.log(elapsed / median_s[:, None]) / style.sigma)
    angle, radius, start = turn[:, None] * done, length / turn, bearing - turn / 2
    along, aside = np.sin(angle) * radius[:, None], (1 - np.cos(angle)) * radius[:, None]
    x = stroke[0, 0] + np.cos(start) @ along - np.sin(start) @ aside
    y = stroke[0, 1] + np.sin(start) @ along + np.cos(start) @ aside
    return np.stack([x, y, t])


def _timing(style: Style, length: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return m_j and t_j of every movement, in seconds.

    Longer movements are faster (isochrony), so time grows slowly with length.
    """
    jitter = np.exp(rng.normal(0, 0.1 * style.variation, len(length)))
    median = 0.15 * (0.2 + length) ** 0.35 / style.speed * jitter
    begin, end = median * np.exp(-_VISIBLE * style.sigma), median * np.exp(_VISIBLE * style.sigma)
    lasts = end - begin
    overlap = style.overlap * np.minimum(lasts[:-1], lasts[1:])
    seen = np.append(0.0, np.cumsum(lasts[:-1] - overlap))
    return median, seen - begin + begin[0]


def _deformed(style: Style, x: Floats, y: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Convert heights to mm with the writer's proportions, bow, slant, rotation and size.

    Each is a little different in every sample.
    """
    slant, rotation, aspect, middle, lean, size = rng.normal(0, style.variation, 6)
    bow = 4 * y * (1 - y)
    tall = y + (style.middle - 0.5 + 0.02 * middle) * bow
    wide = (
        x * style.aspect * np.exp(0.08 * aspect) + (style.lean + 0.02 * lean) * bow + (style.slant + 0.06 * slant) * y
    )
    angle = style.rotation + 0.03 * rotation
    size_mm = style.size_mm * np.exp(0.05 * size)
    cos, sin = size_mm * np.cos(angle), size_mm * np.sin(angle)
    return wide * cos - tall * sin, wide * sin + tall * cos


def _trembling(style: Style, x: Floats, y: Floats, t: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Add physiological tremor: two unequal oscillations of random phase in each direction."""
    rate = 2 * np.pi * style.tremor_hz * np.array([[1.0], [0.62]])
    waves = np.sin(rate * t + rng.uniform(0, 2 * np.pi, (2, 2, 1)))
    return x + style.tremor_mm * waves[0].sum(axis=0), y + style.tremor_mm * waves[1].sum(axis=0)


def _pressure(style: Style, x: Floats, y: Floats, stroke: NDArray[np.int32], rng: np.random.Generator) -> Floats:
    """Return the pressure at every point: the writer's own, varied by sample, less where the pen is fast."""
    piece = np.zeros_like(x)
    piece[1:] = np.hypot(x[1:] - x[:-1], y[1:] - y[:-1]) * (stroke[1:] == stroke[:-1])
    slowing = 1 + style.pressure_drop * (0.4 - piece / max(float(piece.max()), 1e-9))
    return np.asarray(style.pressure * np.exp(rng.normal(0, 0.08)) * slowing)


def _normal_cdf(z: Floats) -> Floats:
    """Return Phi(z) to 1e-7 (Abramowitz and Stegun 26.2.17)."""
    k = 1 / (1 + 0.2316419 * np.abs(z))
    series = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 + k * (-1.821255978 + k * 1.330274429))))
    tail = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) * series
    return np.asarray(np.where(z >= 0, 1 - tail, tail))
