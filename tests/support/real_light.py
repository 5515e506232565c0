"""A word as fragments -> pictures of it as cameras at a door take them: shadows, printed lines, blur, noise."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from train.synthetic.picture import Scene, draw_picture

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

_Place = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A written word under even light, before the camera.

    grey: [rows, columns], 0 to 255. box: left, top, right, bottom of the writing. columns: the middle of the paper
    between two symbols, and half a gap beyond the first and the last. steps: as many columns equally far apart.
    """

    grey: Floats
    box: tuple[int, int, int, int]
    columns: tuple[float, ...]
    steps: tuple[float, ...]


Disturbance = Callable[[Sheet, np.random.Generator], Floats]


def write(fragments: Pixels, rng: np.random.Generator, zoom: float = 0.0, ink: float = 45.0, gap: float = 7.5) -> Sheet:
    """Write a word of fragments uint8 [L, 33, 33] on one line of a sheet of 240 rows and 320 columns."""
    scene = Scene(
        per_line=max(len(fragments), 1), zoom=zoom, ink=ink, light=0, noise=0, gap=gap * rng.uniform(0.7, 1.3)
    )
    grey = draw_picture(fragments, rng, scene).astype(float)
    dark = grey < (scene.paper + ink) / 2
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    if len(rows) == 0:
        return Sheet(grey, (0, 0, 0, 0), (), ())
    left, right = int(columns[0]), int(columns[-1])
    step = (right - left + 1) / len(fragments)
    steps = tuple(left + step * place for place in range(len(fragments) + 1))
    ends = np.flatnonzero(np.diff(columns) > 3)
    gaps = tuple((int(columns[end]) + int(columns[end + 1])) / 2 for end in ends)
    places = (left - 4, *gaps, right + 4) if len(gaps) == len(fragments) - 1 else steps
    return Sheet(grey, (left, int(rows[0]), right, int(rows[-1])), places, steps)


def photograph(grey: Floats, rng: np.random.Generator, noise: float = 3.0, blur: float = 0.0) -> Pixels:
    """Take the picture: blurred by the lens, with the sensor's noise."""
    return np.asarray(np.clip(np.rint(blurred(grey, blur) + rng.normal(0, noise, grey.shape)), 0, 255), np.uint8)


def blurred(grey: Floats, sigma: float) -> Floats:
    """Return the picture blurred by a Gaussian; its border goes on for ever."""
    if sigma <= 0:
        return grey
    reach = int(3 * sigma) + 1
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    for axis in (0, 1):
        padded = np.pad(grey, [(reach, reach) if axis == other else (0, 0) for other in (0, 1)], mode="edge")
        grey = np.apply_along_axis(np.convolve, axis, padded, weights / weights.sum(), "valid")
    return grey


def shadow(strength: float, soft: float = 0.0, slant: float = 0.0) -> Disturbance:
    """Return a shadow's edge through the writing.

    strength: the light taken away, 0 to 1. soft: the width of the half-shade, pixels. slant: columns a row.
    """

    def cast(sheet: Sheet, rng: np.random.Generator) -> Floats:
        left, top, right, bottom = sheet.box
        upright = rng.random() < 0.7
        y, x = np.mgrid[0 : sheet.grey.shape[0], 0 : sheet.grey.shape[1]].astype(float)
        if upright:
            edge = x - rng.uniform(left - 10, right + 10) - slant * (y - 120)
        else:
            edge = y - rng.uniform(top - 10, bottom + 10) - slant * (x - 160)
        edge = edge if rng.random() < 0.5 else -edge
        shade = np.clip(edge / soft + 0.5, 0, 1) if soft else (edge > 0).astype(float)
        return np.asarray(sheet.grey * (1 - strength * shade))

    return cast


def two_shadows(strength: float) -> Disturbance:
    """Return a broad shadow, both of whose edges fall on the writing."""

    def cast(sheet: Sheet, rng: np.random.Generator) -> Floats:
        left, _, right, _ = sheet.box
        begin = rng.uniform(left, right - 60)
        x = np.arange(sheet.grey.shape[1])
        shade = (x > begin) & (x < begin + rng.uniform(45, 120))
        return np.asarray(sheet.grey * (1 - strength * shade))

    return cast


def uneven(strength: float) -> Disturbance:
    """Return light from one side, falling to 1 - strength at the other."""

    def cast(sheet: Sheet, rng: np.random.Generator) -> Floats:
        angle = rng.uniform(0, 2 * np.pi)
        y, x = np.mgrid[0 : sheet.grey.shape[0], 0 : sheet.grey.shape[1]].astype(float)
        place = np.cos(angle) * x / x.max() + np.sin(angle) * y / y.max()
        place = (place - place.min()) / np.ptp(place)
        return np.asarray(sheet.grey * (1 - strength * place))

    return cast


