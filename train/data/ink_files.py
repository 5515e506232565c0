"""Files of pen strokes in the data folder (UCI pen-based digits, UNIPEN) -> ink with writers."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.ink.symbols import code_of
from firmware_bridge.trust.folder import DATA_VARIABLE, data_folder
from train.data.ink import Ink, scale_mm
from train.errors import CorruptDataError, MissingDataError

FILES = {
    "pendigits": "ink/pendigits_orig.npz",
    "unipen": "ink/unipen_digits.npz",
    "unipen-letters": "ink/unipen_letters.npz",
    "unipen-sessions": "ink/unipen_dated_sessions.npz",
}
"""A dataset's name -> its file in the data folder."""

_NEEDED = ("label", "writer", "order", "point_offset", "stroke_offset")


def load_ink(name: str, data_dir: Path | str | None = None) -> Ink:
    """Load the ink of one of FILES.

    session: the day, counted from the writer's first dated file, of UNIPEN; 0 for pendigits, one sitting each; -1
    unknown. Sizes: see `scale_mm`; pendigits' tablet is unknown, so each writer's median symbol is made SYMBOL_MM.
    Raises MissingDataError, CorruptDataError.
    """
    folder = data_folder(data_dir)
    path = folder / FILES[name]
    if not path.is_file():
        raise MissingDataError(f"{FILES[name]} is not in {folder}; point {DATA_VARIABLE} at a folder that has it")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return _ink({key: archive[key] for key in archive.files})
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise CorruptDataError(f"{path} is no file of pen strokes ({error})") from error
    except Exception as error:  # zipfile and zlib raise their own errors for damaged streams
        raise CorruptDataError(f"{path} cannot be read ({type(error).__name__}: {error})") from error


def _ink(arrays: dict[str, NDArray[Any]]) -> Ink:
    """Return the ink of a file's arrays. ValueError, KeyError or IndexError unless they fit together."""
    label, writer, order, point_offset, stroke_offset = (arrays[key] for key in _NEEDED)
    count = len(label)
    point_offset, stroke_offset = point_offset.astype(np.int64), stroke_offset.astype(np.int64)
    x, y = _coordinates(arrays, point_offset)
    for offset, end in ((stroke_offset, len(point_offset) - 1), (point_offset, len(x))):
        if offset[0] != 0 or offset[-1] != end or np.any(np.diff(offset) < 1):
            raise ValueError("its offsets do not ascend from 0 to the end")
    if len(stroke_offset) != count + 1 or len(writer) != count or len(order) != count or len(x) != len(y):
        raise ValueError("its arrays differ in length")
    ids = writer.astype(np.int32)
    starts = point_offset[stroke_offset[:-1]]
    size = np.maximum(_extent(x, starts), _extent(y, starts))
    units_per_mm = arrays.get("points_per_mm", np.zeros(count)).astype(np.float64)
    mm = np.repeat(scale_mm(size, ids, units_per_mm), np.diff(np.append(starts, len(x))))
    codes = label if label.dtype.kind in "iu" else [code_of(str(character)) for character in label]
    return Ink(
        (x * mm).astype(np.float32),
        (-y * mm).astype(np.float32),
        point_offset,
        stroke_offset,
        ids,
        np.asarray(codes, np.int32),
        order.astype(np.int32),
        arrays.get("day", np.zeros(count)).astype(np.int32),
    )


def _coordinates(arrays: dict[str, NDArray[Any]], point_offset: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Return x and y in the tablet's units, y upwards; UNIPEN's are kept as differences within a stroke."""
    if "x" in arrays:
        return arrays["x"].astype(np.int64), arrays["y"].astype(np.int64)
    return tuple(_running_sum(arrays[key].astype(np.int64), point_offset) for key in ("dx", "dy"))


def _running_sum(steps: NDArray[np.int64], offset: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sums of the steps within each stroke, whose first step is its place."""
    sums = np.cumsum(steps)
    before = sums[offset[:-1]] - steps[offset[:-1]]
    return np.asarray(sums - np.repeat(before, np.diff(offset)))


def _extent(values: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts))
