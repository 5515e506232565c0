"""Run the kept fuzzing inputs again, and the self-test; `make fuzz` searches for more."""

import ctypes
from pathlib import Path

import clib
import fuzz
import pytest

REPORT = ("-DINK_BROKEN=clib_broken",)


def target(name: str) -> clib.Library:
    return clib.library(*fuzz.SOURCES[name], fuzz.FUZZ / f"fuzz_{name}.c", flags=REPORT)


@pytest.mark.parametrize("name", fuzz.SOURCES)
def test_every_input_of_the_corpus_keeps_every_promise(name: str) -> None:
    lib = target(name)
    run = lib.function("LLVMFuzzerTestOneInput", ctypes.c_int)
    inputs = fuzz.corpus(name)
    assert len(inputs) > 5
    for data in inputs:
        run(lib.bytes(data), ctypes.c_size_t(len(data)))


def test_a_broken_promise_is_found_by_the_corpus(tmp_path: Path) -> None:
    """Break the receiver: it keeps one byte less than it should."""
    source = clib.core_source("frame").read_text()
    broken = tmp_path / "frame.c"
    broken.write_text(source.replace("receiver->held == INK_MAX_BODY_BYTES", "receiver->held == 100"))
    lib = clib.library(broken, "crc32", "mem", fuzz.FUZZ / "fuzz_frame.c", flags=REPORT)
    run = lib.function("LLVMFuzzerTestOneInput", ctypes.c_int)
    found = []
    for data in fuzz.corpus("frame"):
        try:
            run(lib.bytes(data), ctypes.c_size_t(len(data)))
        except clib.SanitizerError as error:
            found.append(str(error))
    assert any("INK_RX_" in text for text in found)


def test_the_self_test_passes_and_names_what_is_broken(tmp_path: Path) -> None:
    names = ("selftest", "frame", "crc32", "blake2s", "aead", "chacha20", "poly1305", "mem")
    assert clib.library(*names).function("ink_self_test", ctypes.c_char_p)() is None
    for name, old, new, said in (
        ("crc32", "0x1db71064U", "0x1db71065U", b"CRC-32"),
        ("blake2s", "0x6A09E667U", "0x6A09E666U", b"BLAKE2s"),
        ("chacha20", "0x3320646EU", "0x3320646FU", b"ChaCha20"),
        ("poly1305", "0xFC, 0xFF", "0xFD, 0xFF", b"Poly1305"),
        ("frame", "code_at = at++", "code_at = at", b"frame"),
    ):
        broken = tmp_path / f"{name}.c"
        source = clib.core_source(name).read_text()
        assert old in source
        broken.write_text(source.replace(old, new))
        rest = [other for other in names if other != name]
        assert said in clib.library(broken, *rest).function("ink_self_test", ctypes.c_char_p)()
