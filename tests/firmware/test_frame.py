"""Frames in C and in Python: equal bytes, contents and counters for any input."""

import ctypes
import itertools
import random

import clib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.framing import FrameReceiver, encode_frame

CONTENTS = st.binary(max_size=wire.MAX_CONTENT_BYTES)
CORRUPTIONS = 1_000_000
BATCH = 10_000


def library() -> clib.Library:
    return clib.library("frame", "crc32", "mem", clib.TWINS / "twin_frame.c")


def encoded(content: bytes) -> bytes:
    """Return the frame that the C makes."""
    lib = library()
    line = lib.buffer(wire.MAX_WIRE_BYTES)
    count = lib.function("ink_frame_encode", ctypes.c_size_t)(line, lib.bytes(content), ctypes.c_size_t(len(content)))
    return bytes(line[:count])


class Receiver:
    """The C receiver with the methods of framing.FrameReceiver."""

    def __init__(self) -> None:
        self._lib = library()
        self._receiver = self._lib.buffer(self._lib.value("size_of_receiver").value)
        self._feed = self._lib.function("twin_feed", ctypes.c_size_t)
        self._lib.function("ink_receiver_init")(self._receiver)

    def feed(self, data: bytes) -> list[bytes]:
        out = self._lib.buffer(len(data) + 512)
        given_bytes = self._lib.bytes(data)
        used = self._feed(self._receiver, given_bytes, ctypes.c_size_t(len(data)), out, ctypes.c_size_t(len(out)))
        contents, at, rest = [], 0, memoryview(out)[:used].tobytes()
        while at < len(rest):
            end = at + 2 + int.from_bytes(rest[at : at + 2], "little")
            contents.append(rest[at + 2 : end])
            at = end
        return contents

    def state(self) -> tuple[int, ...]:
        state = (ctypes.c_uint32 * 5)()
        self._lib.function("twin_state")(self._receiver, state)
        return tuple(state)


class Both:
    """Both receivers, compared after every portion."""

    def __init__(self) -> None:
        self.c, self.python = Receiver(), FrameReceiver()

    def feed(self, data: bytes) -> list[bytes]:
        got = self.python.feed(data)
        assert self.c.feed(data) == got
        seen = self.python.counters
        counted = (seen.frames, seen.crc_errors, seen.cobs_errors, seen.oversize, self.python.held_bytes)
        assert self.c.state() == counted
        return got


@given(CONTENTS)
def test_both_make_the_same_frame(content: bytes) -> None:
    assert encoded(content) == encode_frame(content)


def test_frames_of_every_length_and_the_longest_run_without_zero_are_the_same() -> None:
    both = Both()
    for count in range(wire.MAX_CONTENT_BYTES + 1):
        for content in (bytes(count), bytes([7]) * count, bytes(at % 256 for at in range(count))):
            assert encoded(content) == encode_frame(content)
            assert both.feed(encode_frame(content)) == [content]
    contents = (bytes([n]) + b"\x07" * 249 for n in range(1, 256))
    content, frame = next((c, frame) for c in contents if (frame := encode_frame(c))[0] == 255)
    assert encoded(content) == frame
    assert both.feed(frame) == [content]


def test_a_content_that_does_not_fit_makes_no_frame() -> None:
    assert encoded(bytes(251)) == b""


@given(st.lists(st.one_of(CONTENTS.map(encode_frame), st.binary(max_size=400), st.just(b"\0")), max_size=8), st.data())
def test_both_hear_the_same_in_frames_and_garbage_however_split(portions: list[bytes], data: st.DataObject) -> None:
    stream, both = b"".join(portions), Both()
    while stream:
        step = data.draw(st.integers(1, len(stream)))
        both.feed(stream[:step])
        stream = stream[step:]


