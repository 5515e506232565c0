"""MNIST images and QMNIST writer ids (IDX files) -> 33x33 grey fragments with writer, symbol, order."""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment import SIDE
from edge.ink.fragment_set import FragmentSet
from firmware_bridge.trust.folder import DATA_VARIABLE, data_folder
from train.errors import CorruptDataError, MissingDataError

SCALE = 1.25
"""Enlargement of an MNIST image about its centre of mass: its ink box of 20 pixels becomes 25 of the fragment's 33.

Of the 60,000 images 7 lose ink over the border at 1.18 and at 1.25, 1,000 at 1.3 and 10,149 at 1.4.
"""

_MNIST_SIDE = 28
_MASS_CENTRE = 14.0  # MNIST shifts every digit so that its mass is centred on pixel (14, 14), not on 13.5
_WEIGHT_UNIT = 128
_CHUNK = 4096
_QMNIST_COLUMNS = 8
_DIGIT, _WRITER, _ORDER = 0, 2, 3
_IDX_TYPES: dict[int, np.dtype[Any]] = {0x08: np.dtype(">u1"), 0x0C: np.dtype(">i4")}


@dataclass(frozen=True)
class SourceFile:
    """One file of a public source: its place in the data folder, its homes, and what it decompresses to."""

    path: str
    urls: tuple[str, ...]
    size: int
    sha256: str


IMAGES = SourceFile(
    "mnist/train-images-idx3-ubyte.gz",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz",
        "https://storage.googleapis.com/cvdf-datasets/mnist/train-images-idx3-ubyte.gz",
    ),
    47_040_016,
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
)
LABELS = SourceFile(
    "qmnist/qmnist-train-labels-idx2-int.gz",
    ("https://raw.githubusercontent.com/facebookresearch/qmnist/main/qmnist-train-labels-idx2-int.gz",),
    1_920_012,
    "bb1b6e1ec7b04fd5696f1ed50b5f58f8ef195118edd5c93c81783df9740b8ac5",
)
WRITERS_FILES = (IMAGES, LABELS)
"""What `load_qmnist` needs."""

TEST_IMAGES = SourceFile(
    "mnist/t10k-images-idx3-ubyte.gz",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz",
        "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-images-idx3-ubyte.gz",
    ),
    7_840_016,
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
)
TEST_LABELS = SourceFile(
    "mnist/t10k-labels-idx1-ubyte.gz",
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz",
        "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-labels-idx1-ubyte.gz",
    ),
    10_008,
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
FILES = (*WRITERS_FILES, TEST_IMAGES, TEST_LABELS)
"""All public files: with those of the writers, the 10,000 test digits, which have no writer ids."""


def load_qmnist(data_dir: Path | str | None = None) -> FragmentSet:
    """Load all 60,000 digits of QMNIST's 539 training writers as 8-bit fragments.

    symbol is the digit, order its place in the form. Raises MissingDataError when the files are not there,
    CorruptDataError when their SHA-256 is not the published one.
    """
    images, labels = load_images(data_dir)
    writer, symbol, order = ids(labels)
    return FragmentSet(pixels=embed(images), writer=writer, symbol=symbol, order=order)


