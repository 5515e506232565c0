import numpy as np
import pytest
import tensorflow as tf

from train.network.augment import augment, quantise_pixels
from train.network.training_settings import Augmentation

WIDTHS = Augmentation(rotation_deg=0.0, zoom=0.0, shift_px=0.0, threshold=40.0)
STILL = Augmentation(rotation_deg=0.0, zoom=0.0, shift_px=0.0)
SEED = tf.constant([1, 2])


def letter() -> np.ndarray:
    """Return an L of ink, whose mass clearly lies on one side."""
    pixels = np.zeros((1, 33, 33), np.uint8)
    pixels[0, 6:27, 10:13] = 255
    pixels[0, 24:27, 10:23] = 255
    return pixels


def test_without_amount_a_fragment_stays_as_it_is() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (5, 33, 33), dtype=np.uint8)
    moved = augment(tf.constant(grey), SEED, STILL, 8).numpy()[..., 0]
    np.testing.assert_array_equal(np.rint(moved * 255), grey)


@pytest.mark.parametrize("bits", [1, 8])
def test_the_network_sees_only_what_the_wire_carries(bits: int) -> None:
    moved = augment(tf.constant(np.repeat(letter(), 20, axis=0)), SEED, Augmentation(), bits).numpy()
    steps = 1 if bits == 1 else 255
    np.testing.assert_allclose(moved * steps, np.rint(moved * steps), atol=1e-4)  # float32 of k / 255
    assert set(np.unique(quantise_pixels(tf.constant([0.0, 127.9, 128.0, 255.0]), 1).numpy())) == {0.0, 1.0}


def test_equal_seeds_give_equal_fragments_and_other_seeds_others() -> None:
    pixels = tf.constant(np.repeat(letter(), 8, axis=0))
    first, again = (augment(pixels, SEED, Augmentation(), 1).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (augment(pixels, tf.constant([1, 3]), Augmentation(), 1).numpy() != first).any()


def test_augmentation_keeps_ink_and_place_within_its_amount() -> None:
    pixels = np.repeat(letter(), 200, axis=0)
    moved = augment(tf.constant(pixels), SEED, Augmentation(), 1).numpy()[..., 0]
    ink = moved.sum(axis=(1, 2))
    # A zoom of 8 % changes the area by at most 17 %; cutting at one half makes a stroke of 3 pixels 2 to 4 wide.
    assert (np.abs(ink / (pixels[0] > 0).sum() - 1) < 1.17 * 4 / 3 - 1).all()


def test_half_of_the_fragments_get_strokes_of_another_width_and_stay_where_they_are() -> None:
    pixels = np.repeat(letter(), 200, axis=0)
    moved = augment(tf.constant(pixels), SEED, WIDTHS, 1).numpy()[..., 0]
    before = pixels[0] > 0
    same = (moved == before).all(axis=(1, 2))
    assert 0.3 < same.mean() < 0.8
    ink = moved.sum(axis=(1, 2)) / before.sum()
    assert ink.min() < 0.99
    assert ink.max() > 1.01
    for axis in (1, 2):
        place = (moved * np.arange(33).reshape(*(33 if axis == other else 1 for other in (1, 2)))).sum(axis=(1, 2))
        middle = np.average(np.nonzero(before)[axis - 1])
        np.testing.assert_allclose(place / moved.sum(axis=(1, 2)), middle, atol=0.5)


def test_at_8_bits_strokes_keep_their_width() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (5, 33, 33), dtype=np.uint8)
    np.testing.assert_array_equal(np.rint(augment(tf.constant(grey), SEED, WIDTHS, 8).numpy()[..., 0] * 255), grey)


@pytest.mark.parametrize("name", ["aspect", "shear", "perspective"])
def test_each_distortion_leaves_the_middle_and_moves_what_is_far_from_it(name: str) -> None:
    pixels = np.zeros((100, 33, 33), np.uint8)
    pixels[:, 15:18, 15:18] = 255
    pixels[:, 3:6, 3:6] = 255
    amount = Augmentation(**{"rotation_deg": 0.0, "zoom": 0.0, "shift_px": 0.0, name: 0.004 if name[0] == "p" else 0.2})
    moved = augment(tf.constant(pixels), SEED, amount, 1).numpy()[..., 0]
    np.testing.assert_array_equal(moved[:, 16, 16], 1.0)
    assert (moved[:, :12, :12] != pixels[:, :12, :12] / 255).any(axis=(1, 2)).mean() > 0.3
