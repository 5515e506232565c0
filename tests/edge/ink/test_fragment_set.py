"""The claims of edge.ink.fragment_set."""

import contextlib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_sets import save_raw

from edge.errors import FragmentSetError
from edge.ink.fragment_set import KINDS, FragmentSet, join, sample_words
from firmware_bridge.errors import UnwritableError


def make(count: int = 12, writers: int = 3, seed: int = 0, bits: int = 8, names: tuple[str, ...] = ()) -> FragmentSet:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, 33, 33)).astype(np.uint8)
    fragments = FragmentSet(
        pixels,
        (np.arange(count) % writers * 10).astype(np.int32),
        rng.integers(-1, 10, count).astype(np.int32),
        np.arange(count, dtype=np.int32),
        names,
    )
    return fragments.to_bits(bits)


def test_a_set_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    fragments = make(names=("Ada", "", "Cleo"))
    fragments.save(tmp_path / "deep" / "set.npz")
    again = FragmentSet.load(tmp_path / "deep" / "set.npz")
    for field in ("pixels", "writer", "symbol", "order"):
        np.testing.assert_array_equal(getattr(again, field), getattr(fragments, field))
    assert again.writer_names == ("Ada", "", "Cleo")
    assert again.sha256 == fragments.sha256
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["set.npz"]


@given(st.integers(0, 11), st.sampled_from(["pixels", "writer", "symbol", "order"]))
def test_the_hash_depends_on_every_value(position: int, field: str) -> None:
    fragments = make()
    arrays = {f: getattr(fragments, f).copy() for f in ("pixels", "writer", "symbol", "order")}
    arrays[field][position] += 1
    assert FragmentSet(**arrays).sha256 != fragments.sha256


def test_the_hash_depends_on_the_order_and_on_names_but_not_on_how_absent_names_are_spelt() -> None:
    fragments = make()
    assert fragments.select(np.arange(12)[::-1]).sha256 != fragments.sha256
    assert make(names=("", "", "")).sha256 == fragments.sha256
    assert make(names=("0", "", "20")).sha256 == fragments.sha256
    assert make(names=("Ada", "", "")).sha256 != fragments.sha256


def test_one_bit_is_the_upper_half_of_the_grey_scale() -> None:
    ramp = np.zeros((256, 33, 33), np.uint8)
    ramp[:, 0, 0] = np.arange(256)
    zeros = np.zeros(256, np.int32)
    grey = FragmentSet(ramp, zeros, zeros, zeros)
    black = grey.to_bits(1)
    assert grey.pixel_bits == 8
    assert black.pixel_bits == 1
    assert black.pixels[:, 0, 0].tolist() == [0] * 128 + [255] * 128
    assert grey.to_bits(8) is grey
    with pytest.raises(FragmentSetError, match="1 or 8 bits"):
        grey.to_bits(2)


def test_selection_by_mask_by_index_and_by_writer_agree() -> None:
    fragments = make(names=("Ada", "Ben", "Cleo"))
    by_writer = fragments.of_writers([10, 20])
    by_mask = fragments.select(fragments.writer != 0)
    by_index = fragments.select(np.flatnonzero(fragments.writer != 0))
    assert by_writer.sha256 == by_mask.sha256 == by_index.sha256
    assert by_writer.writer_names == ("Ben", "Cleo")
    assert by_writer.name_of(20) == "Cleo"
    assert by_writer.name_of(0) == "0"


def test_an_unknown_writer_and_an_empty_selection_are_refused() -> None:
    with pytest.raises(FragmentSetError, match="no fragment of writer 7"):
        make().of_writers([0, 7])
    for nothing in ([], np.zeros(12, bool)):
        with pytest.raises(FragmentSetError, match="no fragment"):
            make().select(nothing)


