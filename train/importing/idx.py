"""IDX files of pictures, labels and writers, as MNIST and its kin have -> a set of fragments."""

import gzip
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment import SIDE
from edge.ink.fragment_set import MAX_ID, FragmentSet
from edge.ink.plausible import INK
from edge.ink.symbols import SYMBOLS
from train.data.mnist import embed, ids, read_idx
from train.errors import CorruptDataError, ImportedFileError
from train.importing.pictures import fragment_of
from train.importing.reading import read_bytes

LARGEST_IDX = 2 << 30
"""Largest number of bytes that a file is unpacked to."""

_MNIST = (28, 28)
_QMNIST_COLUMNS = 8


def read_idx_set(
    images: Path,
    labels: Path,
    writers: Path | None = None,
    writer: str | None = None,
    *,
    invert: bool = False,
    transpose: bool = False,
) -> FragmentSet:
    """Return the fragments of IDX pictures [N, H, W] with labels [N] and writers [N]; `.gz` is unpacked.

    Labels are class codes (see `edge.ink.symbols`), or QMNIST's rows of eight numbers, which say the writer too.
    Without writers all are of `writer`. Pictures of 28 x 28 pixels are taken as MNIST's, 33 x 33 as they are, and
    others framed anew (see `fragment_of`). invert: black on white is turned round, else refused. transpose: rows and
    columns change places, as EMNIST's pictures need. Raises ImportedFileError.
    """
    pictures, label = _read(images), _read(labels)
    if pictures.ndim != 3 or pictures.dtype != np.uint8 or not len(pictures):
        raise ImportedFileError(f"{images}: holds {_described(pictures)}, not pictures: bytes [N, rows, columns]")
    if len(label) != len(pictures):
        raise ImportedFileError(f"{labels}: {len(label):,} labels for {len(pictures):,} pictures")
    if transpose:
        pictures = pictures.transpose(0, 2, 1)
    pictures = _turned(pictures, images, invert)
    writer_of, code, order = _who(label, labels, writers, writer)
    if code.min() < -1 or code.max() >= len(SYMBOLS):
        raise ImportedFileError(f"{labels}: a label is {int(code.max())}; class codes are 0 to {len(SYMBOLS) - 1}")
    pixels = _fragments(pictures, images)
    names = (writer,) if writer and not np.any(writer_of) else ()
    return FragmentSet(pixels, writer_of, code, order, names)


def _who(
    label: NDArray[Any], labels: Path, writers: Path | None, writer: str | None
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return writer, class code and order of each picture, int32 [N]."""
    if label.ndim == 2 and label.shape[1] == _QMNIST_COLUMNS:
        return ids(_checked(label, labels))
    if label.ndim != 1:
        raise ImportedFileError(f"{labels}: holds {_described(label)}, neither one label a picture nor QMNIST's rows")
    code = _checked(label, labels)
    if writers is None:
        if writer is None:
            raise ImportedFileError(f"{labels}: does not say who wrote; give --writers FILE, or --writer NAME")
        return np.zeros(len(code), np.int32), code, np.arange(len(code), dtype=np.int32)
    who = _checked(_read(writers), writers)
    if who.shape != code.shape:
        raise ImportedFileError(f"{writers}: holds {_described(who)} for {len(code):,} pictures")
    order = np.empty(len(who), np.int32)
    for one in np.unique(who):
        own = who == one
        order[own] = np.arange(np.count_nonzero(own))
    return who, code, order


def _checked(numbers: NDArray[Any], path: Path) -> NDArray[np.int32]:
    if numbers.min() < -1 or numbers.max() > MAX_ID:
        raise ImportedFileError(f"{path}: a number is not in -1 .. {MAX_ID}")
    return numbers.astype(np.int32)


def _turned(pictures: NDArray[np.uint8], path: Path, invert: bool) -> NDArray[np.uint8]:
    """Return pictures with paper 0, each turned round if it is light at the border and that is allowed."""
    border = np.concatenate([pictures[:, 0], pictures[:, -1], pictures[:, 1:-1, 0], pictures[:, 1:-1, -1]], axis=1)
    light = np.median(border, axis=1) >= INK
    if not light.any():
        return pictures
    if not invert:
        raise ImportedFileError(
            f"{path}: a pixel is 0 where there is paper and 255 where there is ink, but {np.count_nonzero(light):,} of "
            f"{len(light):,} pictures have a light border; give --invert if they are dark writing on light paper"
        )
    return np.where(light[:, np.newaxis, np.newaxis], 255 - pictures, pictures)


def _fragments(pictures: NDArray[np.uint8], path: Path) -> NDArray[np.uint8]:
    if pictures.shape[1:] == (SIDE, SIDE):
        return np.array(pictures)
    if pictures.shape[1:] == _MNIST:
        return embed(pictures)
    return np.stack([fragment_of(one, f"{path}, picture {place}", False) for place, one in enumerate(pictures)])


def _read(path: Path) -> NDArray[Any]:
    raw = read_bytes(path)
    try:
        if raw[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
                raw = stream.read(LARGEST_IDX + 1)
            if len(raw) > LARGEST_IDX:
                raise ImportedFileError(f"{path}: unpacks to more than {LARGEST_IDX:,} bytes")
        return read_idx(raw, str(path))
    except CorruptDataError as error:
        raise ImportedFileError(str(error)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise ImportedFileError(f"{path}: cannot be unpacked ({error})") from error


def _described(array: NDArray[Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"
