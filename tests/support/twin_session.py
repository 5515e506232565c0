"""A board in C and one in Python, driven alike: frames and states must be equal after every call.

`TwinBoard` has the methods of session.board.BoardSession. Its clock in C starts shortly before it wraps.
"""

import ctypes
import functools
import struct

import clib

from firmware_bridge.session.board import BoardSession, BoardState
from firmware_bridge.session.errors import OutboxFullError, WritingError
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.pixels import Pixels, pack

SOURCES = (
    *("session", "answering", "kept", "outbox", "sealing", "aead", "chacha20", "poly1305", "blake2s"),
    *("wire", "codec", "frame", "crc32", "mem"),
)
OUTBOX_FRAGMENTS = 7
CLOCK_OFFSET_MS = (1 << 32) - 20_000
TEXTS = ("", "lifted", "0123456789" * 6 + "0123")
STATES = list(BoardState)
FIELDS = """
    state session origin base next messages fragments words open host connections token provisioned
    authenticated stamp delivered_stamp acknowledgements statistics_sent words_acknowledged sent repeated
    refused frames crc_errors cobs_errors oversize held info_due info_connection info_greeted answer_number
    answer_due statistics_due
""".split()  # noqa: SIM905
FLIGHT_FIELDS = ["stamp", "due", "repeats", "received"]


@functools.cache
def library(pixel_bits: int) -> clib.Library:
    flags = (f"-DINK_PIXEL_BITS={pixel_bits}", f"-DINK_OUTBOX_FRAGMENTS={OUTBOX_FRAGMENTS}")
    return clib.library(*SOURCES, clib.TWINS / "twin_session.c", flags=flags)


def info(session: int, pixel_bits: int) -> wire.Info:
    """Return the INFO of the board in twin_session.c."""
    return wire.Info(wire.PROTOCOL_HASH, session, 0, 0, wire.Kind.PEN, pixel_bits, "pen-1", "twin", "1.2.3", b"")


class Memory:
    """A board's memory, which outlives its resets: in C one record, in Python two values."""

    def __init__(self, pixel_bits: int, key: bytes | None) -> None:
        """Begin with an empty memory, or one that holds a key alone."""
        lib = library(pixel_bits)
        self._works = lib.value("twin_works", ctypes.c_bool)
        self._stored = lib.value("twin_stored", ctypes.c_bool)
        self._kept = lib.value("twin_kept", ctypes.c_uint8 * lib.value("size_of_kept").value)
        self.session, self.key, self.head = 0, key, bytes(wire.HEAD_BYTES)
        self._works.value, self._stored.value = True, key is not None
        record = bytes((0, 0, 0, 0, 1, 0, 0, 0)) + key if key is not None else b""
        ctypes.memmove(self._kept, record.ljust(len(self._kept), b"\0"), len(self._kept))

    def break_down(self, broken: bool) -> None:
        """Make every write fail, or work again."""
        self._works.value = not broken

    def keep_head(self, head: bytes) -> bool:
        if self.works:
            self.head = head
        return self.works

    @property
    def works(self) -> bool:
        return bool(self._works.value)

    def check(self) -> None:
        """Check that the C stored what the Python did."""
        kept = bytes(self._kept)
        found = kept[8:40] if self._stored.value and kept[4] == 1 else None
        assert found == self.key
        assert bytes(self._kept[40:56]) == (self.head if self._stored.value else bytes(16))
        assert self.session == (int.from_bytes(kept[:4], "little") if self._stored.value else 0)


