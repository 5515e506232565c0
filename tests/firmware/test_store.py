"""The boards' store in C: a power cut at any word leaves the previous state or the new one."""

import ctypes
import struct
import zlib
from dataclasses import dataclass

import clib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firmware_bridge.build.board_store import Kept, decode, encode

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


some_keys = st.binary(min_size=32, max_size=32)
sessions = st.integers(0, 2**32 - 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.none() | some_keys, session=sessions)
def test_the_twin_writes_byte_for_byte_what_the_board_writes_into_its_erased_store(
    flash: Flash, key: bytes | None, session: int
) -> None:
    flash.memory[:] = b"\xff" * 2048
    assert flash.write(struct.pack("<2I", session, key is not None) + (key or bytes(32)))
    assert bytes(flash.memory) == encode(Kept(0x1234ABCD, key, session), 2048)


@st.composite
def slots(draw: st.DrawFn) -> bytes:
    """Return a slot: erased, one that a board wrote, one of another length or meaning, or one that was spoiled."""
    if draw(st.booleans()):
        return b"\xff" * 256
    serial = draw(st.integers(1, 9) | st.sampled_from([0, 0xFFFF_FFFE, 0xFFFF_FFFF]))
    count = draw(st.sampled_from([40, 40, 40, 39, 0, 240, 241, 0xFFFF_FFFF]))
    content = struct.pack("<2I", draw(sessions), draw(st.sampled_from([0, 1, 1, 2]))) + draw(some_keys)
    body = struct.pack("<2I240sI", serial, count, content, draw(st.integers(0, 2**32 - 1)))
    slot = body + struct.pack("<I", zlib.crc32(body))
    place, value = draw(st.integers(0, 255)), draw(st.sampled_from([0, 0, 0, 1, 0x80]))
    return slot[:place] + bytes((slot[place] ^ value,)) + slot[place + 1 :]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(store=st.lists(slots(), min_size=8, max_size=8).map(b"".join))
def test_both_find_the_same_in_any_store(flash: Flash, store: bytes) -> None:
    """What ink_kept_begin makes of it: a record that means nothing is none, and the board keeps its number."""
    flash.memory[:] = store
    found, record = decode(store), flash.read()
    if record is None or record[4:8] not in (b"\0\0\0\0", b"\1\0\0\0"):
        record = bytes(RECORD)
    session, provisioned = struct.unpack_from("<2I", record)
    if found is None:
        assert (flash.number(), record) == (0, bytes(RECORD))
    else:
        assert found == Kept(flash.number(), record[8:] if provisioned else None, session)
