"""Messages in C and in Python: golden frames, equal bytes, and one verdict on any bytes."""

import ctypes
import functools
from enum import IntEnum
from typing import Any

import clib
import golden_frames as golden
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.session.exchange import split_frame
from firmware_bridge.wire import definition, generate, sealing
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.errors import WireError
from firmware_bridge.wire.framing import FrameReceiver

PROTOCOL = definition.parse(generate.SOURCE.read_bytes())
BY_ID = {message.id: message for message in PROTOCOL.messages}
PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
GOLDEN = [line.split() for line in golden.FILE.read_text().splitlines()]


def library() -> clib.Library:
    return clib.library("wire", "codec", "sealing", "aead", "chacha20", "poly1305", "blake2s", "frame", "crc32", "mem")


@functools.cache
def structure(message_id: int) -> type[ctypes.Structure]:
    """Return the ctypes twin of struct ink_wire_NAME."""
    fields: list[tuple[str, Any]] = []
    for field in BY_ID[message_id].fields:
        if field.type in definition.UINT_BYTES:
            fields.append((field.name, {1: ctypes.c_uint8, 2: ctypes.c_uint16, 4: ctypes.c_uint32}[field.size]))
        elif field.type == "bytes":
            fields.append((field.name, ctypes.c_uint8 * field.size))
        elif field.type == "text":
            fields.append((field.name, ctypes.c_char * (field.most + 1)))
        elif field.type == "data":
            fields += [(field.name, ctypes.POINTER(ctypes.c_uint8)), (f"{field.name}_count", ctypes.c_uint16)]
        else:
            fields.append((field.name, ctypes.c_uint))
    return type(BY_ID[message_id].name, (ctypes.Structure,), {"_fields_": fields})


def encoded(message_id: int, values: dict[str, Any]) -> bytes | None:
    """Return the payload that the C encodes, None if it finds a value outside its limits."""
    lib, message = library(), BY_ID[message_id]
    given_struct, keep = structure(message_id)(), []
    for field in message.fields:
        value = values[field.name]
        if field.type == "bytes":
            value = (ctypes.c_uint8 * field.size)(*value)
        elif field.type == "text":
            value = value.encode()
        elif field.type == "data":
            keep.append(lib.bytes(value))
            setattr(given_struct, f"{field.name}_count", len(value))
            value = ctypes.cast(keep[-1], ctypes.POINTER(ctypes.c_uint8))
        setattr(given_struct, field.name, value)
    payload = lib.buffer(message.max_bytes)
    arguments = [ctypes.byref(given_struct)] if message.fields else []
    count = lib.function(f"ink_encode_{message.name}", ctypes.c_int)(payload, *arguments)
    return None if count < 0 else bytes(payload[:count])


def decoded(message_id: int, payload: bytes) -> dict[str, Any] | None:
    """Return the fields that the C decodes, None if it refuses the bytes."""
    lib, message = library(), BY_ID[message_id]
    found = structure(message_id)()
    arguments = [ctypes.byref(found)] if message.fields else []
    given_bytes = lib.bytes(payload)
    call = lib.function(f"ink_decode_{message.name}", ctypes.c_bool)
    if not call(*arguments, given_bytes, ctypes.c_size_t(len(payload))):
        return None
    values: dict[str, Any] = {}
    for field in message.fields:
        value = getattr(found, field.name)
        if field.type == "bytes":
            value = bytes(value)
        elif field.type == "text":
            value = value.decode()
        elif field.type == "data":
            value = bytes(value[: getattr(found, f"{field.name}_count")])
        values[field.name] = value
    return values


def by_python(message_id: int, payload: bytes) -> dict[str, Any] | None:
    try:
        return vars(wire.decode(message_id, payload))
    except WireError:
        return None


def values_of(field: definition.Field, inside: bool) -> st.SearchStrategy[Any]:
    """Draw a field's values: allowed by protocol.toml; unless `inside`, anything that its type holds."""
    if field.type == "bytes":
        return st.binary(min_size=field.size, max_size=field.size)
    if field.type == "text":
        return st.text(PRINTABLE if inside else st.characters(min_codepoint=1, max_codepoint=127), max_size=field.most)
    if field.type == "data":
        return st.binary(max_size=field.most if inside else 240)
    if field.type not in definition.UINT_BYTES:
        enum: type[IntEnum] = getattr(wire, field.type.capitalize())
        return st.sampled_from(list(enum))
    if not inside:
        return st.integers(0, (1 << 8 * field.size) - 1)
    if field.one_of:
        return st.sampled_from(field.one_of)
    return st.integers(field.low, (1 << 8 * field.size) - 1 if field.high is None else field.high)


