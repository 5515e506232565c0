"""The claims of edge.ink.fragment."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.ink.fragment import INPUT_SCALE, INPUT_ZERO_POINT, to_float, to_int8


@given(st.integers(0, 255))
def test_int8_stands_for_the_very_real_number_that_training_saw(pixel: int) -> None:
    pixels = np.full((2, 33, 33), pixel, np.uint8)
    real = (to_int8(pixels).astype(np.float64) - INPUT_ZERO_POINT) * INPUT_SCALE
    # 6e-8: float32 has 24 bits; the int8 side is exact up to one float64 rounding.
    np.testing.assert_allclose(to_float(pixels), real, atol=6e-8, rtol=0)


def test_every_pixel_value_has_its_own_code_in_order() -> None:
    ramp = np.zeros((256, 33, 33), np.uint8)
    ramp[:, 0, 0] = np.arange(256)
    assert to_int8(ramp)[:, 0, 0, 0].tolist() == list(range(-128, 128))


def test_shapes_gain_one_channel() -> None:
    assert to_int8(np.zeros((4, 5, 33, 33), np.uint8)).shape == (4, 5, 33, 33, 1)
    assert to_float(np.zeros((33, 33), np.uint8)).shape == (33, 33, 1)
    assert to_float(np.zeros((33, 33), np.uint8)).dtype == np.float32


@pytest.mark.parametrize("wrong", [np.zeros((33, 32), np.uint8), np.zeros((33, 33), np.int16), np.zeros(33, np.uint8)])
def test_what_is_no_fragment_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a fragment is uint8"):
        to_int8(wrong)


def test_the_source_is_not_changed() -> None:
    pixels = np.zeros((33, 33), np.uint8)
    to_int8(pixels)[...] = 5
    assert not pixels.any()