def test_too_few_writers_are_refused_with_both_numbers() -> None:
    assert make(writers=2).require_writers(2)
    with pytest.raises(FragmentSetError, match="2 writers are needed and the set has 1"):
        make(writers=1).require_writers(2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": np.zeros((12, 33, 33), np.float32)}, "pixels is float32, not uint8"),
        ({"pixels": np.zeros((12, 32, 33), np.uint8)}, r"not \[N, 33, 33\]"),
        ({"writer": np.zeros(12, np.int64)}, "writer is int64, not int32"),
        ({"writer": np.zeros(11, np.int32)}, r"writer has shape \[11\] beside 12"),
        ({"symbol": np.zeros((12, 1), np.int32)}, r"symbol has shape \[12, 1\] beside 12"),
        ({"order": [1, 2]}, "order is list"),
        ({"writer_names": ("one", "two")}, "2 names for 3 writers"),
        (
            {
                "pixels": np.zeros((0, 33, 33), np.uint8),
                **{field: np.zeros(0, np.int32) for field in ("writer", "symbol", "order")},
            },
            "the set is empty",
        ),
    ],
)
def test_a_set_that_is_not_what_it_says_is_refused_in_memory_and_on_disk(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    fragments = make()
    fields = {f: getattr(fragments, f) for f in ("pixels", "writer", "symbol", "order", "writer_names")} | change
    with pytest.raises(FragmentSetError, match=message):
        FragmentSet(**fields)
    if change.get("order") is None:
        np.savez(tmp_path / "wrong.npz", **fields)
        with pytest.raises(FragmentSetError, match=rf"wrong\.npz: .*{message}"):
            FragmentSet.load(tmp_path / "wrong.npz")


def test_files_that_are_no_sets_are_refused_with_their_name(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    with pytest.raises(FragmentSetError, match=r"set\.npz: no such file"):
        FragmentSet.load(path)
    path.write_bytes(b"not a zip file")
    with pytest.raises(FragmentSetError, match=r"not an \.npz file"):
        FragmentSet.load(path)
    np.savez(path, pixels=np.zeros((1, 33, 33), np.uint8))
    with pytest.raises(FragmentSetError, match="no array named order, symbol, writer"):
        FragmentSet.load(path)
    with pytest.raises(FragmentSetError, match="cannot be read: Is a directory"):
        FragmentSet.load(tmp_path)


def test_a_file_cut_or_damaged_anywhere_is_refused_or_reads_the_same(tmp_path: Path) -> None:
    fragments = make(6)
    path = tmp_path / "set.npz"
    fragments.save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(5)
    for length in rng.integers(0, len(whole), 40):
        path.write_bytes(whole[:length])
        with pytest.raises(FragmentSetError):
            FragmentSet.load(path)
    for position in rng.integers(0, len(whole), 150):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        with contextlib.suppress(FragmentSetError):
            assert FragmentSet.load(path).sha256 == fragments.sha256  # the byte carries no content


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    fragments = make(2)
    path = tmp_path / "evil.npz"
    np.savez(path, pixels=np.array([{"run": "me"}], dtype=object), writer=fragments.writer, allow_pickle=True)
    with pytest.raises(FragmentSetError, match="array of Python objects"):
        FragmentSet.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pixels.npy", b"\x80\x04K\x01.")
    with pytest.raises(FragmentSetError):
        FragmentSet.load(path)


@given(st.integers(1, 30), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_words_are_of_their_writer_and_repeat_a_fragment_only_when_they_must(
    symbols: int, per_writer: int, seed: int
) -> None:
    fragments = make(30, writers=3)
    index, writer = sample_words(fragments, [20, 0], symbols, per_writer, np.random.default_rng(seed))
    assert index.shape == (2 * per_writer, symbols)
    assert writer.tolist() == [20] * per_writer + [0] * per_writer
    np.testing.assert_array_equal(fragments.writer[index], np.repeat(writer[:, np.newaxis], symbols, axis=1))
    assert all(len(set(word.tolist())) == min(symbols, 10) for word in index)


def test_words_follow_from_the_seed_alone_and_cover_all_fragments() -> None:
    fragments = make(30, writers=3)
    one, two = (sample_words(fragments, [0, 10, 20], 5, 40, np.random.default_rng(3))[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert set(one.ravel().tolist()) == set(range(30))


@pytest.mark.parametrize(("symbols", "per_writer", "writer"), [(0, 1, 0), (1, 0, 0), (1, 1, 99)])
def test_impossible_words_are_refused(symbols: int, per_writer: int, writer: int) -> None:
    with pytest.raises(FragmentSetError):
        sample_words(make(), [writer], symbols, per_writer, np.random.default_rng(0))


def test_joined_sets_keep_order_and_names() -> None:
    left, right = make(names=("Ada", "Ben", "Cleo")), make(4, writers=4, seed=9)
    both = join([left, right])
    assert len(both) == 16
    np.testing.assert_array_equal(both.pixels[12:], right.pixels)
    assert [both.name_of(int(w)) for w in both.writers] == ["Ada", "Ben", "Cleo", "30"]
    with pytest.raises(FragmentSetError, match="no set"):
        join([])


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "set.npz"
    make().save(path)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(UnwritableError, match="No space left"):
        make(seed=1).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["set.npz"]


def told(count: int = 12) -> FragmentSet:
    """Return a set that knows the session, time and kind of some of its fragments."""
    known = np.arange(count)
    return replace(
        make(count),
        session=(known % 4 - 1).astype(np.int32),
        time=known.astype(np.int64) * 40_000_000_000 - 1,
        kind=(known % len(KINDS)).astype(np.int8),
    )


def test_session_time_and_kind_are_unknown_unless_they_are_given(tmp_path: Path) -> None:
    fragments = make()
    assert (fragments.session == -1).all()
    assert (fragments.time == -1).all()
    assert (fragments.kind == 0).all()
    fragments.save(tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz") as archive:
        assert sorted(archive.files) == ["order", "pixels", "symbol", "writer", "writer_names"]
    spelt_out = replace(fragments, session=np.full(12, -1, np.int32), kind=np.zeros(12, np.int8))
    assert spelt_out.sha256 == fragments.sha256


def test_the_hash_of_a_set_without_them_is_what_it_was_before_there_were_any() -> None:
    ids = np.arange(2, dtype=np.int32)
    fragments = FragmentSet(np.zeros((2, 33, 33), np.uint8), ids, ids, ids, ("Ada", ""))
    assert fragments.sha256 == "5511041a4ba97bf4f15c9675e27bf87936485089f8579c475c6ceb81becddf1a"


def test_session_time_and_kind_come_back_from_the_file_and_count_in_the_hash(tmp_path: Path) -> None:
    fragments = told()
    fragments.save(tmp_path / "set.npz")
    again = FragmentSet.load(tmp_path / "set.npz")
    for name in ("session", "time", "kind"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fragments, name))
        assert getattr(again, name).dtype == getattr(fragments, name).dtype
        other = getattr(fragments, name).copy()
        other[5] += 1 if name != "kind" or other[5] + 1 < len(KINDS) else -1
        assert replace(fragments, **{name: other}).sha256 != fragments.sha256
    assert again.sha256 == fragments.sha256 != make().sha256


def test_a_selection_a_join_and_other_bits_keep_session_time_and_kind() -> None:
    fragments = told()
    chosen = np.array([7, 2, 2])
    for name in ("session", "time", "kind"):
        values = getattr(fragments, name)
        np.testing.assert_array_equal(getattr(fragments.select(chosen), name), values[chosen])
        np.testing.assert_array_equal(getattr(fragments.to_bits(1), name), values)
        unknown = 0 if name == "kind" else -1
        both = getattr(join([fragments, make(3)]), name)
        np.testing.assert_array_equal(both, [*values.tolist(), *[unknown] * 3])
    assert [KINDS[code] for code in fragments.of_kind("pen").kind] == ["pen"] * 12


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"session": np.zeros(11, np.int32)}, r"session has shape \[11\] beside 12"),
        ({"time": np.zeros(12, np.int32)}, "time is int32, not int64"),
        ({"kind": np.full(12, len(KINDS), np.int8)}, "kind is 0 to 4 .unknown, scan, pen, camera, invented., not 5"),
        ({"kind": np.full(12, -1, np.int8)}, "kind is 0 to 4 .*, not -1"),
        ({"writer": np.full(12, 2**31 - 1, np.int32)}, "writer 2147483647 is not in -1 .. 1073741823"),
        ({"order": np.full(12, -(2**31), np.int32)}, "order -2147483648 is not in -1"),
        ({"writer_names": ("Ada", "Ben", "Ada")}, "2 writers are called 'Ada'"),
        ({"writer_names": ("Ada", "10", "")}, None),
        ({"writer_names": ("10", "", "")}, "2 writers are called '10'"),
        ({"writer_names": ("A\nda", "", "")}, "printable"),
    ],
)
def test_values_that_mean_nothing_are_a_sentence_in_memory_and_on_disk(
    tmp_path: Path, change: dict[str, Any], says: str | None
) -> None:
    path = save_raw(make(), tmp_path / "set.npz", **change)
    if says is None:
        assert len(FragmentSet.load(path)) == 12
        return
    with pytest.raises(FragmentSetError, match=says):
        replace(make(), **change)
    with pytest.raises(FragmentSetError, match=rf"set\.npz: .*{says}"):
        FragmentSet.load(path)


def test_arrays_that_a_set_does_not_have_are_ignored(tmp_path: Path) -> None:
    path = save_raw(make(), tmp_path / "set.npz", notes=np.array([{"any": "object"}], dtype=object))
    assert FragmentSet.load(path).sha256 == make().sha256


@pytest.mark.parametrize("pixels", [np.uint8(3), np.zeros((), np.uint8), 3, None])
def test_pixels_that_are_no_array_of_fragments_are_refused(pixels: Any) -> None:
    one = np.zeros(1, np.int32)
    with pytest.raises(FragmentSetError, match=r"pixels has shape \[\]"):
        FragmentSet(pixels, one, one, one)
