"""Contents of frames are sealed as the protocol's page says, by the AEAD of RFC 8439."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st
from rfc8439 import vectors

from firmware_bridge.session.exchange import content_of
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import sealing

KEY = bytes(range(32))


@pytest.mark.parametrize("vector", vectors("aead"))
def test_the_library_s_aead_is_that_of_the_rfc(vector: dict[str, bytes]) -> None:
    cipher = ChaCha20Poly1305(vector["key"])
    sealed = vector["cipher"] + vector["tag"]
    assert cipher.encrypt(vector["nonce"], vector["plain"], vector["clear"]) == sealed
    assert cipher.decrypt(vector["nonce"], sealed, vector["clear"]) == vector["plain"]


def test_a_frame_is_its_header_its_payload_encrypted_and_a_tag_under_a_nonce_of_sender_and_header() -> None:
    content = content_of(wire.Acknowledge(3, 1, bytes(16)), 0x01020304, 9)
    header, payload = content[: wire.Header.SIZE], content[wire.Header.SIZE :]
    nonce = b"\x01" + header + b"\0\0"
    assert nonce == b"\x01\x03\x04\x03\x02\x01\x09\0\0\0\0\0"
    expected = header + ChaCha20Poly1305(KEY).encrypt(nonce, payload, header)
    assert sealing.seal(KEY, wire.FROM_HOST, content) == expected
    assert len(expected) == len(content) + wire.TAG_BYTES


def test_info_is_readable_and_its_tag_covers_all_of_it() -> None:
    info = wire.Info(wire.PROTOCOL_HASH, 7, 9, 1, wire.Kind.PEN, 1, "pen-1", "virtual", "1", b"")
    content = content_of(info, 5)
    sealed = sealing.seal(KEY, wire.FROM_BOARD, content)
    assert sealed[: len(content)] == content
    for place in range(len(content)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        assert sealing.opened(KEY, wire.FROM_BOARD, bytes(altered)) is None
    assert wire.Info.decode(sealed[wire.Header.SIZE :]).tag == sealed[len(content) :]


@given(st.binary(max_size=24))
def test_what_is_shorter_than_a_header_and_a_tag_is_not_opened(content: bytes) -> None:
    assert sealing.opened(KEY, wire.FROM_HOST, content) is None


@given(st.integers(1, 15), st.binary(min_size=8, max_size=233), st.integers(0, 300))
def test_a_content_comes_back_and_cut_short_it_does_not(message: int, rest: bytes, kept: int) -> None:
    content = bytes((message,)) + rest
    sealed = sealing.seal(KEY, wire.FROM_HOST, content)
    assert sealing.opened(KEY, wire.FROM_HOST, sealed) == content
    assert sealing.opened(KEY, wire.FROM_HOST, sealed[: kept % len(sealed)]) is None