def test_any_single_byte_fault_costs_at_most_two_frames_in_c_as_in_python() -> None:
    """Try all 255 wrong values at every position of a 12-frame stream."""
    rng = random.Random(1)
    contents = [bytes([n]) + rng.randbytes(rng.choice((0, 9, 40, 100))) for n in range(12)]
    stream = b"".join(map(encode_frame, contents))
    reference, receiver = FrameReceiver(), Receiver()
    for place in range(len(stream)):
        spoiled = [bytes((wrong,)) for wrong in range(256) if wrong != stream[place]]
        # All 255 in one stream; a delimiter after each keeps them apart.
        faulty = [stream[:place] + wrong + stream[place + 1 :] + b"\0" for wrong in spoiled]
        got = receiver.feed(b"".join(faulty))
        assert got == [content for one in faulty for content in reference.feed(one)]
        at = 0
        for _ in faulty:
            kept = 0
            for content in contents:
                if at < len(got) and got[at] == content:
                    at, kept = at + 1, kept + 1
            assert kept >= len(contents) - 2
        assert at == len(got), "an altered or misplaced frame was accepted"


def corrupted(rng: np.random.Generator, count: int) -> tuple[bytes, bytes]:
    """Return a content and `count` damaged frames of it, joined.

    In each, 1 to 16 bytes are replaced, swapped, inserted or deleted; a frame left unchanged by that gets a wrong bit.
    """
    content = rng.bytes(int(rng.integers(1, 60)))
    frame = np.frombuffer(encode_frame(content), np.uint8)
    spoiled = np.tile(frame, (count, 1))
    rows = np.arange(count)
    for turn in range(16):
        struck = rows[rng.integers(0, 16, count) >= turn]
        places = rng.integers(0, len(frame), len(struck))
        other = rng.integers(0, len(frame), len(struck))
        values = rng.integers(0, 256, len(struck), dtype=np.uint8)
        swap = rng.random(len(struck)) < 0.2
        values[swap], spoiled[struck[swap], other[swap]] = (
            spoiled[struck[swap], other[swap]],
            spoiled[struck[swap], places[swap]],
        )
        spoiled[struck, places] = values
    same = (spoiled == frame).all(axis=1)
    spoiled[same, 0] ^= 1
    parts = [row.tobytes() for row in spoiled]
    for place in rng.integers(0, count, count // 4):
        at = int(rng.integers(0, len(parts[place])))
        parts[place] = parts[place][:at] + (rng.bytes(1) if at % 2 else b"") + parts[place][at + 1 - at % 2 :]
    return content, b"".join(part + b"\0" for part in parts if part != frame.tobytes())


def test_of_1_000_000_corruptions_neither_accepts_one() -> None:
    # CRC-32 lets 2^-32 of random damage through: 2e-4 expected among these.
    rng = np.random.default_rng(3)
    both = Both()
    for _ in range(CORRUPTIONS // BATCH):
        content, line = corrupted(rng, BATCH)
        # What is accepted may be the frame itself, after bytes inserted before it; never anything else.
        assert set(both.feed(line)) <= {content}
    seen = both.python.counters
    assert seen.crc_errors + seen.cobs_errors >= CORRUPTIONS
    assert seen.frames <= CORRUPTIONS // 1000


def test_a_mebibyte_of_garbage_changes_nothing_but_counters() -> None:
    both, garbage = Both(), random.Random(4).randbytes(1 << 20)
    for at in range(0, len(garbage), 4096):
        assert both.feed(garbage[at : at + 4096]) == []
    assert both.feed(b"\0" + encode_frame(b"ink")) == [b"ink"]


def test_a_mebibyte_without_delimiter_changes_one_counter() -> None:
    both = Both()
    for _ in itertools.repeat(None, 256):
        assert both.feed(b"\x55" * 4096) == []
    assert both.c.state() == (0, 0, 0, 1, 0)
    assert both.feed(b"\0" + encode_frame(b"ink")) == [b"ink"]


@pytest.mark.parametrize("kind", ["frames", "crc_errors", "cobs_errors", "oversize"])
def test_each_kind_of_damage_has_the_same_counter(kind: str) -> None:
    line = {
        "frames": encode_frame(b"ink"),
        "crc_errors": encode_frame(b"ink").replace(b"ink", b"oak"),
        "cobs_errors": b"\x05\x01\0",
        "oversize": b"\x01" * 300 + b"\0",
    }[kind]
    both = Both()
    both.feed(line)
    counted = dict(zip(("frames", "crc_errors", "cobs_errors", "oversize"), both.c.state()[:4], strict=True))
    assert counted == {name: int(name == kind) for name in counted}
