"""Fragments -> fragments slightly turned, zoomed and shifted, as their writer could write them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Augmentation:
    """The largest turn, zoom and shift of a fragment.

    They are small, because slant and stroke width are what tells writers apart.
    """

    rotation_deg: float = 6.0
    zoom: float = 0.08
    shift_px: float = 1.5


def augment(pixels: Any, seed: Any, amount: Augmentation, pixel_bits: int) -> Any:
    """Turn, zoom and shift each fragment at random: uint8 [N, S, S] -> float32 [N, S, S, 1] in [0, 1].

    seed: int32 [2]; equal seeds give equal results. Values between pixels are interpolated bilinearly. At 1 bit a pixel
    the result is cut at one half again, so that the network sees only what the wire carries.
    """
    count, side = tf.shape(pixels)[0], tf.cast(tf.shape(pixels)[1], tf.float32)
    draw = tf.random.stateless_uniform([count, 4], seed, -1.0, 1.0)
    turn = draw[:, 0] * math.radians(amount.rotation_deg)
    scale = 1.0 + draw[:, 1] * amount.zoom
    cos, sin = scale * tf.cos(turn), scale * tf.sin(turn)
    middle = (side - 1.0) / 2.0
    # Output (x, y) about the middle takes its ink from (cos x - sin y, sin x + cos y).
    x0 = middle - (cos - sin) * middle + draw[:, 2] * amount.shift_px
    y0 = middle - (sin + cos) * middle + draw[:, 3] * amount.shift_px
    zero = tf.zeros_like(turn)
    transforms = tf.stack([cos, -sin, x0, sin, cos, y0, zero, zero], axis=1)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pixels[..., tf.newaxis], tf.float32),
        transforms=transforms,
        output_shape=tf.shape(pixels)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
    )
    return quantise_pixels(moved, pixel_bits)


def quantise_pixels(values: Any, pixel_bits: int) -> Any:
    """Map pixel values 0..255 to [0, 1] as the wire carries them.

    At 1 bit a pixel they are cut at 128, at 8 bits they are in steps of 1/255.
    """
    if pixel_bits == 1:
        return tf.cast(values >= 128.0, tf.float32)
    return tf.round(values) / 255.0
