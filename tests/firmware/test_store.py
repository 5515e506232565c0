"""The boards' store in C: a power cut at any word leaves the previous state or the new one."""

import ctypes
from dataclasses import dataclass

import clib
import pytest

from firmware_bridge.emulate.flash_store import Kept, decode, encode

TWINS = clib.TWINS
RECORD = 40
WRITES = 20
"""Two rounds through both halves of 4 slots."""


@dataclass
class Flash:
    """store.c with a flash in memory."""

    library: clib.Library

    def __post_init__(self) -> None:
        self._read = self.library.function("ink_board_store_read", ctypes.c_bool)
        self._write = self.library.function("ink_board_store_write", ctypes.c_bool)
        self.number = self.library.function("ink_board_number", ctypes.c_uint32)
        self.memory = self.library.value("ink_store", ctypes.c_uint8 * 2048)
        self.power_left = self.library.value("power_left", ctypes.c_uint32)
        self.touched = self.library.value("words_touched", ctypes.c_uint32)
        self.worn = self.library.value("worn", ctypes.c_uint32)
        self.memory[:] = b"\xff" * 2048
        self.power_left.value = 0xFFFFFFFF
        self.worn.value = 0

    def read(self) -> bytes | None:
        into = self.library.buffer(RECORD)
        return bytes(into) if self._read(into, ctypes.c_size_t(RECORD)) else None

    def write(self, record: bytes) -> bool:
        return bool(self._write(self.library.bytes(record), ctypes.c_size_t(len(record))))


@pytest.fixture
def flash() -> Flash:
    flags = ("-I", str(TWINS / "store_board"))
    store = clib.FIRMWARE / "boards" / "store.c"
    return Flash(clib.library(store, TWINS / "twin_store.c", "crc32", "mem", flags=flags))


def record(number: int) -> bytes:
    return bytes([number]) * RECORD


def test_an_erased_store_holds_nothing(flash: Flash) -> None:
    assert flash.read() is None
    assert flash.number() == 0


def test_what_was_written_last_is_read_and_no_word_is_programmed_twice(flash: Flash) -> None:
    for number in range(WRITES):
        assert flash.write(record(number))
        assert flash.read() == record(number)
    assert flash.worn.value == 0
    assert flash.number() == 0x1234ABCD


def test_too_much_is_refused_and_another_length_is_not_taken_for_a_record(flash: Flash) -> None:
    assert not flash.write(bytes(241))
    assert flash.write(bytes(39))
    assert flash.read() is None


def test_a_power_cut_at_any_word_leaves_the_old_state_or_the_new_one_and_the_store_goes_on(flash: Flash) -> None:
    for number in range(1, WRITES):
        before = bytes(flash.memory)
        began = flash.touched.value
        old = flash.read()
        assert flash.write(record(number))
        words, after = flash.touched.value - began, bytes(flash.memory)
        for cut in range(words):
            flash.memory[:] = before
            flash.power_left.value = cut
            complete = flash.write(record(number))
            flash.power_left.value = 0xFFFFFFFF
            found = flash.read()
            assert found == record(number) if complete else found in (old, record(number)), (number, cut)
            assert flash.write(record(99)), (number, cut)
            assert flash.read() == record(99)
        flash.memory[:] = after


def test_the_twin_in_python_writes_what_the_board_reads_and_reads_what_it_writes(flash: Flash) -> None:
    kept = Kept(7, bytes(range(32)), 41)
    flash.memory[:] = encode(kept, 2048)
    assert decode(bytes(flash.memory)) == kept
    assert flash.number() == 7
    first = flash.read()
    assert first is not None
    assert first[:4] == (41).to_bytes(4, "little")
    for session in range(42, 42 + WRITES):
        assert flash.write(session.to_bytes(4, "little") + first[4:])
        assert decode(bytes(flash.memory)) == Kept(7, kept.key, session)
    assert decode(b"\xff" * 2048) is None
