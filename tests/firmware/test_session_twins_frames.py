"""A board in C and one in Python take given frames alike: altered, cut short, garbage."""

from __future__ import annotations

import ctypes
import random

import pytest
from line_model import BOARD, number_of, numbered, times_of
from twin_session import Memory, TwinBoard

from firmware_bridge.session.events import FragmentReceived, WordStarted
from firmware_bridge.session.host import HostSession
from firmware_bridge.trust.board_keys import BoardKey
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.framing import FrameReceiver, encode_frame

KEY = bytes(range(100, 132))


def connected(bits: int = 1) -> tuple[TwinBoard, HostSession, bytes]:
    """Return a provisioned, connected board that has sent a word, and the host's acknowledgement."""
    board = TwinBoard(Memory(bits, KEY), 0, pixel_bits=bits)
    host = HostSession(bytes(range(16)), 0.0, keys={BOARD: BoardKey(KEY)})
    board.receive(host.next_frame(0.0), 0)
    host.receive(board.next_frame(0), 0.0)
    assert board.start_word()
    assert board.add_fragment(numbered(1))
    assert board.end_word()
    board.receive(host.next_frame(0.001), 1)
    while frame := board.next_frame(1):
        host.receive(frame, 0.001)
    while host.next_event(0.001):
        pass
    return board, host, host.next_frame(0.001)


@pytest.mark.parametrize("bits", [1, 8])
def test_words_of_every_length_go_round_a_full_outbox_and_come_out_as_they_were_written(bits: int) -> None:
    board, host, frame = connected(bits)
    board.receive(frame, 1)
    rng, now_ms, number = random.Random(6), 1, 1
    written: list[list[int]] = []
    read: list[list[int]] = []
    while len(read) < 60:
        while board.start_word():
            written.append([])
            for _ in range(rng.randrange(5)):
                if board.add_fragment(numbered(number + 1), *times_of(number + 1)):
                    number += 1
                    written[-1].append(number)
            board.end_word()
        now_ms += 10
        host.receive(board.next_frame(now_ms), now_ms / 1000)
        while event := host.next_event(now_ms / 1000):
            if isinstance(event, WordStarted):
                read.append([])
            if isinstance(event, FragmentReceived):
                read[-1].append(number_of(event.pixels))
                assert (event.duration_ms, event.pause_ms) == times_of(read[-1][-1])
        board.receive(host.next_frame(now_ms / 1000), now_ms)
    assert host.failure is None
    assert read[:-1] == written[: len(read) - 1]
    assert max(map(len, read)) == 4


def test_an_acknowledgement_with_any_byte_altered_is_refused_by_both_and_then_taken_as_it_is() -> None:
    """Try all 255 values at all positions, with a right CRC, so that only the tag can tell."""
    board, _, frame = connected()
    [content] = FrameReceiver().feed(frame)
    altered = [
        content[:place] + bytes((value,)) + content[place + 1 :]
        for place in range(len(content))
        for value in range(256)
        if value != content[place]
    ]
    before = board.state(1)
    board.receive(b"".join(map(encode_frame, altered)), 1)
    after = board.state(1)
    assert after["refused"] - before["refused"] == len(altered)
    # A frame of another connection is answered with a hint.
    told = {"refused", "frames", "info_due", "info_connection"}
    assert {name for name in before if before[name] != after[name]} == told
    board.receive(frame, 1)
    assert board.state(1)["words_acknowledged"] == 1


def test_acknowledgements_cut_short_or_with_bytes_too_many_are_refused_by_both() -> None:
    board, _, frame = connected()
    [content] = FrameReceiver().feed(frame)
    wrong = [content[:count] for count in range(len(content))]
    wrong += [content + bytes(count) for count in range(1, wire.MAX_CONTENT_BYTES - len(content) + 1)]
    board.receive(b"".join(map(encode_frame, wrong)), 1)
    assert board.state(1)["refused"] == len(wrong)
    assert board.state(1)["words_acknowledged"] == 0


def test_a_mebibyte_of_garbage_changes_nothing_but_counters_in_both() -> None:
    board, _, frame = connected()
    before = board.state(1)
    garbage = random.Random(5).randbytes(1 << 20)
    for at in range(0, len(garbage), 1 << 14):
        board.receive(garbage[at : at + (1 << 14)], 1)
    board.receive(b"\0", 1)
    after = board.state(1)
    assert {name for name in before if before[name] != after[name]} == {"crc_errors", "cobs_errors", "oversize"}
    board.receive(frame, 1)
    assert board.state(1)["words_acknowledged"] == 1


def test_a_start_is_written_down_before_it_is_used_and_the_key_stays() -> None:
    memory = Memory(1, KEY)
    for session in (1, 2):
        board = TwinBoard(memory, 0, pixel_bits=1)
        assert board.state(0)["session"] == session
        assert board.state(0)["provisioned"] == 1
    memory.break_down(True)
    begun = board.lib.function("twin_begin", ctypes.c_bool)
    assert not begun(board.lib.buffer(board.lib.value("size_of_session").value), ctypes.c_uint32(0))


def test_a_host_without_the_key_gets_info_alone_from_both() -> None:
    board = TwinBoard(Memory(1, KEY), 0, pixel_bits=1)
    assert board.start_word()
    assert board.end_word()
    for step in range(200):
        now_ms = 50 * step
        stranger = HostSession(step.to_bytes(16, "little"), now_ms / 1000, allow_unauthenticated=True)
        board.receive(stranger.next_frame(now_ms / 1000), now_ms)
        header = wire.Header(wire.Acknowledge.ID, board.python._token, 1).encode()
        board.receive(encode_frame(header + wire.Acknowledge(0, 0, bytes(16)).encode() + bytes(wire.TAG_BYTES)), now_ms)
        [content] = FrameReceiver().feed(board.next_frame(now_ms))
        assert content[0] == wire.Info.ID
        assert board.next_frame(now_ms) == b""


def test_both_stop_before_a_place_of_the_stream_is_used_twice() -> None:
    board, _, frame = connected()
    board.receive(frame, 1)
    skipped = 0xFFFF_FFFF - board.python._next - 2
    board.lib.function("twin_skip")(board._c, ctypes.c_uint32(skipped))
    for name in ("_origin", "_base", "_next"):
        setattr(board.python, name, getattr(board.python, name) + skipped)
    assert board.start_word()
    assert board.add_fragment(numbered(2))
    assert board.end_word()
    assert board.next_frame(2)
    assert board.next_frame(2)
    assert board.next_frame(2) == b""
    assert board.state(2)["state"] == 3
