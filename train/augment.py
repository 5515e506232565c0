"""Fragments -> the same fragments written slightly otherwise: turned, zoomed, shifted; the writer stays the writer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Augmentation:
    """How far a fragment may move. Slant and stroke width are what tells writers apart, so these stay small."""

    rotation_deg: float = 6.0
    zoom: float = 0.08
    shift_px: float = 1.5


HANDS = (
    (0.0, 1.0, 0.0),
    (0.22, 1.0, 0.0),
    (-0.22, 1.0, 0.0),
    (0.0, 1.0, 60.0),
    (0.0, 1.0, -60.0),
    (0.0, 1.16, 0.0),
    (0.0, 0.86, 0.0),
)
"""Changes that make another writer of a writer: (slant as a shear, width as a factor, ink added in grey levels). The
first changes nothing. Writers made so are told apart in pre-training like real ones, which multiplies their number."""


def augment(pixels: Any, seed: Any, amount: Augmentation, pixel_bits: int, hands: Any = None) -> Any:
    """Move each fragment by its own random turn, zoom and shift: uint8 [N, S, S] -> float32 [N, S, S, 1] in [0, 1].

    seed: int32 [2]; equal seeds give equal results. hands: float32 [N, 3], rows of HANDS, None for the writers' own.
    Pixels between the old ones are bilinear. At 1 bit a pixel the result is cut at one half again, so that the network
    sees only what the wire carries.
    """
    if hands is None:
        hands = tf.constant([HANDS[0]])
    slant, width, ink = hands[:, 0], hands[:, 1], hands[:, 2]
    count, side = tf.shape(pixels)[0], tf.cast(tf.shape(pixels)[1], tf.float32)
    draw = tf.random.stateless_uniform([count, 4], seed, -1.0, 1.0)
    turn = draw[:, 0] * math.radians(amount.rotation_deg)
    scale = 1.0 + draw[:, 1] * amount.zoom
    cos, sin = scale * tf.cos(turn), scale * tf.sin(turn)
    # Output (x, y) about the middle takes its ink from (xx x + xy y, yx x + yy y): stretch, shear, turn and zoom.
    xx, xy = cos / width, cos * slant - sin
    yx, yy = sin / width, sin * slant + cos
    middle = (side - 1.0) / 2.0
    x0 = middle - (xx + xy) * middle + draw[:, 2] * amount.shift_px
    y0 = middle - (yx + yy) * middle + draw[:, 3] * amount.shift_px
    zero = tf.zeros_like(turn)
    transforms = tf.stack([xx, xy, x0, yx, yy, y0, zero, zero], axis=1)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pixels[..., tf.newaxis], tf.float32),
        transforms=transforms,
        output_shape=tf.shape(pixels)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
    )
    # Only where there is ink or its edge: paper stays paper.
    inked = tf.where(moved > 16.0, tf.clip_by_value(moved + ink[:, None, None, None], 0.0, 255.0), moved)
    return quantise_pixels(inked, pixel_bits)


def quantise_pixels(values: Any, pixel_bits: int) -> Any:
    """Pixel values 0..255 -> [0, 1] as the wire carries them: cut at 128 for 1 bit, in steps of 1/255 for 8 bits."""
    if pixel_bits == 1:
        return tf.cast(values >= 128.0, tf.float32)
    return tf.round(values) / 255.0
