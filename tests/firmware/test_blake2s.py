"""The board's BLAKE2s and CRC-32 against Python's."""

import ctypes
import hashlib
import zlib

import clib
import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def lib() -> clib.Library:
    return clib.library("blake2s", "crc32", "mem", clib.TWINS / "twin_blake2s.c")


def digest(lib: clib.Library, key: bytes, data: bytes, out_bytes: int, steps: list[int]) -> bytes:
    """Return the C's digest of data fed in portions of `steps` bytes, over and over."""
    state, out = lib.buffer(lib.value("size_of_blake2s").value), lib.buffer(out_bytes)
    lib.function("ink_blake2s_begin")(
        state, ctypes.c_size_t(out_bytes), lib.bytes(key) if key else None, ctypes.c_size_t(len(key))
    )
    at = turn = 0
    while at < len(data):
        portion = data[at : at + steps[turn % len(steps)]]
        lib.function("ink_blake2s_add")(state, lib.bytes(portion), ctypes.c_size_t(len(portion)))
        at, turn = at + len(portion), turn + 1
    lib.function("ink_blake2s_end")(state, out)
    assert not any(state), "key or state are still there"
    return bytes(out)


def test_the_digest_of_abc_is_that_of_rfc_7693(lib: clib.Library) -> None:
    published = "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
    assert digest(lib, b"", b"abc", 32, [3]).hex() == published


@pytest.mark.parametrize("key_bytes", [0, 1, 16, 31, 32])
def test_every_length_around_blocks_and_every_digest_size_is_as_hashlib_has_it(
    lib: clib.Library, key_bytes: int
) -> None:
    key = bytes(range(100, 100 + key_bytes))
    for count in [*range(5), *range(62, 67), *range(126, 131), 191, 192, 193, 250, 1000]:
        data = bytes(at * 7 % 256 for at in range(count))
        for out_bytes in (1, 16, 32):
            expected = hashlib.blake2s(data, key=key, digest_size=out_bytes).digest()
            assert digest(lib, key, data, out_bytes, [64]) == expected


@given(st.binary(max_size=400), st.binary(max_size=32), st.integers(1, 32), st.lists(st.integers(1, 130), min_size=1))
def test_portions_make_no_difference(data: bytes, key: bytes, out_bytes: int, steps: list[int]) -> None:
    found = digest(clib.library("blake2s", "crc32", "mem", clib.TWINS / "twin_blake2s.c"), key, data, out_bytes, steps)
    assert found == hashlib.blake2s(data, key=key, digest_size=out_bytes).digest()


@given(st.binary(max_size=300))
def test_the_crc_is_that_of_zlib(data: bytes) -> None:
    lib = clib.library("blake2s", "crc32", "mem", clib.TWINS / "twin_blake2s.c")
    crc = lib.function("ink_crc32", ctypes.c_uint32)
    assert crc(lib.bytes(data), ctypes.c_size_t(len(data))) == zlib.crc32(data)
