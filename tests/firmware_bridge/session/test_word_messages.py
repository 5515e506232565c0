"""The grammar of words: what may follow what, and what is refused."""

import numpy as np
import pytest

from firmware_bridge.session.errors import ProtocolViolationError
from firmware_bridge.session.events import BoardFault, FragmentReceived, WordEnded, WordStarted
from firmware_bridge.session.word_messages import WordReader, WritingMessage, fragment_messages
from firmware_bridge.wire import messages as wire

BLANK = np.zeros((33, 33), np.uint8)
(BITS,) = fragment_messages(0, BLANK, 1)
GREY = list(fragment_messages(0, BLANK, 8))
START, END = wire.Start(5, 0), wire.End(5, 1, 0)
ERROR = wire.Error(wire.Fault.SENSOR_FAILED, "no digitiser")


def test_a_word_becomes_its_events() -> None:
    reader = WordReader(session=9, pixel_bits=1)
    started, fragment, ended = [reader.read(message) for message in (START, BITS, END)]
    assert started == WordStarted(9, 5)
    assert isinstance(fragment, FragmentReceived)
    assert (fragment.session, fragment.word, fragment.index) == (9, 5, 0)
    assert ended == WordEnded(9, 5, 1)


def test_a_grey_fragment_comes_in_five_chunks_and_one_event() -> None:
    reader = WordReader(session=9, pixel_bits=8)
    reader.read(START)
    assert [reader.read(chunk) for chunk in GREY[:4]] == [None] * 4
    assert isinstance(reader.read(GREY[4]), FragmentReceived)


@pytest.mark.parametrize("bits", [1, 8])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ((None, None), (None, None)),
        ((0, 0), (0, 0)),
        ((640, 305), (640, 300)),
        ((65534, 2549), (65534, 2540)),
        ((65535, 2550), (None, None)),
        ((10**9, 10**9), (None, None)),
    ],
)
def test_the_times_of_a_symbol_arrive_and_what_is_too_long_to_tell_is_unknown(
    bits: int, written: tuple[int | None, int | None], read: tuple[int | None, int | None]
) -> None:
    reader = WordReader(session=9, pixel_bits=bits)
    reader.read(START)
    fragment = [reader.read(message) for message in fragment_messages(0, BLANK, bits, *written)][-1]
    assert isinstance(fragment, FragmentReceived)
    assert (fragment.duration_ms, fragment.pause_ms) == read


def test_a_fault_ends_the_open_word() -> None:
    reader = WordReader(session=9, pixel_bits=1)
    assert reader.read(ERROR) == BoardFault("sensor_failed", "no digitiser", 9, None)
    reader.read(START)
    assert reader.read(ERROR) == BoardFault("sensor_failed", "no digitiser", 9, 5)
    assert reader.read(wire.Start(6, 0)) == WordStarted(9, 6)


def test_a_fault_in_mid_fragment_leaves_nothing_for_the_next_word() -> None:
    reader = WordReader(session=9, pixel_bits=8)
    messages: list[WritingMessage] = [START, GREY[0], ERROR, wire.Start(6, 0), *GREY]
    assert isinstance([reader.read(message) for message in messages][-1], FragmentReceived)


def test_a_word_that_was_delivered_before_passes_in_silence() -> None:
    reader = WordReader(session=9, pixel_bits=1, last_word=5)
    assert [reader.read(message) for message in (START, BITS, END)] == [None] * 3
    assert reader.read(wire.Start(6, 0)) == WordStarted(9, 6)


@pytest.mark.parametrize(
    ("bits", "messages", "complaint"),
    [
        (1, [BITS], "FRAGMENT came outside a word"),
        (1, [END], "END came outside a word"),
        (1, [START, wire.Start(6, 0)], "began inside"),
        (1, [START, BITS, END, START], "began after"),
        (1, [START, BITS, BITS], r"0 \+ 0 came where 1 \+ 0"),
        (1, [START, wire.Fragment(1, 0, 0, 0, BITS.pixels)], r"1 \+ 0 came where 0 \+ 0"),
        (1, [START, END], "1 fragments; word 5 is open with 0"),
        (1, [START, BITS, wire.End(6, 1, 0)], "says word 6"),
        (1, [START, wire.Fragment(0, 0, 0, 0, BITS.pixels + b"\0")], "is 137 bytes"),
        (1, [START, wire.Fragment(0, 0, 0, 0, BITS.pixels[:-1] + b"\x01")], "7 zero bits"),
        (1, [START, wire.Fragment(0, 0, 0, 0, b"")], "is 137 bytes"),
        (8, [START, GREY[0], GREY[2]], r"0 \+ 436 came where 0 \+ 218"),
        (8, [START, GREY[0], END], "is open with 0"),
        (8, [START, *GREY[:4], wire.Fragment(0, 872, 65535, 255, bytes(218))], "1089 bytes, not 1090"),
        (8, [START, *GREY[:4], wire.Fragment(0, 872, 65534, 255, GREY[4].pixels)], "times changed"),
        (8, [START, *GREY[:4], wire.Fragment(0, 872, 65535, 0, GREY[4].pixels)], "times changed"),
    ],
)
def test_what_is_not_writing_is_refused(bits: int, messages: list[WritingMessage], complaint: str) -> None:
    reader = WordReader(session=9, pixel_bits=bits)
    for message in messages[:-1]:
        reader.read(message)
    with pytest.raises(ProtocolViolationError, match=complaint):
        reader.read(messages[-1])
