"""Framing, against published vectors and every kind of damage."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.errors import WireError
from firmware_bridge.wire.framing import FrameReceiver, encode_frame

CONTENTS = st.binary(max_size=wire.MAX_CONTENT_BYTES)
CORRUPTIONS = 200_000


def receive(data: bytes) -> list[bytes]:
    return FrameReceiver().feed(data)


@given(st.lists(CONTENTS, max_size=6), st.integers(1, 300))
def test_frames_come_back_whatever_they_hold_and_however_the_bytes_are_split(contents: list[bytes], step: int) -> None:
    stream = b"".join(map(encode_frame, contents))
    receiver = FrameReceiver()
    got = [content for at in range(0, len(stream), step) for content in receiver.feed(stream[at : at + step])]
    assert got == contents
    assert receiver.counters.frames == len(contents)


@given(CONTENTS)
def test_a_frame_has_one_zero_at_its_end_and_at_most_256_bytes(content: bytes) -> None:
    frame = encode_frame(content)
    assert frame.index(0) == len(frame) - 1
    assert len(frame) == len(content) + 4 + 2 <= wire.MAX_WIRE_BYTES


@pytest.mark.parametrize(
    ("content", "frame"),
    [
        # CRC-32/IEEE of "123456789" is 0xCBF43926 (the catalogue's check value) and of nothing is 0.
        (b"123456789", b"\x0e123456789\x26\x39\xf4\xcb\x00"),
        (b"", b"\x01\x01\x01\x01\x01\x00"),
    ],
)
def test_published_vectors_are_met(content: bytes, frame: bytes) -> None:
    assert encode_frame(content) == frame


def test_the_longest_run_without_zero_is_one_block() -> None:
    # 250 + 4 bytes without any zero: COBS's only special case, code 255.
    contents = (bytes([n]) + b"\x07" * 249 for n in range(1, 256))
    content, frame = next((c, frame) for c in contents if (frame := encode_frame(c))[0] == 255)
    assert len(frame) == 256
    assert receive(frame) == [content]


def test_a_content_that_does_not_fit_is_refused() -> None:
    with pytest.raises(WireError, match="251 bytes do not fit"):
        encode_frame(bytes(251))


def test_any_single_byte_fault_costs_at_most_two_frames() -> None:
    """Try all 255 wrong values at every position of a 12-frame stream."""
    rng = random.Random(1)
    contents = [bytes([n]) + rng.randbytes(rng.choice((0, 9, 40, 100))) for n in range(12)]
    stream = b"".join(map(encode_frame, contents))
    for place in range(len(stream)):
        before, after = stream[:place], stream[place + 1 :]
        right = stream[place]
        for wrong in range(256):
            if wrong == right:
                continue
            got = receive(before + bytes((wrong,)) + after)
            kept = [content for content in contents if content in got]
            assert got == kept, "an altered or misplaced frame was accepted"
            assert len(got) >= len(contents) - 2


def corrupt(frame: bytes, rng: random.Random) -> bytes:
    """Replace, insert, delete or swap 1 to 16 bytes of a frame, perhaps its delimiter too."""
    spoiled = bytearray(frame)
    for _ in range(rng.randint(1, 16)):
        place = rng.randrange(len(spoiled))
        what = rng.randrange(8)
        if what < 5:
            spoiled[place] = rng.randrange(256)
        elif what == 5:
            spoiled.insert(place, rng.randrange(256))
        elif what == 6 and len(spoiled) > 1:
            del spoiled[place]
        else:
            other = rng.randrange(len(spoiled))
            spoiled[place], spoiled[other] = spoiled[other], spoiled[place]
    return bytes(spoiled)


def test_of_200_000_random_corruptions_none_is_accepted() -> None:
    # CRC-32 lets 2^-32 of random damage through: 5e-5 expected among these.
    rng = random.Random(2)
    receiver = FrameReceiver()
    for _ in range(CORRUPTIONS // 50):
        content = rng.randbytes(40)
        frame = encode_frame(content)
        for _ in range(50):
            got = receiver.feed(corrupt(frame, rng) + b"\0")
            assert got in ([], [content])
        assert receiver.feed(frame) == [content]


@given(st.lists(st.binary(max_size=700), max_size=12))
def test_garbage_never_raises_and_never_grows_the_receiver(portions: list[bytes]) -> None:
    receiver = FrameReceiver()
    for portion in portions:
        receiver.feed(portion)
        assert receiver.held_bytes < wire.MAX_WIRE_BYTES
    assert receiver.feed(b"\0" + encode_frame(b"\1whole"))[-1:] == [b"\1whole"]


def test_a_mebibyte_without_delimiter_changes_one_counter_and_the_next_frame_arrives() -> None:
    receiver = FrameReceiver()
    for _ in range(1024):
        assert receiver.feed(b"\x55" * 1024) == []
    assert receiver.counters.oversize == 1
    assert receiver.held_bytes == 0
    assert receiver.feed(b"\0" + encode_frame(b"ink")) == [b"ink"]


@given(st.binary(max_size=600), CONTENTS)
def test_a_frame_after_a_delimiter_arrives_whatever_came_before(garbage: bytes, content: bytes) -> None:
    receiver = FrameReceiver()
    receiver.feed(garbage + b"\0")
    assert receiver.feed(encode_frame(content)) == [content]


def test_each_kind_of_damage_has_its_counter() -> None:
    receiver = FrameReceiver()
    receiver.feed(b"\x05\x01\0")  # a block that runs past the end
    receiver.feed(b"\x02\x01\0")  # too short for a CRC
    receiver.feed(b"\x09" + encode_frame(b"ink")[1:])  # one past the end, though all the bytes are there
    receiver.feed(encode_frame(b"ink").replace(b"ink", b"oak"))
    receiver.feed(b"\x01" * 300 + b"\0")
    receiver.feed(b"\0\0\0")  # empty frames are silence, not damage
    counted = receiver.counters
    assert (counted.frames, counted.cobs_errors, counted.crc_errors, counted.oversize) == (0, 3, 1, 1)
