"""The claims of train.data.ink."""

import numpy as np
import pytest

from edge.ink.raster import PEN_WIDTH, POINT, raster_strokes
from train.data.ink import PLAUSIBLE_MM, SYMBOL_MM, Ink, fragments, join_strokes, pixels_of, points_of, scale_mm

CROSS = [np.array([[0.0, 3.0], [6.0, 3.0]]), np.array([[3.0, 0.0], [3.0, 6.0], [4.0, 7.5]])]
DOT = [np.array([[100.0, 100.0]])]


@pytest.fixture
def ink() -> Ink:
    """Return a cross, a dot and a symbol without a stroke."""
    points, point_offset, stroke_offset = join_strokes([CROSS, DOT, []])
    ids = np.arange(3, dtype=np.int32)
    return Ink(points[:, 0], points[:, 1], point_offset, stroke_offset, ids, ids + 4, ids * 2, ids - 1)


def test_points_are_hundredths_of_a_millimetre_from_the_upper_left_corner(ink: Ink) -> None:
    assert points_of(ink, 0).tolist() == [
        (0, 300, 128, 0),
        (600, 300, 128, 0),
        (300, 0, 128, 1),
        (300, 600, 128, 1),
        (400, 750, 128, 1),
    ]
    assert points_of(ink, 1).tolist() == [(0, 0, 128, 0)]
    assert len(points_of(ink, 2)) == 0


def test_fragments_are_those_of_the_boards_rasteriser_for_every_pen(ink: Ink) -> None:
    widths = np.array([40, 66, 120])
    drawn = [raster_strokes(points_of(ink, number), int(width)) for number, width in enumerate(widths)]
    np.testing.assert_array_equal(pixels_of(ink, widths), drawn)
    found = fragments(ink)
    np.testing.assert_array_equal(found.pixels, [raster_strokes(points_of(ink, n), PEN_WIDTH) for n in range(3)])
    for name in ("writer", "symbol", "order", "session"):
        assert getattr(found, name).tolist() == getattr(ink, name).tolist()


def test_the_number_of_processes_does_not_matter(ink: Ink) -> None:
    many = ink.select(np.arange(1200) % 3)
    widths = np.arange(1200) % 90 + 30
    np.testing.assert_array_equal(pixels_of(many, widths, processes=3), pixels_of(many, widths, processes=1))


def test_a_selection_holds_the_symbols_asked_for_in_their_order(ink: Ink) -> None:
    chosen = ink.select(np.array([1, 2, 0, 0]))
    assert [points_of(chosen, n).tolist() for n in range(4)] == [points_of(ink, n).tolist() for n in (1, 2, 0, 0)]
    assert chosen.writer.tolist() == [1, 2, 0, 0]
    assert len(ink.select(np.array([True, False, False]))) == 1
    assert len(ink.select(np.array([False] * 3))) == 0


@pytest.mark.parametrize(
    ("median", "said", "mm"),
    [
        (50.0, 10.0, 1 / 10),  # 5 mm
        (50.0, 0.0, SYMBOL_MM / 50),
        (50.0, 50 / PLAUSIBLE_MM[0], PLAUSIBLE_MM[0] / 50),
        (50.0, 50 / PLAUSIBLE_MM[0] * 1.01, SYMBOL_MM / 50),
        (50.0, 50 / PLAUSIBLE_MM[1] * 0.99, SYMBOL_MM / 50),
        (0.0, 0.0, SYMBOL_MM),
    ],
)
def test_a_tablets_resolution_is_believed_while_writing_has_a_usual_size(median: float, said: float, mm: float) -> None:
    size = np.array([median, median, 10 * median, 1.0])
    writer = np.array([5, 5, 5, 9], np.int32)
    found = scale_mm(size, writer, np.array([said, said, said, 0.0]))
    np.testing.assert_allclose(found, [mm, mm, mm, SYMBOL_MM])


def test_a_symbol_of_a_metre_is_cut_and_not_wrapped_round() -> None:
    points, point_offset, stroke_offset = join_strokes([[np.array([[0.0, 0.0], [0.0, 1000.0]])]])
    ids = np.zeros(1, np.int32)
    far = Ink(points[:, 0], points[:, 1], point_offset, stroke_offset, ids, ids, ids, ids)
    bar = np.array([(0, 0, 128, 0), (0, 60_000, 128, 0)], POINT)
    np.testing.assert_array_equal(points_of(far, 0), bar)
