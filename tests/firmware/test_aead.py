"""The board's ChaCha20, Poly1305 and their AEAD: the vectors of RFC 8439, and equal to those of `cryptography`."""

import ctypes
import re
from typing import Any

import clib
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.poly1305 import Poly1305
from hypothesis import example, given
from hypothesis import strategies as st
from rfc8439 import vectors

KEYS = st.one_of(st.binary(min_size=32, max_size=32), st.just(b"\xff" * 32), st.just(bytes(32)))
NONCES = st.binary(min_size=12, max_size=12)


def library() -> clib.Library:
    return clib.library("aead", "chacha20", "poly1305", "mem", clib.TWINS / "twin_poly1305.c")


class Sealed(ctypes.Structure):
    """The twin of struct ink_aead."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("key", "nonce", "clear")),
        ("clear_count", ctypes.c_size_t),
        ("bytes", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
    ]


def called(name: str, key: bytes, nonce: bytes, clear: bytes, text: bytes, tag: bytes) -> tuple[bool, bytes, bytes]:
    """Seal or open in C; return what it says, the bytes then, and the tag then."""
    lib = library()
    held = [lib.bytes(part) for part in (key, nonce, clear, text)]
    at = [ctypes.addressof(part) for part in held]
    sealed = Sealed(at[0], at[1], at[2], len(clear), at[3], len(text))
    tag_held = lib.bytes(tag)
    done = lib.function(f"ink_aead_{name}", ctypes.c_bool)(ctypes.byref(sealed), tag_held)
    return done, bytes(held[3]), bytes(tag_held)


def xored(key: bytes, nonce: bytes, counter: int, text: bytes) -> bytes:
    lib = library()
    held = lib.bytes(text)
    lib.function("ink_chacha20_xor")(
        held, ctypes.c_size_t(len(text)), lib.bytes(key), ctypes.c_uint32(counter), lib.bytes(nonce)
    )
    return bytes(held)


def block_of(key: bytes, nonce: bytes, counter: int) -> bytes:
    lib = library()
    block = lib.buffer(64)
    lib.function("ink_chacha20_block")(block, lib.bytes(key), ctypes.c_uint32(counter), lib.bytes(nonce))
    return bytes(block)


def tag_of(key: bytes, text: bytes, steps: list[int]) -> bytes:
    """Return the tag of text that is given in portions of `steps` bytes, over and over."""
    lib = library()
    state, tag = lib.buffer(lib.value("size_of_poly1305").value), lib.buffer(16)
    lib.function("ink_poly1305_begin")(state, lib.bytes(key))
    at = turn = 0
    while at < len(text):
        portion = text[at : at + steps[turn % len(steps)]]
        lib.function("ink_poly1305_add")(state, lib.bytes(portion), ctypes.c_size_t(len(portion)))
        at, turn = at + len(portion), turn + 1
    lib.function("ink_poly1305_end")(state, tag)
    assert not any(state), "key or state are still there"
    return bytes(tag)


def test_every_vector_of_the_rfc_is_read() -> None:
    counts = {"block": 6, "encryption": 4, "poly1305": 11, "poly1305_key": 3, "aead": 2}
    assert {kind: len(vectors(kind)) for kind in counts} == counts


@pytest.mark.parametrize("vector", vectors("block"))
def test_the_block_function_is_that_of_the_rfc(vector: dict[str, Any]) -> None:
    assert block_of(vector["key"], vector["nonce"], vector["counter"]) == vector["block"]


@pytest.mark.parametrize("vector", vectors("encryption"))
def test_the_encryption_is_that_of_the_rfc(vector: dict[str, Any]) -> None:
    cipher = xored(vector["key"], vector["nonce"], vector["counter"], vector["plain"])
    assert cipher == vector["cipher"]


@pytest.mark.parametrize("vector", vectors("poly1305"))
@pytest.mark.parametrize("step", [1, 16, 1000])
def test_the_tag_is_that_of_the_rfc(vector: dict[str, Any], step: int) -> None:
    assert tag_of(vector["key"], vector["text"], [step]) == vector["tag"]


@pytest.mark.parametrize("vector", vectors("poly1305_key"))
def test_the_one_time_key_is_that_of_the_rfc(vector: dict[str, Any]) -> None:
    assert block_of(vector["key"], vector["nonce"], 0)[:32] == vector["poly1305_key"]


@pytest.mark.parametrize("vector", vectors("aead"))
def test_sealing_and_opening_is_that_of_the_rfc(vector: dict[str, Any]) -> None:
    given_parts = vector["key"], vector["nonce"], vector["clear"]
    assert called("seal", *given_parts, vector["plain"], bytes(16))[1:] == (vector["cipher"], vector["tag"])
    assert called("open", *given_parts, vector["cipher"], vector["tag"]) == (True, vector["plain"], vector["tag"])


@given(KEYS, NONCES, st.integers(0, 2**32 - 9), st.binary(max_size=300))
def test_any_encryption_is_that_of_cryptography(key: bytes, nonce: bytes, counter: int, text: bytes) -> None:
    theirs = Cipher(ChaCha20(key, counter.to_bytes(4, "little") + nonce), mode=None).encryptor().update(text)
    assert xored(key, nonce, counter, text) == theirs


@given(KEYS, st.one_of(st.binary(max_size=300), st.integers(0, 300).map(lambda count: b"\xff" * count)), st.data())
def test_any_tag_is_that_of_cryptography_in_whatever_portions(key: bytes, text: bytes, data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=4))
    assert tag_of(key, text, steps) == Poly1305.generate_tag(key, text)


@given(KEYS, NONCES, st.binary(max_size=60), st.binary(max_size=260), st.integers(0, 2**16))
@example(bytes(32), bytes(12), b"", b"", 0)
def test_any_sealing_is_that_of_cryptography_and_one_bit_makes_it_none(
    key: bytes, nonce: bytes, clear: bytes, text: bytes, bit: int
) -> None:
    _, cipher, tag = called("seal", key, nonce, clear, text, bytes(16))
    assert cipher + tag == ChaCha20Poly1305(key).encrypt(nonce, text, clear)
    assert called("open", key, nonce, clear, cipher, tag) == (True, text, tag)
    whole = bytearray(clear + cipher + tag)
    whole[bit // 8 % len(whole)] ^= 1 << bit % 8
    altered = bytes(whole)
    parts = altered[: len(clear)], altered[len(clear) : len(clear + cipher)], altered[-16:]
    assert called("open", key, nonce, *parts) == (False, parts[1], parts[2]), "refused, and not decrypted"
    with pytest.raises(InvalidTag):
        ChaCha20Poly1305(key).decrypt(nonce, parts[1] + parts[2], parts[0])


def test_no_product_is_wider_than_32_bits_and_no_secret_is_an_index_or_a_condition() -> None:
    """A Cortex-M0 multiplies 32 bits in constant time; 64-bit products would be a call into a library."""
    for name in ("chacha20", "poly1305", "aead"):
        source = re.sub(r"/\*.*?\*/", "", clib.core_source(name).read_text(), flags=re.DOTALL)
        assert "64_t" not in source
        for condition in re.findall(r"\b(?:if|while) \(([^;]*)\) \{", source):
            assert re.fullmatch(
                r"(at % sizeof block == 0|from == 4|state->held (== BLOCK_BYTES|> 0)|held < 8U|same)", condition
            ), condition
