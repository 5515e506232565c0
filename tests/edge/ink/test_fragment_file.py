"""The claims of edge.ink.fragment_file."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edge.errors import FragmentSetError
from edge.ink.fragment_file import read_arrays, write_arrays

LIMITS = {"pixels": 1000, "writer": 1000}


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def test_only_the_owner_may_read_what_is_written_and_an_older_file_loses_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    path.write_text("older")
    path.chmod(0o644)
    write_arrays(path, {"pixels": np.arange(3)})
    assert path.stat().st_mode & 0o777 == 0o600
    write_arrays(tmp_path / "new" / "set.npz", {"pixels": np.arange(3)})
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert read_arrays(path, LIMITS)["pixels"].tolist() == [0, 1, 2]


def test_arrays_that_are_not_wanted_are_neither_unpickled_nor_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pixels.npy", npy(np.arange(3)))
        archive.writestr("notes.npy", npy(np.array([{"any": "object"}], dtype=object)))
        archive.writestr("readme.txt", "no array at all")
        archive.writestr("large.npy", bytes(200_000_000))
    tracemalloc.start()
    try:
        assert list(read_arrays(path, LIMITS)) == ["pixels"]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_wanted_array_beyond_its_limit_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez_compressed(path, pixels=np.zeros(10_000_000, np.uint8))
    with pytest.raises(FragmentSetError, match=r"set\.npz: pixels has 10,000,128 bytes, of which 1,000 are read"):
        read_arrays(path, LIMITS)


def test_a_header_that_promises_more_than_there_is_makes_no_array(tmp_path: Path) -> None:
    path, honest = tmp_path / "set.npz", npy(np.zeros(100, np.uint8))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pixels.npy", honest.replace(b"(100,)", b"(999999999999,)").replace(b" " * 9, b"", 1))
    with pytest.raises(FragmentSetError, match="promises another number of bytes"):
        read_arrays(path, LIMITS)


def test_a_wanted_array_of_objects_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", pixels=np.array([{}], dtype=object))
    with pytest.raises(FragmentSetError, match="array of Python objects"):
        read_arrays(tmp_path / "set.npz", LIMITS)


def test_what_is_written_through_a_link_lies_where_the_link_leads(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    link = tmp_path / "set.npz"
    link.symlink_to("kept/real.npz")
    write_arrays(link, {"pixels": np.arange(3)})
    assert link.is_symlink()
    assert read_arrays(tmp_path / "kept" / "real.npz", LIMITS)["pixels"].tolist() == [0, 1, 2]
