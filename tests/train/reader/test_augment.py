"""Distorted fragments are black and white, reproducible, and still the same symbol."""

import numpy as np
import pytest
import tensorflow as tf

from train.reader.augment import distort
from train.reader.samples import Samples
from train.reader.settings import Distortion

STILL = Distortion(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
SEED = tf.constant([1, 2])


def bar(width: int) -> np.ndarray:
    pixels = np.zeros((400, 33, 33), np.uint8)
    pixels[:, 6:27, 16 - width // 2 : 16 - width // 2 + width] = 255
    return pixels


def distorted(pixels: np.ndarray, amount: Distortion, seed: tf.Tensor = SEED) -> np.ndarray:
    made: np.ndarray = distort(tf.constant(pixels), seed, amount).numpy()[..., 0]
    return made


def test_without_amount_black_and_white_stays_as_it_is_but_for_corners_that_blur_away() -> None:
    pixels = bar(5)
    assert (distorted(pixels, STILL) != (pixels > 0)).sum(axis=(1, 2)).max() <= 4


def test_without_amount_a_blank_fragment_stays_blank_and_a_full_one_full() -> None:
    for value in (0, 255):
        full = np.full((3, 33, 33), value, np.uint8)
        assert (distorted(full, STILL)[:, 1:-1, 1:-1] == value / 255).all()


def test_a_distorted_fragment_is_black_and_white(samples: Samples) -> None:
    assert set(np.unique(distorted(samples.pixels[:64], Distortion()))) == {0.0, 1.0}


def test_equal_seeds_give_equal_fragments_and_other_seeds_others(samples: Samples) -> None:
    pixels = samples.pixels[:16]
    first = distorted(pixels, Distortion())
    np.testing.assert_array_equal(first, distorted(pixels, Distortion()))
    assert (first != distorted(pixels, Distortion(), tf.constant([1, 3]))).any()


def test_a_shift_moves_the_ink_by_at_most_its_amount_and_about_as_often_either_way() -> None:
    moved = distorted(bar(5), Distortion(0.0, 0.0, 0.0, 2.0, 0.0, 0.0))
    columns = (moved.sum(axis=1) * np.arange(33)).sum(axis=1) / moved.sum(axis=(1, 2)) - 16
    assert np.abs(columns).max() <= 2.5  # half a pixel more where a pixel is cut at one half
    assert abs(columns.mean()) < 0.3
    assert columns.std() > 0.8


def test_the_threshold_makes_strokes_thinner_and_thicker() -> None:
    soft = np.stack([np.convolve(row, np.ones(5) / 5, "same") for row in bar(3)[0].astype(float)])
    grey = np.repeat(soft.astype(np.uint8)[np.newaxis], 200, axis=0)
    widths = distorted(grey, Distortion(0.0, 0.0, 0.0, 0.0, 0.0, 90.0))[:, 16].sum(axis=1)
    assert widths.min() < (grey[0, 16] >= 128).sum() < widths.max()


@pytest.mark.parametrize("field", ["rotation_deg", "shear", "zoom", "elastic_px"])
def test_every_distortion_changes_fragments_and_keeps_most_of_their_ink(field: str) -> None:
    pixels = bar(5)
    only = Distortion(**{**dict.fromkeys(Distortion.__dataclass_fields__, 0.0), field: getattr(Distortion(), field)})
    made, still = distorted(pixels, only), distorted(pixels, STILL)
    assert (made != still).any(axis=(1, 2)).mean() > 0.5
    assert np.abs(made.sum(axis=(1, 2)) / still.sum(axis=(1, 2)) - 1).max() < 0.5
