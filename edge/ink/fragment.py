"""Fragment pixels -> the tensor that the network takes: float in training, int8 on the edge."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

SIDE = 33
"""Pixels along each side of a fragment: the network's atomic input, 33 x 33 = 1089 inputs."""

INPUT_SCALE = 1.0 / 255.0
"""Real value of one step of the int8 input: pixel p stands for p / 255."""

INPUT_ZERO_POINT = -128
"""The int8 value of paper (pixel 0): q = p - 128, so that (q - zero point) * scale = p / 255 exactly."""

Pixels: TypeAlias = npt.NDArray[np.uint8]


def to_float(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Return pixels uint8 [..., 33, 33] (0 paper .. 255 ink) as float32 [..., 33, 33, 1] in [0, 1].

    ValueError for another type or shape.
    """
    return (_checked(pixels).astype(np.float32) / np.float32(255.0))[..., np.newaxis]


def to_int8(pixels: Pixels) -> npt.NDArray[np.int8]:
    """Return pixels uint8 [..., 33, 33] as int8 [..., 33, 33, 1], scale 1/255, zero point -128.

    p - 128 is p with its top bit flipped, read as two's complement, so no wider type is needed. ValueError for another
    type or shape.
    """
    return (_checked(pixels) ^ np.uint8(0x80)).view(np.int8)[..., np.newaxis]


def _checked(pixels: Any) -> Pixels:
    """Return the array itself. ValueError unless it is uint8 and its last two axes are 33 x 33."""
    array = np.asarray(pixels)
    if array.dtype != np.uint8 or array.shape[-2:] != (SIDE, SIDE):
        raise ValueError(f"a fragment is uint8 [..., {SIDE}, {SIDE}], this is {array.dtype} {list(array.shape)}")
    return array