def box(margin: float, thick: float = 2, grey: float = 50) -> Disturbance:
    """Return a box around the word, `margin` pixels from its ink; negative: it crosses the writing."""

    def print_box(sheet: Sheet, rng: np.random.Generator) -> Floats:
        left, top, right, bottom = sheet.box
        here = [(left - margin, top - margin), (right + margin, top - margin)]
        there = [(left - margin, bottom + margin), (right + margin, bottom + margin)]
        corners = [*here, *there[::-1]]
        return _printed(sheet.grey, [(corners[i], corners[(i + 1) % 4]) for i in range(4)], thick, grey)

    return print_box


def cells(margin: float, thick: float = 2, grey: float = 50, apart: float = 0, crossing: bool = False) -> Disturbance:
    """Return a box for each symbol, side by side or `apart` pixels apart; crossing: symbols reach over their sides."""

    def print_cells(sheet: Sheet, rng: np.random.Generator) -> Floats:
        _, top, _, bottom = sheet.box
        high, low = top - margin, bottom + margin
        lines = []
        places = sheet.steps if crossing else sheet.columns
        for begin, end in pairwise(places):
            a, b = begin + apart / 2, end - apart / 2
            lines += [((a, high), (b, high)), ((a, low), (b, low)), ((a, high), (a, low)), ((b, high), (b, low))]
        return _printed(sheet.grey, lines, thick, grey)

    return print_cells


def comb(
    tick: float, margin: float = 3, thick: float = 2, grey: float = 50, base: bool = True, crossing: bool = False
) -> Disturbance:
    """Return a comb field: ticks of `tick` of the writing's height between the symbols, on a base line or without."""

    def print_comb(sheet: Sheet, rng: np.random.Generator) -> Floats:
        _, top, _, bottom = sheet.box
        low = bottom + margin
        high = low - tick * (bottom - top)
        places = sheet.steps if crossing else sheet.columns
        lines = [((x, high), (x, low)) for x in places]
        lines += [((places[0], low), (places[-1], low))] if base else []
        return _printed(sheet.grey, lines, thick, grey)

    return print_comb


def underline(margin: float, thick: float = 2, grey: float = 50, tilt: float = 0.0) -> Disturbance:
    """Return a line under the word, `margin` pixels below the lowest ink; negative: through its feet."""

    def print_line(sheet: Sheet, rng: np.random.Generator) -> Floats:
        left, _, right, bottom = sheet.box
        low, rise = bottom + margin, tilt * (right - left) / 2
        out = rng.uniform(-5, 15)
        return _printed(sheet.grey, [((left - out, low - rise), (right + out, low + rise))], thick, grey)

    return print_line


def ruled(spacing: float, thick: float = 1, grey: float = 130, tilt: float = 0.0, squared: bool = False) -> Disturbance:
    """Return paper with rules, or squares, `spacing` pixels apart."""

    def print_rules(sheet: Sheet, rng: np.random.Generator) -> Floats:
        rows, columns = sheet.grey.shape
        start = rng.uniform(0, spacing)
        lines = [
            ((-20, y - 160 * tilt), (columns + 20, y + 160 * tilt)) for y in np.arange(start - 40, rows + 40, spacing)
        ]
        if squared:
            lines += [
                ((x + 120 * tilt, -20), (x - 120 * tilt, rows + 20))
                for x in np.arange(start - 40, columns + 40, spacing)
            ]
        return _printed(sheet.grey, lines, thick, grey)

    return print_rules


def plain(sheet: Sheet, rng: np.random.Generator) -> Floats:
    """Return the sheet as it is."""
    return sheet.grey


def _printed(
    grey: Floats, lines: list[tuple[tuple[float, float], tuple[float, float]]], thick: float, ink: float
) -> Floats:
    """Draw straight lines with smooth edges; where there is writing the darker of both stays."""
    y, x = np.mgrid[0 : grey.shape[0], 0 : grey.shape[1]].astype(float)
    ratio = np.ones_like(grey)
    for (ax, ay), (bx, by) in lines:
        length = np.hypot(bx - ax, by - ay)
        ux, uy = (bx - ax) / length, (by - ay) / length
        along, across = (x - ax) * ux + (y - ay) * uy, np.abs((y - ay) * ux - (x - ax) * uy)
        cover = np.clip(thick / 2 + 0.5 - across, 0, 1) * np.clip(along + thick / 2 + 0.5, 0, 1)
        cover = np.minimum(cover, np.clip(length + thick / 2 + 0.5 - along, 0, 1) * (across < thick))
        ratio = np.minimum(ratio, 1 - cover * (1 - ink / 220.0))
    return np.asarray(np.minimum(grey, 220.0 * ratio))
