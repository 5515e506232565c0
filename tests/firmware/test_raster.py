"""Strokes in C and in Python: one fragment, bit for bit, that looks like those of training."""

import ctypes
import functools
import io
import zipfile
from collections.abc import Iterator

import clib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import data_folder

from edge.ink.fragment import Pixels
from edge.ink.pen import capture
from edge.ink.raster import MAX_POINTS, PEN_WIDTH, POINT, Points, raster_pack, raster_strokes, square_root
from firmware_bridge.wire.pixels import pack_bits
from train.synthetic.alphabet import SYMBOLS
from train.synthetic.board_input import write_word
from train.synthetic.writers import invent_writer

PIXELS = 33 * 33
RANDOM = 10_000
SEED = 4
OMNIGLOT = data_folder() / "omniglot"
OMNIGLOT_UNITS = 10  # 1/100 mm for a pixel of the 105 that a drawing is wide: symbols are about 6 mm high

Numbers = st.one_of(st.integers(0, 65535), st.sampled_from([0, 1, 65535]))
PenPoints = st.lists(st.tuples(Numbers, Numbers, st.integers(0, 255), st.integers(0, 3)), max_size=40)


@functools.cache
def library() -> clib.Library:
    return clib.library("raster", "mem")


class Twin:
    """The C rasteriser with a buffer that many calls share."""

    def __init__(self) -> None:
        self._lib = library()
        self._pen = self._lib.function("ink_raster_pen")
        self._pixels = self._lib.buffer(PIXELS)

    def draw(self, points: Points, width: int = PEN_WIDTH) -> Pixels:
        memory = self._lib.bytes(points.tobytes())
        self._pen(memory, ctypes.c_size_t(len(points)), ctypes.c_uint16(width), self._pixels)
        return np.frombuffer(self._pixels, np.uint8).reshape(33, 33).copy()


def points_of(rows: object) -> Points:
    return np.array(rows, POINT)


def random_symbol(rng: np.random.Generator) -> Points:
    """Draw anything from a dot to a scribble over the whole digitiser, more often wandering than jumping."""
    count = int(rng.integers(1, 50))
    points = np.zeros(count, POINT)
    for axis in ("x", "y"):
        if rng.random() < 0.8:
            steps = rng.normal(0, rng.choice([0.3, 5.0, 60.0, 300.0]), count).cumsum() + rng.integers(65536)
        else:
            steps = rng.integers(0, rng.choice([1, 2, 100, 65536]), count)
        points[axis] = np.clip(steps, 0, 65535)
    points["pressure"] = rng.integers(0, 256, count)
    points["stroke"] = (rng.random(count) < 0.1).cumsum() % 256
    return points


def omniglot_drawings() -> Iterator[tuple[str, Points]]:
    """Yield every drawing of the stroke archives: points in 1/100 mm, y downwards."""
    for archive in sorted(OMNIGLOT.glob("strokes_*.zip")):
        with zipfile.ZipFile(archive) as members:
            for name in members.namelist():
                if name.endswith(".txt"):
                    yield name, drawing(io.TextIOWrapper(members.open(name), "ascii"))


def drawing(lines: io.TextIOWrapper) -> Points:
    rows: list[tuple[int, int, int, int]] = []
    stroke = 0
    for line in lines:
        if line.startswith("BREAK"):
            stroke += 1
        elif not line.startswith("START"):
            x, y = (float(number) for number in line.split(",")[:2])
            # The pad is 105 pixels wide; pens leave it by some 20.
            rows.append((round((x + 50) * OMNIGLOT_UNITS), round((50 - y) * OMNIGLOT_UNITS), 128, stroke))
    return points_of(rows)


def test_ten_thousand_random_symbols_give_the_same_fragments_in_c_and_python() -> None:
    rng, twin = np.random.default_rng(SEED), Twin()
    for number in range(RANDOM):
        points = random_symbol(rng)
        width = PEN_WIDTH if rng.random() < 0.7 else int(rng.choice([0, 1, 65535, int(rng.integers(1, 2000))]))
        assert raster_strokes(points, width).tobytes() == twin.draw(points, width).tobytes(), (number, width)


@given(PenPoints, Numbers)
@settings(max_examples=300, deadline=None)
def test_whatever_comes_from_a_digitiser_gives_the_same_fragment(rows: list[tuple[int, ...]], width: int) -> None:
    points = points_of(rows)
    np.testing.assert_array_equal(raster_strokes(points, width), Twin().draw(points, width))


@pytest.mark.parametrize("count", [MAX_POINTS, MAX_POINTS + 1, 3 * MAX_POINTS])
def test_points_beyond_the_limit_are_left_out_on_both_sides(count: int) -> None:
    rng = np.random.default_rng(count)
    points = np.zeros(count, POINT)
    for field, end in (("x", 65536), ("y", 65536), ("pressure", 256), ("stroke", 2)):
        points[field] = rng.integers(0, end, count)
    ours = raster_strokes(points)
    np.testing.assert_array_equal(ours, Twin().draw(points))
    np.testing.assert_array_equal(ours, raster_strokes(points[:MAX_POINTS]))