def messages(inside: bool = True) -> st.SearchStrategy[tuple[int, dict[str, Any]]]:
    built = [
        st.tuples(
            st.just(message.id),
            st.fixed_dictionaries({field.name: values_of(field, inside) for field in message.fields}),
        )
        for message in PROTOCOL.messages
    ]
    return st.one_of(built)


def test_the_golden_frames_are_what_python_makes() -> None:
    assert golden.FILE.read_text().splitlines() == golden.lines(), (
        "made anew by `python tests/support/golden_frames.py`"
    )
    assert {message.ID for message, _ in golden.MESSAGES.values()} == set(wire.MESSAGES)


@pytest.mark.parametrize(("name", "sender", "frame"), GOLDEN, ids=[f"{line[0]} {line[1]}" for line in GOLDEN])
def test_both_read_and_write_the_golden_frames(name: str, sender: str, frame: str) -> None:
    message, sequence = golden.MESSAGES[name]
    [content] = FrameReceiver().feed(bytes.fromhex(frame))
    if sender != "-":
        held = library().bytes(content)
        key = library().bytes(golden.SESSION_KEY)
        right = library().function("ink_open", ctypes.c_bool)
        assert not right(held, ctypes.c_size_t(len(content)), key, 3 - int(sender))
        assert bytes(held) == content
        assert right(held, ctypes.c_size_t(len(content)), key, int(sender))
        plain = sealing.opened(golden.SESSION_KEY, int(sender), content)
        assert plain == bytes(held[: -wire.TAG_BYTES])
        content = plain
    header, payload = split_frame(content)
    assert header == wire.Header(message.ID, golden.TOKEN, sequence)
    assert wire.decode(header.message, payload) == message
    assert decoded(message.ID, payload) == vars(message)
    assert encoded(message.ID, vars(message)) == payload


@given(messages())
def test_what_one_writes_the_other_reads(message: tuple[int, dict[str, Any]]) -> None:
    message_id, values = message
    payload = wire.MESSAGES[message_id](**values).encode()
    assert encoded(message_id, values) == payload
    assert decoded(message_id, payload) == values


@given(messages(inside=False))
def test_what_one_refuses_to_write_the_other_does_too(message: tuple[int, dict[str, Any]]) -> None:
    message_id, values = message
    try:
        expected = wire.MESSAGES[message_id](**values).encode()
    except WireError:
        expected = None
    assert encoded(message_id, values) == expected


@given(messages(), st.data())
def test_both_give_one_verdict_on_bytes_that_were_tampered_with(
    message: tuple[int, dict[str, Any]], data: st.DataObject
) -> None:
    message_id, values = message
    payload = bytearray(wire.MESSAGES[message_id](**values).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(payload)))
        payload[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    tampered = bytes(payload)
    assert decoded(message_id, tampered) == by_python(message_id, tampered)


@given(st.sampled_from(sorted(BY_ID)), st.binary(max_size=250))
def test_both_give_one_verdict_on_any_bytes(message_id: int, payload: bytes) -> None:
    assert decoded(message_id, payload) == by_python(message_id, payload)


@given(st.sampled_from(sorted(BY_ID)), st.binary(min_size=8, max_size=233), st.binary(min_size=32, max_size=32))
def test_both_seal_a_content_alike_and_open_what_the_other_sealed(message_id: int, rest: bytes, key: bytes) -> None:
    lib, content, sender = library(), bytes((message_id,)) + rest, 1 + message_id % 2
    count = len(content) + wire.TAG_BYTES
    held = lib.bytes(content + bytes(wire.TAG_BYTES))
    lib.function("ink_seal")(held, ctypes.c_size_t(len(content)), lib.bytes(key), sender)
    sealed = sealing.seal(key, sender, content)
    assert bytes(held) == sealed
    assert sealing.opened(key, sender, sealed) == content
    assert lib.function("ink_open", ctypes.c_bool)(held, ctypes.c_size_t(count), lib.bytes(key), sender)
    assert bytes(held[: len(content)]) == content
