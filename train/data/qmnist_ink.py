"""QMNIST's scans -> ink, as if their writers had written with a pen board's pen."""

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.data import mnist
from train.data.ink import SYMBOL_MM, Ink, join_strokes
from train.data.skeleton import Strokes, trace

_BOX = 20  # MNIST makes the larger side of every digit 20 pixels
_CHUNK = 500


def load_qmnist_ink(data_dir: Path | str | None = None, processes: int | None = None) -> Ink:
    """Load QMNIST's digits as strokes, each SYMBOL_MM on its larger side.

    Writer, symbol and order are QMNIST's; session is 0, one form each. processes: see `pixels_of`. Raises
    MissingDataError, CorruptDataError.
    """
    images, labels = mnist.load_images(data_dir)
    points, point_offset, stroke_offset = join_strokes(traced(images, processes))
    x, y = (points[:, axis] * np.float32(SYMBOL_MM / _BOX) for axis in (0, 1))
    writer, symbol, order = mnist.ids(labels)
    return Ink(x, y, point_offset, stroke_offset, writer, symbol, order, np.zeros_like(writer))


def traced(images: NDArray[np.uint8], processes: int | None = None) -> list[Strokes]:
    """Return `trace` of the pictures uint8 [N, H, W], computed by several processes."""
    parts = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
    count = min(processes or os.cpu_count() or 1, len(parts))
    if count <= 1:
        return [strokes for part in parts for strokes in trace(part)]
    with ProcessPoolExecutor(count) as pool:
        return [strokes for done in pool.map(trace, parts) for strokes in done]
