"""IDX files -> fragments: exact sums, an independent resampler's geometry, an error for every damage."""

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from train.data import mnist
from train.data.mnist import SourceFile, embed, read_idx
from train.errors import CorruptDataError, MissingDataError

Images = NDArray[np.uint8]

# Ink where MNIST has it: in the 20x20 box around the middle.
images = arrays(np.uint8, (3, 20, 20)).map(lambda ink: np.pad(ink, ((0, 0), (4, 4), (4, 4))))


def blurred(picture: Images) -> Images:
    """Return smooth grey images such as a scanner gives."""
    total = sum(np.roll(picture.astype(int), shift, (1, 2)) for shift in ((0, 0), (0, 1), (1, 0), (1, 1)))
    return np.asarray(total // 4, np.uint8)


@given(images)
@settings(max_examples=50, deadline=None)
def test_embedding_equals_the_same_sum_in_whole_numbers(picture: Images) -> None:
    weights = mnist._resampling(1.25).astype(np.int64)
    exact = weights @ picture.astype(np.int64) @ weights.T
    np.testing.assert_array_equal(embed(picture, 1.25), np.clip(np.rint(exact / 128**2), 0, 255))


@given(images)
@settings(max_examples=30, deadline=None)
def test_embedding_equals_pillows_bicubic_over_the_same_box(picture: Images) -> None:
    # Fragment pixel i lies at 14 + (i - 16) / 1.25 in the image: 33 pixels cover 26.4 of the image, from 1.3 on.
    box = (1.3, 1.3, 27.7, 27.7)
    smooth = blurred(picture)
    theirs = np.stack([np.asarray(Image.fromarray(i).resize((33, 33), Image.Resampling.BICUBIC, box)) for i in smooth])
    # Pillow rounds and clips after each direction, and our weights are rounded to 1/128: a few grey levels.
    assert np.abs(embed(smooth, 1.25).astype(int) - theirs).max() <= 8


def test_the_centre_of_mass_goes_to_the_centre_of_the_fragment() -> None:
    picture = np.zeros((1, 28, 28), np.uint8)
    picture[0, 14, 14] = 200  # where MNIST centres mass
    grey = embed(picture)[0].astype(float)
    np.testing.assert_allclose(grey, grey[::-1, ::-1])
    assert grey[16, 16] == grey.max()


@pytest.mark.parametrize("scale", [1.0, 1.18, 1.25, 1.3, 1.4])
def test_a_flat_image_stays_flat_at_every_scale(scale: float) -> None:
    grey = embed(np.full((1, 28, 28), 77, np.uint8), scale)[0]
    inside = slice(6, 27)
    assert (grey[inside, inside] == 77).all()


def test_the_twenty_pixel_box_fits_at_the_default_scale() -> None:
    picture = np.zeros((1, 28, 28), np.uint8)
    picture[0, 4:24, 4:24] = 255
    ink = embed(picture)[0] >= 128
    for along in (ink.any(axis=0), ink.any(axis=1)):
        assert along.sum() == 25
        assert not along[[0, -1]].any()


def idx(array: NDArray[np.generic]) -> bytes:
    kind = {1: 0x08, 4: 0x0C}[array.dtype.itemsize]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@given(arrays(np.int32, st.tuples(st.integers(1, 5), st.integers(1, 8))))
def test_idx_files_are_read_as_they_were_written(values: NDArray[np.int32]) -> None:
    np.testing.assert_array_equal(read_idx(idx(values), "labels"), values)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\0",
        b"\0\0\x08\x03\0\0",
        b"\x1f\x8b\x08\0",
        idx(np.zeros((2, 3), np.uint8))[:-1],
        b"\0\0\x0d\x01\0\0\0\0",
    ],
    ids=["empty", "two bytes", "cut header", "gzip", "cut data", "floats"],
)
def test_what_is_no_idx_file_is_refused_by_name(raw: bytes) -> None:
    with pytest.raises(CorruptDataError, match="labels"):
        read_idx(raw, "labels")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a data folder with four digits of two writers, whose hashes count as the published ones."""
    pictures = np.zeros((4, 28, 28), np.uint8)
    pictures[:, 10:18, 10:18] = 255
    labels = np.array([[5, 4, 2154, 59, 35, 0, 0, 0], [0, 0, 7, 1, 30, 1, 0, 0]] * 2, np.int32)
    for name, source, raw in (("IMAGES", mnist.IMAGES, idx(pictures)), ("LABELS", mnist.LABELS, idx(labels))):
        monkeypatch.setattr(mnist, name, SourceFile(source.path, (), len(raw), hashlib.sha256(raw).hexdigest()))
        path = tmp_path / source.path
        path.parent.mkdir()
        path.write_bytes(gzip.compress(raw))
    return tmp_path


def test_writer_symbol_and_order_come_from_their_columns(folder: Path) -> None:
    fragments = mnist.load_qmnist(folder)
    assert fragments.writer.tolist() == [2154, 7, 2154, 7]
    assert fragments.symbol.tolist() == [5, 0, 5, 0]
    assert fragments.order.tolist() == [59, 1, 59, 1]
    assert (fragments.pixels[:, 16, 16] == 255).all()


def test_the_environment_names_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKGATE_DATA", str(folder))
    assert len(mnist.load_qmnist()) == 4
    monkeypatch.delenv("INKGATE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert mnist.data_folder() == Path("/somewhere/inkgate")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert mnist.data_folder() == Path.home() / ".cache" / "inkgate"


def test_a_missing_file_names_the_command_that_fetches_it(folder: Path) -> None:
    (folder / mnist.LABELS.path).unlink()
    with pytest.raises(MissingDataError, match=r"qmnist-train-labels.*inkgate data fetch"):
        mnist.load_qmnist(folder)


@pytest.mark.parametrize("damage", ["cut", "flip", "other", "empty", "text"])
def test_a_damaged_file_is_refused_before_it_is_used(folder: Path, damage: str) -> None:
    path = folder / mnist.IMAGES.path
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    path.write_bytes(
        {
            "cut": whole[:-9],
            "flip": bytes(flipped),
            "other": gzip.compress(idx(np.zeros((4, 28, 28), np.uint8))),
            "empty": b"",
            "text": b"<html>",
        }[damage]
    )
    with pytest.raises(CorruptDataError, match=r"train-images.*inkgate data fetch"):
        mnist.load_qmnist(folder)


def test_labels_of_another_number_of_images_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = idx(np.zeros((3, 8), np.int32))
    (folder / mnist.LABELS.path).write_bytes(gzip.compress(raw))
    monkeypatch.setattr(mnist, "LABELS", SourceFile(mnist.LABELS.path, (), len(raw), hashlib.sha256(raw).hexdigest()))
    with pytest.raises(CorruptDataError, match="describe"):
        mnist.load_qmnist(folder)


def put(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, array: NDArray[np.generic]) -> None:
    """Store an array as one of the module's source files, whose hash then counts as the published one."""
    raw, source = idx(array), getattr(mnist, name)
    monkeypatch.setattr(mnist, name, SourceFile(source.path, (), len(raw), hashlib.sha256(raw).hexdigest()))
    (folder / source.path).parent.mkdir(exist_ok=True)
    (folder / source.path).write_bytes(gzip.compress(raw))


@pytest.mark.parametrize("digits", [4, 3])
def test_test_images_come_with_their_digits_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: int
) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (4, 28, 28), dtype=np.uint8)
    put(tmp_path, monkeypatch, "TEST_IMAGES", pictures)
    put(tmp_path, monkeypatch, "TEST_LABELS", np.arange(digits, dtype=np.uint8))
    if digits != len(pictures):
        with pytest.raises(CorruptDataError, match="describe"):
            mnist.load_test_images(tmp_path)
        return
    images, found = mnist.load_test_images(tmp_path)
    np.testing.assert_array_equal(images, pictures)
    assert (found.dtype, found.tolist()) == (np.int32, [0, 1, 2, 3])


def test_all_public_files_are_fetched() -> None:
    assert set(mnist.FILES) == {mnist.IMAGES, mnist.LABELS, mnist.TEST_IMAGES, mnist.TEST_LABELS}
    assert len({source.sha256 for source in mnist.FILES}) == 4