def load_images(data_dir: Path | str | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return QMNIST's images uint8 [60000, 28, 28] and its rows of labels int32 [60000, 8].

    Raises MissingDataError, CorruptDataError.
    """
    folder = data_folder(data_dir)
    images = read_idx(verified(folder, IMAGES), IMAGES.path)
    labels = read_idx(verified(folder, LABELS), LABELS.path)
    if labels.ndim != 2 or labels.shape != (len(images), _QMNIST_COLUMNS):
        raise CorruptDataError(f"{LABELS.path}: shape {labels.shape} does not describe {len(images)} images")
    return images, labels.astype(np.int32)


def load_test_images(data_dir: Path | str | None = None) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Return MNIST's test images uint8 [10000, 28, 28] and their digits int32 [10000].

    Raises MissingDataError, CorruptDataError.
    """
    folder = data_folder(data_dir)
    images = read_idx(verified(folder, TEST_IMAGES), TEST_IMAGES.path)
    digits = read_idx(verified(folder, TEST_LABELS), TEST_LABELS.path)
    if digits.shape != (len(images),):
        raise CorruptDataError(f"{TEST_LABELS.path}: shape {digits.shape} does not describe {len(images)} images")
    return images, digits.astype(np.int32)


def ids(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return writer, symbol and order, int32 [N], of QMNIST's rows of labels."""
    return labels[:, _WRITER].copy(), labels[:, _DIGIT].copy(), labels[:, _ORDER].copy()


def verified(folder: Path, source: SourceFile) -> bytes:
    """Return the decompressed bytes of a source file in the data folder.

    Raises MissingDataError when it is not there, CorruptDataError when it is not the published file.
    """
    path = folder / source.path
    if not path.is_file():
        raise MissingDataError(
            f"{source.path} is not in {folder}; run `inkgate data fetch` "
            f"or point {DATA_VARIABLE} at a folder that has it"
        )
    try:
        return decompressed(path, source)
    except CorruptDataError as error:
        raise CorruptDataError(f"{error}; delete it and run `inkgate data fetch`") from error


def decompressed(path: Path, source: SourceFile) -> bytes:
    """Return the bytes in the gzip file; CorruptDataError unless size and SHA-256 are the published ones."""
    try:
        with gzip.open(path) as stream:
            raw = stream.read(source.size + 1)  # one byte too many is enough to refuse a file that would swell
    except (OSError, EOFError, zlib.error) as error:
        raise CorruptDataError(f"{path} cannot be read ({error})") from error
    if len(raw) != source.size or hashlib.sha256(raw).hexdigest() != source.sha256:
        raise CorruptDataError(f"{path} is not the published file: its SHA-256 or its size differs")
    return raw


def read_idx(raw: bytes, name: str) -> NDArray[Any]:
    """Parse an IDX file of bytes or big-endian int32 into an array of the shape that its header states.

    Raises CorruptDataError, which gives `name`, if the bytes are no such file.
    """
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _IDX_TYPES:
        raise CorruptDataError(f"{name}: not an IDX file of bytes or 32-bit integers")
    dtype, axes = _IDX_TYPES[raw[2]], raw[3]
    start = 4 + 4 * axes
    if len(raw) < start:
        raise CorruptDataError(f"{name}: the IDX header is cut off")
    shape = tuple(int(n) for n in np.frombuffer(raw, ">u4", axes, 4))
    expected = start + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if len(raw) != expected:
        raise CorruptDataError(f"{name}: {len(raw)} bytes where its header promises {expected}")
    return np.frombuffer(raw, dtype, offset=start).reshape(shape)


def embed(images: NDArray[np.uint8], scale: float = SCALE) -> NDArray[np.uint8]:
    """Enlarge images by `scale` about their centre of mass: uint8 [N, 28, 28] -> uint8 [N, 33, 33].

    Cubic convolution (Keys 1981, a = -1/2) as one matrix applied to rows and columns. Its weights are multiples
    of 1/128, so every sum is an integer below 2^24, exact in float32: the same pixels and data hash on every machine.
    """
    weights = _resampling(scale)
    fragments = np.empty((len(images), SIDE, SIDE), np.uint8)
    for start in range(0, len(images), _CHUNK):
        block = images[start : start + _CHUNK].astype(np.float32)
        exact = weights @ block @ weights.T
        fragments[start : start + _CHUNK] = np.clip(np.rint(exact / _WEIGHT_UNIT**2), 0, 255)
    return fragments


@lru_cache(maxsize=8)
def _resampling(scale: float) -> NDArray[np.float32]:
    """Return the [33, 28] matrix of cubic weights in units of 1/128.

    Rows wholly inside the image sum to 128.
    """
    centre = (np.arange(SIDE, dtype=np.float64) - (SIDE - 1) / 2) / scale + _MASS_CENTRE
    distance = centre[:, None] - np.arange(-2, _MNIST_SIDE + 2)[None, :]
    units = np.rint(_keys_cubic(distance) * _WEIGHT_UNIT)
    shortfall = _WEIGHT_UNIT - units.sum(axis=1)
    inside = (centre >= 0) & (centre <= _MNIST_SIDE - 1)
    largest = units.argmax(axis=1)
    units[inside, largest[inside]] += shortfall[inside]
    return units[:, 2:-2].astype(np.float32)


def _keys_cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Keys' interpolation kernel with a = -1/2 at distances x (in source pixels)."""
    d = np.abs(x)
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return np.where(d < 1, near, np.where(d < 2, far, 0.0))
