"""Fragments -> fragments moved and distorted, as their writer could write with another pen."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from train.network.training_settings import Augmentation

_BLUR = ((1.0, 2.0, 1.0), (2.0, 4.0, 2.0), (1.0, 2.0, 1.0))


def augment(pixels: Any, seed: Any, amount: Augmentation, pixel_bits: int) -> Any:
    """Move and distort each fragment at random: uint8 [N, S, S] -> float32 [N, S, S, 1] in [0, 1].

    seed: int32 [2]; equal seeds give equal results. Values between pixels are interpolated bilinearly. At 1 bit a pixel
    the result is cut at one half again, so that the network sees only what the wire carries; then a half of the
    fragments, drawn at random, gets strokes of another width if `amount.threshold` is not 0.
    """
    seeds = tf.random.experimental.stateless_split(seed, 2)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pixels[..., tf.newaxis], tf.float32),
        transforms=_transforms(tf.shape(pixels)[0], tf.cast(tf.shape(pixels)[1], tf.float32), seeds[0], amount),
        output_shape=tf.shape(pixels)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
    )
    values = quantise_pixels(moved, pixel_bits)
    if pixel_bits != 1 or amount.threshold == 0.0:
        return values
    kernel = tf.constant(_BLUR)[:, :, tf.newaxis, tf.newaxis] / 16.0
    draw = tf.random.stateless_uniform([tf.shape(pixels)[0], 2, 1, 1, 1], seeds[1], -1.0, 1.0)
    other = tf.nn.conv2d(moved, kernel, 1, "SAME") >= 127.5 + draw[:, 0] * amount.threshold
    return tf.where(draw[:, 1] < 0.0, values, tf.cast(other, tf.float32))


def quantise_pixels(values: Any, pixel_bits: int) -> Any:
    """Map pixel values 0..255 to [0, 1] as the wire carries them.

    At 1 bit a pixel they are cut at 128, at 8 bits they are in steps of 1/255.
    """
    if pixel_bits == 1:
        return tf.cast(values >= 128.0, tf.float32)
    return tf.round(values) / 255.0


def _transforms(count: Any, side: Any, seed: Any, amount: Augmentation) -> Any:
    """Return from where output pixels take their ink, as TensorFlow wants it: float32 [N, 8].

    About the middle m, output place p takes it from m + shift + A p / (1 + q p): A turns, zooms and shears, q tilts.
    """
    draw = tf.random.stateless_uniform([count, 8], seed, -1.0, 1.0)
    turn, shear = draw[:, 0] * math.radians(amount.rotation_deg), draw[:, 5] * amount.shear
    wide = 1.0 + draw[:, 1] * amount.zoom + draw[:, 4] * amount.aspect
    high = 1.0 + draw[:, 1] * amount.zoom - draw[:, 4] * amount.aspect
    middle = (side - 1.0) / 2.0
    tilt_x, tilt_y = draw[:, 6] * amount.perspective, draw[:, 7] * amount.perspective
    from_x, from_y = middle + draw[:, 2] * amount.shift_px, middle + draw[:, 3] * amount.shift_px
    whole = 1.0 - (tilt_x + tilt_y) * middle

    def row(along_x: Any, along_y: Any, start: Any) -> tuple[Any, Any, Any]:
        return (
            along_x + start * tilt_x,
            along_y + start * tilt_y,
            start * whole - (along_x + along_y) * middle,
        )

    rows = (
        *row(wide * tf.cos(turn), shear - wide * tf.sin(turn), from_x),
        *row(high * tf.sin(turn), high * tf.cos(turn), from_y),
    )
    return tf.stack([*rows, tilt_x, tilt_y], axis=1) / whole[:, tf.newaxis]
