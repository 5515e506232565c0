"""The claims of train.data.skeleton and train.data.qmnist_ink."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from edge.ink.plausible import check_ink
from train.data import mnist
from train.data.ink import fragments
from train.data.qmnist_ink import load_qmnist_ink, traced
from train.data.skeleton import enlarge, thin, trace
from train.errors import MissingDataError

AROUND = np.ones((3, 3), int)


def picture(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """Return a picture 28 x 28 with boxes of ink: top, bottom, left, right."""
    image = np.zeros((28, 28), np.uint8)
    for top, bottom, left, right in boxes:
        image[top:bottom, left:right] = 255
    return image


def pieces(ink: np.ndarray) -> int:
    return int(ndimage.label(ink, AROUND)[1])


@given(arrays(np.bool_, (12, 12), elements=st.booleans()))
def test_a_skeleton_has_the_pieces_of_its_picture_and_no_ink_of_its_own(ink: np.ndarray) -> None:
    (skeleton,) = thin(ink[np.newaxis])
    assert not (skeleton & ~ink).any()
    # Zhang and Suen's two half steps delete a square of 2 x 2 pixels whole: their algorithm's known fault.
    squares = ndimage.binary_hit_or_miss(np.pad(ink, 2), np.pad(np.ones((2, 2)), 1)).sum()
    assert pieces(skeleton) >= pieces(ink) - squares


def test_a_bar_becomes_one_stroke_along_its_middle() -> None:
    (strokes,) = trace(picture((4, 24, 12, 16))[np.newaxis])
    assert len(strokes) == 1
    x, y = strokes[0].T
    np.testing.assert_allclose(x, 13.5, atol=0.3)
    assert (y.min(), y.max()) == (pytest.approx(5.5, abs=2), pytest.approx(21.5, abs=2))
    assert (np.abs(np.diff(y)) < 1.5).all()


def test_a_line_goes_straight_on_where_it_is_crossed_and_what_crosses_it_touches_it() -> None:
    (strokes,) = trace(picture((4, 24, 13, 15), (13, 15, 4, 24))[np.newaxis])
    first, *others = strokes
    assert np.ptp(first[:, 1]) > 15
    assert np.ptp(first[:, 0]) < 1.5
    for other in others:
        assert min(np.hypot(*(first - end).T).min() for end in (other[0], other[-1])) < 1
    assert np.ptp(np.concatenate(others)[:, 0]) > 15


def test_a_ring_becomes_a_stroke_that_closes() -> None:
    rows, columns = np.mgrid[:28, :28]
    distance = np.hypot(rows - 14, columns - 14)
    ring = np.where((distance < 9) & (distance > 6), 255, 0).astype(np.uint8)
    (strokes,) = trace(ring[np.newaxis])
    assert len(strokes) == 1
    assert np.hypot(*(strokes[0][0] - strokes[0][-1])) < 1.5


def test_specks_beside_writing_are_left_out_a_dot_alone_stays_and_a_blank_has_no_stroke() -> None:
    strokes, none, speck = trace(
        np.stack([picture((4, 24, 13, 15), (6, 7, 22, 23)), picture(), picture((9, 10, 9, 10))])
    )
    assert len(strokes) == 1
    assert none == []
    np.testing.assert_allclose(speck, [[[9, 9]]])


def test_pictures_are_enlarged_about_their_places() -> None:
    image = np.zeros((1, 4, 6), np.uint8)
    image[0, 1, 2] = 200
    large = enlarge(image)[0]
    assert large.shape == (8, 12)
    assert large.max() == pytest.approx(200 * 0.75**2)
    np.testing.assert_allclose(ndimage.center_of_mass(large), (2.5, 4.5))


def test_the_number_of_processes_does_not_matter() -> None:
    images = np.stack([picture((4, 24, 10 + n % 8, 14 + n % 8)) for n in range(1200)])
    one, several = traced(images, processes=1), traced(images, processes=3)
    assert len(one) == len(several) == 1200
    for mine, other in zip(one, several, strict=True):
        np.testing.assert_array_equal(mine[0], other[0])


def test_qmnists_scans_become_ink_of_the_same_writers_symbols_and_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        images, labels = mnist.load_images()
    except MissingDataError as error:
        pytest.skip(f"no real handwriting on this machine: {error}")
    monkeypatch.setattr(mnist, "load_images", lambda data_dir: (images[:2000], labels[:2000]))
    ink, scans = load_qmnist_ink(), mnist.load_qmnist()
    for name in ("writer", "symbol", "order"):
        np.testing.assert_array_equal(getattr(ink, name), getattr(scans, name))
    drawn = fragments(ink)
    check_ink(drawn.pixels, drawn.writer)
    assert (np.diff(ink.stroke_offset) > 0).all()
    ink_of, scan_of = drawn.pixels >= 128, scans.pixels >= 128
    # A pen of 0.66 mm draws thinner than most of NIST's: nearly all of its ink lies on that of the scan.
    near = np.stack([ndimage.binary_dilation(one, AROUND) for one in scan_of])
    assert (ink_of & near).sum() / ink_of.sum() > 0.97
