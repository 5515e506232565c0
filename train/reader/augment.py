"""Grey fragments -> black-and-white ones as other hands and pens could have written the same symbol."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from train.reader.settings import Distortion

_GRID = 5
"""Places along each side at which the elastic distortion is drawn; in between it is interpolated."""


def distort(pixels: Any, seed: Any, amount: Distortion) -> Any:
    """Distort each fragment at random: uint8 [N, S, S] -> float32 [N, S, S, 1] of 0 and 1.

    seed: int32 [2]; equal seeds give equal results. The ink is bent, moved and interpolated bilinearly, blurred by a
    random share, then cut at a random grey.
    """
    count, side = tf.shape(pixels)[0], pixels.shape[1]
    seeds = tf.random.experimental.stateless_split(seed, 3)
    rows, columns = _sources(count, side, seeds[0], seeds[1], amount)
    grey = _interpolate(tf.cast(pixels, tf.float32), rows, columns)[..., tf.newaxis]
    draw = tf.random.stateless_uniform([count, 2, 1, 1, 1], seeds[2])
    blurred = tf.nn.avg_pool2d(grey, 3, 1, "SAME")
    mixed = grey + draw[:, 0] * (blurred - grey)
    return tf.cast(mixed >= 128.0 + (2.0 * draw[:, 1] - 1.0) * amount.threshold, tf.float32)


def _sources(count: Any, side: int, seed: Any, bend: Any, amount: Distortion) -> tuple[Any, Any]:
    """Return from which row and column, float32 [N, S, S] each, every pixel takes its ink."""
    draw = tf.random.stateless_uniform([count, 6, 1, 1], seed, -1.0, 1.0)
    turn, slant = draw[:, 0] * math.radians(amount.rotation_deg), draw[:, 1] * amount.shear
    wide, high = 1.0 + draw[:, 2] * amount.zoom, 1.0 + draw[:, 3] * amount.zoom
    middle = (side - 1) / 2
    y, x = (axis[tf.newaxis] - middle for axis in tf.meshgrid(*[tf.range(side, dtype=tf.float32)] * 2, indexing="ij"))
    turned_x, turned_y = tf.cos(turn) * x - tf.sin(turn) * y, tf.sin(turn) * x + tf.cos(turn) * y
    columns = wide * (turned_x + slant * turned_y) + middle + draw[:, 4] * amount.shift_px
    rows = high * turned_y + middle + draw[:, 5] * amount.shift_px
    coarse = tf.random.stateless_normal([count, _GRID, _GRID, 2], bend, 0.0, amount.elastic_px)
    moves = tf.image.resize(coarse, [side, side], "bicubic")
    return rows + moves[..., 0], columns + moves[..., 1]


def _interpolate(grey: Any, rows: Any, columns: Any) -> Any:
    """Return the grey at places between pixels, float32 [N, S, S]; outside there is paper."""
    count, side = tf.shape(grey)[0], grey.shape[1]
    width = side + 2
    flat = tf.reshape(tf.pad(grey, [[0, 0], [1, 1], [1, 1]]), [-1])
    row, column = (tf.clip_by_value(place + 1.0, 0.0, side + 0.999) for place in (rows, columns))
    top, left = tf.floor(row), tf.floor(column)
    down, right = row - top, column - left
    first = tf.range(count)[:, tf.newaxis, tf.newaxis] * width**2
    corner = first + tf.cast(top, tf.int32) * width + tf.cast(left, tf.int32)
    above = tf.gather(flat, corner) * (1.0 - right) + tf.gather(flat, corner + 1) * right
    below = tf.gather(flat, corner + width) * (1.0 - right) + tf.gather(flat, corner + width + 1) * right
    return above * (1.0 - down) + below * down
