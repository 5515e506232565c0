"""The claims of train.importing.idx."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from needs import data_folder

from edge.ink.fragment_set import FragmentSet
from train.data.mnist import IMAGES, LABELS, load_qmnist
from train.errors import ImportedFileError
from train.importing.idx import read_idx_set
from train.synthetic.writers import synthetic_set


def idx(path: Path, array: np.ndarray) -> Path:
    """Write an array of uint8 or int32 in IDX format, gzipped where the name ends so."""
    code, kind = (0x08, ">u1") if array.dtype == np.uint8 else (0x0C, ">i4")
    raw = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(kind).tobytes()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.fixture
def writing() -> FragmentSet:
    return synthetic_set(2, 6, seed=4)


@pytest.mark.parametrize("suffix", ["idx", "gz"])
def test_pictures_labels_and_writers_become_a_set(tmp_path: Path, writing: FragmentSet, suffix: str) -> None:
    images = idx(tmp_path / f"images.{suffix}", writing.pixels)
    labels = idx(tmp_path / f"labels.{suffix}", writing.symbol.astype(np.uint8))
    writers = idx(tmp_path / f"writers.{suffix}", np.repeat(np.int32([70, 3]), 6))
    found = read_idx_set(images, labels, writers)
    np.testing.assert_array_equal(found.pixels, writing.pixels)
    assert found.symbol.tolist() == writing.symbol.tolist()
    assert found.writer.tolist() == [70] * 6 + [3] * 6
    assert found.order.tolist() == [*range(6), *range(6)]
    one = read_idx_set(images, labels, writer="Ada")
    assert (one.writer_names, one.order.tolist()) == (("Ada",), list(range(12)))


def test_black_on_white_and_pictures_on_their_side_are_turned_where_that_is_asked_for(
    tmp_path: Path, writing: FragmentSet
) -> None:
    images = idx(tmp_path / "images", 255 - writing.pixels.transpose(0, 2, 1))
    labels = idx(tmp_path / "labels", writing.symbol.astype(np.uint8))
    with pytest.raises(ImportedFileError, match="12 of 12 pictures have a light border; give --invert"):
        read_idx_set(images, labels, writer="Ada", transpose=True)
    found = read_idx_set(images, labels, writer="Ada", invert=True, transpose=True)
    np.testing.assert_array_equal(found.pixels, writing.pixels)


def test_pictures_of_another_size_are_framed_anew(tmp_path: Path, writing: FragmentSet) -> None:
    images = idx(tmp_path / "images", np.kron(writing.pixels, np.ones((3, 3), np.uint8)))
    found = read_idx_set(images, idx(tmp_path / "labels", writing.symbol), writer="Ada")
    # A pixel at the edge of a line may fall on the other side where the box of whole pixels is laid anew.
    assert ((found.pixels >= 128) != (writing.pixels >= 128)).mean() < 0.03


@pytest.mark.slow("reads QMNIST twice")
def test_qmnists_own_files_become_the_dataset_qmnist() -> None:
    images, labels = (data_folder() / source.path for source in (IMAGES, LABELS))
    if not images.is_file() or not labels.is_file():
        pytest.skip("no real handwriting on this machine: INKGATE_DATA names the folder that has QMNIST")
    assert read_idx_set(images, labels).sha256 == load_qmnist().sha256


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"images": np.zeros((12, 33), np.uint8)}, r"images: holds uint8 \[12, 33\], not pictures"),
        ({"images": np.zeros((12, 33, 33), np.int32)}, r"holds >i4 .*, not pictures"),
        ({"images": np.zeros((0, 33, 33), np.uint8)}, "not pictures"),
        ({"labels": np.zeros(11, np.uint8)}, "labels: 11 labels for 12 pictures"),
        ({"labels": np.zeros((12, 2), np.uint8)}, "neither one label a picture nor QMNIST's rows"),
        ({"labels": np.full(12, 62, np.uint8)}, "a label is 62; class codes are 0 to 61"),
        ({"labels": np.full(12, -2, np.int32)}, r"a number is not in -1 \.\. 1073741823"),
        ({"writers": np.zeros(11, np.uint8)}, r"writers: holds int32 \[11\] for 12 pictures"),
        ({"writers": np.full(12, 2**31 - 1, np.int32)}, r"writers: a number is not in -1"),
        ({"writers": None}, "does not say who wrote; give --writers FILE, or --writer NAME"),
    ],
)
def test_files_that_do_not_fit_together_are_a_sentence(
    tmp_path: Path, writing: FragmentSet, change: dict[str, np.ndarray | None], says: str
) -> None:
    given = {"images": writing.pixels, "labels": np.zeros(12, np.uint8), "writers": np.zeros(12, np.uint8), **change}
    paths = {name: None if array is None else idx(tmp_path / name, array) for name, array in given.items()}
    with pytest.raises(ImportedFileError, match=says):
        read_idx_set(paths["images"], paths["labels"], paths["writers"])


def test_files_that_are_no_idx_files_are_a_sentence(tmp_path: Path, writing: FragmentSet) -> None:
    labels, images = idx(tmp_path / "labels", np.zeros(12, np.uint8)), tmp_path / "images.gz"
    whole = idx(images, writing.pixels).read_bytes()
    for content in (b"", b"no", whole[:-20], b"\x1f\x8b" + bytes(40), gzip.compress(b"\0\0\x08\x03")):
        images.write_bytes(content)
        with pytest.raises(ImportedFileError, match=r"images\.gz: "):
            read_idx_set(images, labels, writer="Ada")
    with pytest.raises(ImportedFileError, match="absent: cannot be read: No such file"):
        read_idx_set(tmp_path / "absent", labels, writer="Ada")
