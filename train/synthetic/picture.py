"""Fragments of a word -> the picture that a camera takes of it.

The picture has a camera's faults: uneven light, noise, blur, specks, joined and broken ink.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

_INK = 128


@dataclass(frozen=True)
class Scene:
    """A word under the camera, with brightness in grey levels and lengths in pixels of the picture."""

    width: int = 320
    height: int = 240
    per_line: int = 8  # symbols of a line, at most
    gap: float = 6.0  # paper between two symbols; negative: they are joined
    zoom: float = 0.0  # picture pixels for one pixel of a fragment; 0: as large as the lines allow, at most 1.6
    paper: float = 220.0
    ink: float = 45.0
    light: float = 0.35  # the darkest corner has this much less light than the brightest place
    noise: float = 4.0  # standard deviation of the brightness
    blur: float = 0.6  # standard deviation of the Gaussian that blurs the ink
    slope: float = 0.02  # slope of the lines
    jitter: float = 1.5  # standard deviation of a symbol's place up and down
    specks: int = 0  # dots of 1 to 3 pixels
    cuts: int = 0  # gaps of a pixel in every symbol's ink
    joints: int = 0  # pairs of neighbours that a stroke joins, in every line


def draw_picture(fragments: Pixels, rng: np.random.Generator, scene: Scene | None = None) -> Pixels:
    """Draw the picture of a word: fragments uint8 [L, 33, 33] -> uint8 [height, width].

    Fragments are 0 (paper) to 255 (ink); the picture is dark ink on bright paper.
    """
    chosen = scene or Scene()
    ink = _blurred(_written(fragments, rng, chosen), chosen.blur)
    for _ in range(chosen.specks):
        size = rng.integers(1, 4)
        y, x = rng.integers(chosen.height - size), rng.integers(chosen.width - size)
        ink[y : y + 1 + size // 3, x : x + size] = 1.0
    light = _light(rng, chosen)
    grey = light * (chosen.paper + (chosen.ink - chosen.paper) * ink) + rng.normal(0, chosen.noise, ink.shape)
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def draw_blank(rng: np.random.Generator, scene: Scene | None = None) -> Pixels:
    """Draw a picture of paper that nobody wrote on."""
    return draw_picture(np.zeros((0, 33, 33), np.uint8), rng, scene)


def _written(fragments: Pixels, rng: np.random.Generator, scene: Scene) -> Floats:
    """Return the ink [height, width], 0 to 1. Symbols stand on lines, each as wide as its ink."""
    paper = np.zeros((scene.height, scene.width))
    symbols = [_cropped(fragment) for fragment in fragments]
    lines = [symbols[i : i + scene.per_line] for i in range(0, len(symbols), scene.per_line)]
    zoom = scene.zoom or min([1.6, *(_fitting(line, len(lines), scene) for line in lines)])
    for number, line in enumerate(lines):
        images = [_enlarged(symbol, zoom) for symbol in line]
        if scene.cuts:
            images = [_broken(image, rng, scene.cuts) for image in images]
        left = (scene.width - sum(image.shape[1] for image in images) - scene.gap * (len(images) - 1)) / 2
        edges: list[tuple[int, int]] = []
        row = round(scene.height * (number + 0.5) / len(lines))
        for image in images:
            middle = row + scene.slope * (left - scene.width / 2)
            top = round(middle - image.shape[0] / 2 + rng.normal(0, scene.jitter))
            _paste(paper, image, top, round(left))
            edges.append((round(left), round(left) + image.shape[1]))
            left += image.shape[1] + scene.gap
        for place in rng.permutation(max(len(images) - 1, 0))[: scene.joints]:
            (begin, gap_begin), (gap_end, end) = edges[place : place + 2]
            middle = row + scene.slope * ((gap_begin + gap_end - scene.width) / 2)
            _join(paper[round(middle) - 2 : round(middle) + 3, begin:end], gap_begin - begin, gap_end - begin)
    return paper


def _fitting(line: list[Floats], lines: int, scene: Scene) -> float:
    """Return the zoom at which a line fits the picture.

    It takes at most 9 tenths of the width and 6 tenths of the line's share of the height.
    """
    free = 0.9 * scene.width - scene.gap * (len(line) - 1)
    tallest, widths = max(symbol.shape[0] for symbol in line), sum(symbol.shape[1] for symbol in line)
    return float(min(free / widths, 0.6 * scene.height / lines / tallest))


def _cropped(fragment: Pixels) -> Floats:
    """Return the fragment's ink, 0 to 1, without the paper around it."""
    ink = fragment >= _INK
    if not ink.any():
        return np.zeros((1, 1))
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return fragment[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 255.0


def _enlarged(image: Floats, zoom: float) -> Floats:
    """Enlarge an image by linear interpolation."""
    rows, columns = (_between(size, max(round(size * zoom), 1)) for size in image.shape)
    return np.asarray(rows @ image @ columns.T)


def _between(size: int, wanted: int) -> Floats:
    """Return the [wanted, size] matrix of weights that interpolate linearly along one axis."""
    place = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
    return np.asarray(np.clip(1 - np.abs(place[:, None] - np.arange(size)), 0, None))


def _broken(image: Floats, rng: np.random.Generator, cuts: int) -> Floats:
    """Return the image with `cuts` rows cleared in its middle third, as where a pen skips."""
    broken = image.copy()
    for _ in range(cuts):
        broken[int(image.shape[0] * rng.uniform(0.33, 0.67))] = 0
    return broken


def _paste(paper: Floats, image: Floats, top: int, left: int) -> None:
    """Paste an image as far as it lies on the paper; ink over ink stays ink."""
    bottom, right = min(top + image.shape[0], paper.shape[0]), min(left + image.shape[1], paper.shape[1])
    y, x = max(top, 0), max(left, 0)
    if y < bottom and x < right:
        place = paper[y:bottom, x:right]
        np.maximum(place, image[y - top : bottom - top, x - left : right - left], out=place)


def _join(strip: Floats, gap_begin: int, gap_end: int) -> None:
    """Draw a stroke 2 pixels thick over a gap in this strip of rows.

    It reaches from the last ink before the gap to the first ink behind it.
    """
    if len(strip) < 5:  # off the paper
        return
    ink = strip.max(axis=0) > 0.5
    before, behind = np.flatnonzero(ink[:gap_begin]), np.flatnonzero(ink[gap_end:])
    start = int(before[-1]) if len(before) else gap_begin
    strip[1:3, start : gap_end + (int(behind[0]) if len(behind) else 0) + 1] = 1.0


def _blurred(image: Floats, sigma: float) -> Floats:
    if sigma <= 0:
        return image
    reach = int(3 * sigma) + 1
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis in (0, 1):
        image = np.apply_along_axis(np.convolve, axis, image, weights, "same")
    return image


def _light(rng: np.random.Generator, scene: Scene) -> Floats:
    """Return the light [height, width]: 1 at a random place, falling with the square of the distance."""
    y, x = np.mgrid[0 : scene.height, 0 : scene.width]
    distance = ((y / scene.height - rng.random()) ** 2 + (x / scene.width - rng.random()) ** 2) / 2
    return np.asarray(1 - scene.light * distance / max(float(distance.max()), 1e-9))