@pytest.mark.needs("omniglot")
def test_all_strokes_of_omniglot_give_the_same_fragments_in_c_and_python() -> None:
    twin, drawings = Twin(), 0
    for name, points in omniglot_drawings():
        ours = raster_strokes(points)
        assert ours.tobytes() == twin.draw(points).tobytes(), name
        assert 10 < (ours >= 128).sum() < 700, name  # neither a speck nor a blot
        drawings += 1
    assert drawings == 5840


def test_synthetic_writing_gives_the_same_fragments_in_c_and_python() -> None:
    twin = Twin()
    for seed in range(40):
        style, rng = invent_writer(seed), np.random.default_rng(seed)
        (word,) = capture(tuple(row) for row in write_word(style, SYMBOLS, rng).tolist())
        assert len(word) >= len(SYMBOLS)
        for place, points in enumerate(word):
            assert raster_strokes(points).tobytes() == twin.draw(points).tobytes(), (seed, place)


@given(st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_both_pack_as_the_wire_does(seed: int) -> None:
    lib, pixels = library(), np.random.default_rng(seed).integers(0, 256, (33, 33), np.uint8)
    bits = lib.buffer(137)
    lib.function("ink_raster_pack")(lib.bytes(pixels.tobytes()), bits)
    assert bytes(bits) == raster_pack(pixels) == pack_bits(pixels)


@given(st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 65535).map(lambda n: n * n), st.just(2**32 - 1)))
def test_square_roots_are_rounded_down(value: int) -> None:
    root = library().function("ink_square_root", ctypes.c_uint32)(ctypes.c_uint32(value))
    assert root == int(square_root(value))
    assert root * root <= value < (root + 1) ** 2


def test_no_points_give_paper() -> None:
    assert not raster_strokes(points_of([])).any()
    assert not Twin().draw(points_of([])).any()


def box_of(pixels: Pixels) -> tuple[int, int]:
    """Return width and height of the ink."""
    ink = pixels >= 128
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


@pytest.mark.parametrize(("width", "height"), [(400, 800), (800, 400), (20, 700), (500, 500)])
@pytest.mark.parametrize("times", [1, 10, 60])
def test_ink_keeps_its_aspect_and_fills_25_pixels_whatever_the_size(width: int, height: int, times: int) -> None:
    corners = [(0, 0), (width, 0), (width, height), (0, height), (0, 0)]
    rows = [(x * times, y * times, 128, 0) for x, y in corners]
    wide, high = box_of(raster_strokes(points_of(rows), PEN_WIDTH * times))
    scale = 25 / (max(width, height) + PEN_WIDTH)
    # One pixel: ink ends between two of them.
    assert wide == pytest.approx((width + PEN_WIDTH) * scale, abs=1)
    assert high == pytest.approx((height + PEN_WIDTH) * scale, abs=1)


def test_the_place_on_the_digitiser_does_not_matter() -> None:
    rows = [(100, 100, 128, 0), (300, 500, 100, 0), (500, 120, 140, 0)]
    there = [(x + 60000, y + 60000, p, s) for x, y, p, s in rows]
    np.testing.assert_array_equal(raster_strokes(points_of(rows)), raster_strokes(points_of(there)))


def test_the_mass_lies_in_the_middle() -> None:
    hook = points_of([(300, 0, 128, 0), (300, 600, 128, 0), (100, 600, 128, 0)])
    ink = raster_strokes(hook).astype(float)
    rows, columns = np.indices(ink.shape)
    # A quarter of a pixel: dabs and grey levels are rounded; corners saturate.
    assert (ink * columns).sum() / ink.sum() == pytest.approx(16, abs=0.25)
    assert (ink * rows).sum() / ink.sum() == pytest.approx(16, abs=0.25)


def test_more_pressure_and_a_wider_pen_leave_more_ink() -> None:
    def ink(pressure: int, width: int) -> int:
        rows = [(x, y, pressure, 0) for x, y in ((0, 0), (300, 600), (500, 100))]
        return int(raster_strokes(points_of(rows), width).sum())

    assert ink(90, 66) < ink(128, 66) < ink(200, 66)
    assert ink(128, 40) < ink(128, 66) < ink(128, 100)


def test_a_dot_shows_beside_a_stroke() -> None:
    letter = points_of([(0, 300, 128, 0), (0, 800, 128, 0), (0, 0, 128, 1)])
    ink = raster_strokes(letter) >= 128
    empty = np.flatnonzero(~ink.any(axis=1))
    assert ((empty > 6) & (empty < 26)).any()  # paper between the dot and the stroke
    assert ink[:9].sum() >= 4


def test_lines_thinner_than_a_pixel_do_not_get_lost() -> None:
    huge = points_of([(0, 0, 128, 0), (60000, 60000, 128, 0), (0, 60000, 128, 0)])
    assert (raster_strokes(huge) >= 128).sum() > 50


@pytest.mark.parametrize("points", [np.zeros((2, 2), POINT), np.zeros(3)])
def test_what_are_no_points_is_refused(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="POINT"):
        raster_strokes(points)