class TwinBoard:
    """Both boards, from start to end. The memory must work at the start."""

    def __init__(self, memory: Memory, now_ms: int, *, pixel_bits: int) -> None:
        self.lib = lib = library(pixel_bits)
        self.memory = memory
        self.pixel_bits = pixel_bits
        self.now_ms = now_ms
        self._c = lib.buffer(lib.value("size_of_session").value)
        self._line = lib.buffer(wire.MAX_WIRE_BYTES)
        self._state = (ctypes.c_uint32 * 128)()
        self._feed = lib.function("twin_feed")
        self._poll = lib.function("ink_session_poll", ctypes.c_size_t)
        self._read_state = lib.function("twin_state", ctypes.c_size_t)
        self._call = {
            name: lib.function(f"ink_session_{name}", ctypes.c_bool)
            for name in ("begin_word", "add_fragment", "end_word")
        }
        memory.session += 1
        self.python = BoardSession(
            info(memory.session, pixel_bits),
            now_ms / 1000,
            key=memory.key,
            capacity_fragments=OUTBOX_FRAGMENTS,
            head=memory.head,
            keep_head=memory.keep_head,
        )
        assert lib.function("twin_begin", ctypes.c_bool)(self._c, self._clock())
        self.check()

    def _clock(self) -> ctypes.c_uint32:
        return ctypes.c_uint32(self.now_ms + CLOCK_OFFSET_MS)

    # Writing: each call returns whether it was possible

    def start_word(self) -> bool:
        return self._write("begin_word", lambda: self.python.start_word(self.now_ms / 1000), self._clock())

    def add_fragment(self, pixels: Pixels, duration_ms: int | None = None, pause_ms: int | None = None) -> bool:
        packed = self.lib.bytes(pack(pixels, self.pixel_bits))
        times = None
        if duration_ms is not None and pause_ms is not None:
            times = self.lib.bytes(struct.pack("<HBx", duration_ms, pause_ms // 10))
        return self._write(
            "add_fragment", lambda: self.python.add_fragment(pixels, duration_ms, pause_ms), packed, times
        )

    def end_word(self) -> bool:
        return self._write("end_word", lambda: self.python.end_word(self.now_ms / 1000), self._clock())

    def fail(self, fault: wire.Fault, text: int) -> bool:
        did = self._did(lambda: self.python.fail(fault, TEXTS[text]))
        assert self.lib.function("twin_fault", ctypes.c_bool)(self._c, int(fault), text) is did
        self.check()
        return did

    def _write(self, name, call, *arguments) -> bool:  # type: ignore[no-untyped-def]
        did = self._did(call)
        assert self._call[name](self._c, *arguments) is did
        self.check()
        return did

    @staticmethod
    def _did(call) -> bool:  # type: ignore[no-untyped-def]
        try:
            call()
        except (OutboxFullError, WritingError):
            return False
        return True

    # The line

    def receive(self, data: bytes, now_ms: int) -> None:
        self.now_ms = now_ms
        self.python.receive(data, now_ms / 1000)
        self._feed(self._c, self.lib.bytes(data), ctypes.c_size_t(len(data)), self._clock())
        self.check()

    def next_frame(self, now_ms: int) -> bytes:
        self.now_ms = now_ms
        frame = self.python.next_frame(now_ms / 1000)
        count = self._poll(self._c, self._clock(), self._line)
        assert bytes(self._line[:count]) == frame
        self.check()
        return frame

    def state(self, now_ms: int) -> dict[str, int]:
        """Return the C's state by name; a flight's fields have its place before their names."""
        self.now_ms = now_ms
        values = self._state[: self._read_state(self._c, self._clock(), self._state)]
        flights = range((len(values) - len(FIELDS)) // len(FLIGHT_FIELDS))
        return dict(
            zip([*FIELDS, *(f"{place} {name}" for place in flights for name in FLIGHT_FIELDS)], values, strict=True)
        )

    def check(self) -> None:
        """Check that both boards are in the same state."""
        assert tuple(self.state(self.now_ms).values()) == state_of(self.python, self.now_ms)
        self.memory.check()


def state_of(board: BoardSession, now_ms: int) -> tuple[int, ...]:
    """Return the Python board's state in the order of twin_state in C."""
    due, seen = board._info_due, board._receiver.counters
    flights = [board._flights[sequence] for sequence in range(board._base, board._next)]
    return (
        STATES.index(board.state),
        board._info.session,
        board._origin,
        board._base,
        board._next,
        len(board._messages),
        board._fragments,
        board._word,
        board._open is not None,
        board._host is not None,
        board._connections,
        board._token,
        board._key is not None,
        board._session_key is not None,
        board._stamp,
        board._delivered_stamp,
        board._acknowledgements,
        board._statistics_sent,
        board.words_acknowledged,
        board._sent,
        board._repeated,
        board._refused,
        seen.frames,
        seen.crc_errors,
        seen.cobs_errors,
        seen.oversize,
        board._receiver.held_bytes,
        due is not None,
        due[0] if due else 0,
        bool(due and due[1]),
        board._answering._number,
        board._answering._due,
        board._statistics_due_ms <= now_ms,
        *(
            value
            for flight in flights
            for value in (flight.stamp, flight.due_ms <= now_ms, flight.repeats, flight.received)
        ),
    )
