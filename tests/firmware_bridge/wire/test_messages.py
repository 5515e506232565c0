"""Messages and pixels: values that come back as they were sent, and those that are refused."""

import dataclasses
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.wire import definition, generate
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.errors import WireError
from firmware_bridge.wire.pixels import pack, pack_bits, unpack, unpack_bits

PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
PROTOCOL = definition.parse(generate.SOURCE.read_bytes())


def values(field: definition.Field) -> st.SearchStrategy[Any]:
    """Draw any value that protocol.toml allows in the field."""
    if field.one_of:
        return st.sampled_from(field.one_of)
    if field.type in definition.UINT_BYTES:
        return st.integers(field.low, (1 << 8 * field.size) - 1 if field.high is None else field.high)
    if field.type == "bytes":
        return st.binary(min_size=field.size, max_size=field.size)
    if field.type == "text":
        return st.text(PRINTABLE, max_size=field.most)
    if field.type == "data":
        return st.binary(max_size=field.most)
    enum: type[IntEnum] = getattr(wire, field.type.capitalize())
    return st.sampled_from(list(enum))


def messages() -> st.SearchStrategy[wire.Message]:
    built: list[st.SearchStrategy[wire.Message]] = []
    for message in PROTOCOL.messages:
        fields = {field.name: values(field) for field in message.fields}
        built.append(st.builds(wire.MESSAGES[message.id], **fields))
    return st.one_of(built)


@given(messages())
def test_every_message_comes_back_as_it_was_sent_and_fits_in_a_frame(message: wire.Message) -> None:
    payload = message.encode()
    assert wire.decode(message.ID, payload) == message
    assert wire.Header.SIZE + len(payload) <= wire.MAX_CONTENT_BYTES


@given(st.integers(0, 255), st.binary(max_size=250))
def test_bytes_are_a_message_or_a_wire_error_and_nothing_else(message_id: int, payload: bytes) -> None:
    try:
        message = wire.decode(message_id, payload)
    except WireError:
        return
    assert len(message.encode()) == len(payload)


@given(messages(), st.data())
def test_a_message_cut_short_or_with_a_byte_too_many_is_refused(message: wire.Message, data: st.DataObject) -> None:
    payload = message.encode()
    if isinstance(message, wire.Fragment | wire.Probe | wire.Logits | wire.Info):
        return  # the last field is whatever is left of the frame
    if payload:
        cut = data.draw(st.integers(0, len(payload) - 1))
        with pytest.raises(WireError):
            wire.decode(message.ID, payload[:cut])
    with pytest.raises(WireError):
        wire.decode(message.ID, payload + b"\0")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("board", "x" * 33),
        ("model", "\x1b[2J"),
        ("firmware", "\u00fc"),
        ("session", 1 << 32),
        ("pixel_bits", 4),
        ("protocol_hash", b""),
    ],
)
def test_values_outside_the_definition_cannot_be_sent(field: str, wrong: Any) -> None:
    info = wire.Info(wire.PROTOCOL_HASH, 1, 2, 0, wire.Kind.PEN, 1, "b", "m", "f", b"")
    with pytest.raises(WireError, match=field):
        dataclasses.replace(info, **{field: wrong}).encode()


@given(st.binary(max_size=64))
def test_no_control_character_gets_through_a_text(raw: bytes) -> None:
    message = wire.decode(wire.Error.ID, bytes((1, len(raw))) + raw)
    assert isinstance(message, wire.Error)
    assert len(message.text) == len(raw)
    assert all(" " <= character <= "~" for character in message.text)


def fragments(bits: int) -> st.SearchStrategy[Any]:
    seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
    if bits == 1:
        return seeds.map(lambda rng: (rng.random((33, 33)) < rng.random()).astype(np.uint8) * np.uint8(255))
    return seeds.map(lambda rng: rng.integers(0, 256, (33, 33), dtype=np.uint8))


@pytest.mark.parametrize("bits", [1, 8])
def test_pixels_come_back_as_they_were_packed(bits: int) -> None:
    @given(fragments(bits))
    def check(pixels: Any) -> None:
        packed = pack(pixels, bits)
        assert len(packed) == (137 if bits == 1 else 1089)
        assert np.array_equal(unpack(packed, bits), pixels)

    check()


def test_bits_run_row_by_row_most_significant_first() -> None:
    pixels = np.zeros((33, 33), np.uint8)
    pixels[0, 0], pixels[0, 9], pixels[1, 0] = 255, 128, 127
    packed = pack_bits(pixels)
    assert packed[:5] == bytes((0x80, 0x40, 0, 0, 0))
    assert not any(packed[5:])


def test_a_refusal_names_the_field() -> None:
    for payload, said in (
        (b"\x01\0\0", r"end.word: 4 bytes expected, 3 are left"),
        (bytes(6), r"end.word: 0 is outside"),
    ):
        with pytest.raises(WireError, match=said):
            wire.decode(wire.End.ID, payload)


def test_padding_that_is_not_zero_is_refused() -> None:
    with pytest.raises(WireError, match="7 zero bits"):
        unpack_bits(bytes(136) + b"\x01")
