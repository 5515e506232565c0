"""A path of a person's own file or folder -> its bytes and numbers, within limits, or a sentence."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.files import open_file
from train.errors import ImportedFileError

LARGEST_BYTES = 256 << 20
"""Largest file that is read."""


def read_bytes(path: Path, largest: int = LARGEST_BYTES) -> bytes:
    """Return the content of a file.

    ImportedFileError if it cannot be read or is larger than `largest` bytes.
    """
    try:
        with open_file(path) as stream:
            raw = stream.read(largest + 1)
    except OSError as error:
        raise ImportedFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(raw) > largest:
        raise ImportedFileError(f"{path}: larger than the {largest:,} bytes that are read")
    return raw


def files_of(source: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the file itself, or a folder's files of these suffixes ("" any) in order of names.

    They may lie at any depth. ImportedFileError if there is none.
    """
    if not source.is_dir():
        if not source.exists():
            raise ImportedFileError(f"{source}: no such file or folder")
        return [source]
    found = sorted(path for path in source.rglob("*") if path.is_file() and not path.name.startswith("."))
    kept = [path for path in found if path.suffix.lower() in suffixes or "" in suffixes]
    if not kept:
        wanted = " or ".join(suffix for suffix in suffixes if suffix) or "any"
        raise ImportedFileError(f"{source}: the folder has no file {wanted}")
    return kept


def finite(numbers: list[list[float]], where: str) -> NDArray[np.float64]:
    """Return rows of two coordinates as float64 [n, 2].

    ImportedFileError if one is not finite, or absurdly large.
    """
    points = np.array(numbers, np.float64).reshape(-1, 2)
    if not np.isfinite(points).all() or np.abs(points).max(initial=0) > 1e9:
        raise ImportedFileError(f"{where}: a coordinate is not finite")
    return points
