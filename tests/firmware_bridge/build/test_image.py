"""Images: what the header says, and which damaged, wrong or untrusted ones are refused."""

import hashlib
import os
import struct
import subprocess
from pathlib import Path

import pytest
from images import KEY, OTHER_KEY, program, sealed

from firmware_bridge.boards import BOARDS, FIRMWARE_VERSION, HEADER_BYTES, HEADER_OFFSET
from firmware_bridge.build import image
from firmware_bridge.build.errors import (
    AlteredImageError,
    BootBlockError,
    ImageError,
    OversizedImageError,
    TruncatedImageError,
    UnsignedImageError,
    UntrustedImageError,
)
from firmware_bridge.trust import signing
from firmware_bridge.trust.errors import SigningKeyError, SigningKeyExposedError
from firmware_bridge.wire.messages import PROTOCOL_HASH

STM32, RP2040 = BOARDS["stm32f405"], BOARDS["rp2040"]
boards = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


@boards
def test_a_header_says_what_was_sealed(board) -> None:
    content = sealed(board, version=(3, 20, 100), app="pen")
    header = image.check(content)
    assert (header.board, header.app, header.version_text) == (board.name, "pen", "3.20.100")
    assert (header.origin, header.size) == (board.flash.origin, len(content))
    assert (header.protocol_hash, header.key_id) == (PROTOCOL_HASH, KEY.key_id)
    image.check_signature(header, [OTHER_KEY.public, KEY.public])


@boards
def test_the_program_is_unchanged_but_for_header_and_boot_block(board) -> None:
    bare, content = program(board, 0x1235), sealed(board, size=0x1235)
    start = 256 if board.boot2 else 0
    assert content[start:HEADER_OFFSET] == bare[start:HEADER_OFFSET]
    assert content[HEADER_OFFSET + HEADER_BYTES :] == bare[HEADER_OFFSET + HEADER_BYTES :] + b"\xff" * 3


@boards
def test_sealing_twice_gives_the_same_bytes(board) -> None:
    assert sealed(board) == sealed(board)


def test_the_digest_is_the_same_whoever_signs() -> None:
    digests = {image.check(sealed(STM32, signer=signer)).sha256 for signer in (KEY, OTHER_KEY, None)}
    assert len(digests) == 1


def test_the_digest_can_be_had_without_inkgate() -> None:
    content = sealed(STM32)
    blank = content[:0x238] + bytes(0x300 - 0x238) + content[0x300:]
    assert content[0x238:0x258] == hashlib.sha256(blank).digest()


def test_openssl_takes_the_signature_too(tmp_path: Path) -> None:
    content = sealed(STM32)
    (tmp_path / "key.pub").write_bytes(KEY.public.pem())
    (tmp_path / "message").write_bytes(b"inkgate firmware image\0" + content[0x238:0x258])
    (tmp_path / "signature").write_bytes(content[0x260:0x2A0])
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pub", "-rawin", "-in", "message",
         "-sigfile", "signature"], cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@boards
def test_an_image_cut_anywhere_is_truncated(board) -> None:
    content = sealed(board)
    for length in [*range(0, 0x300, 7), *range(0x300, len(content), 101), len(content) - 1]:
        with pytest.raises(TruncatedImageError):
            image.check(content[:length])


@boards
def test_an_image_with_a_tail_is_oversized(board) -> None:
    with pytest.raises(OversizedImageError, match=board.name):
        image.check(sealed(board) + b"\xff")


def test_a_program_larger_than_the_flash_less_the_store_is_oversized() -> None:
    board = BOARDS["nrf51"]
    sealed(board, size=board.image_limit)
    with pytest.raises(OversizedImageError, match=f"room for {board.image_limit:,}"):
        sealed(board, size=board.image_limit + 1)


def test_every_altered_byte_is_noticed() -> None:
    content = sealed(RP2040, size=0x400)
    header = image.check(content)
    for place in range(len(content)):
        for flip in (0x01, 0x80):
            bad = bytearray(content)
            bad[place] ^= flip
            with pytest.raises(ImageError):
                image.check_signature(image.check(bytes(bad)), [KEY.public])
    assert image.check(content) == header


def test_a_byte_of_the_program_altered_is_said_to_be_altered() -> None:
    bad = bytearray(sealed(STM32))
    bad[0x400] ^= 0x10
    with pytest.raises(AlteredImageError, match="SHA-256") as refusal:
        image.check(bytes(bad))
    assert refusal.value.exit_code == 4


def test_whoever_fixes_the_digest_after_altering_still_lacks_the_key() -> None:
    bad = bytearray(sealed(STM32))
    bad[0x400] ^= 0x10
    bad[0x238:0x258] = hashlib.sha256(bytes(bad[:0x238]) + bytes(0x300 - 0x238) + bytes(bad[0x300:])).digest()
    with pytest.raises(UntrustedImageError, match="wrong") as refusal:
        image.check_signature(image.check(bytes(bad)), [KEY.public])
    assert refusal.value.exit_code == 4


def test_an_unsigned_image_is_refused() -> None:
    with pytest.raises(UnsignedImageError, match="unsigned") as refusal:
        image.check_signature(image.check(sealed(STM32, signer=None)), [KEY.public])
    assert refusal.value.exit_code == 4


def test_an_image_signed_by_somebody_else_is_refused() -> None:
    with pytest.raises(UntrustedImageError, match=OTHER_KEY.key_id.hex()):
        image.check_signature(image.check(sealed(STM32, signer=OTHER_KEY)), [KEY.public])


def test_a_signature_for_one_board_does_not_serve_another() -> None:
    content = bytearray(sealed(BOARDS["nrf51"]))
    content[0x220:0x230] = b"mps2-an386".ljust(16, b"\0")
    with pytest.raises(AlteredImageError):
        image.check(bytes(content))


def test_a_boot_block_that_the_boot_rom_would_refuse_is_refused() -> None:
    content = bytearray(sealed(RP2040, signer=None))
    content[252] ^= 1
    content[0x238:0x258] = hashlib.sha256(bytes(content[:0x238]) + bytes(0xC8) + bytes(content[0x300:])).digest()
    with pytest.raises(BootBlockError):
        image.check(bytes(content))


def test_an_image_for_a_board_that_does_not_exist_is_refused() -> None:
    content = bytearray(sealed(STM32))
    content[0x220:0x230] = b"\x1b[2Jevil".ljust(16, b"\0")
    with pytest.raises(ImageError, match=r"'\?\[2Jevil'"):
        image.check(bytes(content))


def test_a_header_of_a_later_form_asks_for_a_newer_inkgate() -> None:
    content = bytearray(sealed(STM32))
    struct.pack_into("<H", content, 0x208, 2)
    with pytest.raises(ImageError, match="update inkgate"):
        image.check(bytes(content))


def test_a_program_without_room_for_a_header_is_not_sealed() -> None:
    with pytest.raises(ImageError, match="no room"):
        image.seal(bytes(range(256)) * 8, STM32, "pen", (1, 0, 0), PROTOCOL_HASH)


@pytest.mark.parametrize("text", ["1.2", "1.2.", "a.b.c", "1.2.70000", "", "1.2.345678"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ImageError):
        image.parse_version(text)


def test_the_firmware_has_the_version_of_the_project() -> None:
    pyproject = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert f'\nversion = "{FIRMWARE_VERSION}"\n' in pyproject
    assert image.parse_version(FIRMWARE_VERSION + "-dev") == image.parse_version(FIRMWARE_VERSION)


def test_a_new_signing_key_is_its_owners_alone_and_signs(tmp_path: Path) -> None:
    path = tmp_path / "new" / signing.SECRET_NAME
    made = signing.create_signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    trusted = signing.load_trusted_key(signing.public_of(path))
    assert trusted.verifies(signing.load_signing_key(path).sign(b"x"), b"x")
    assert not trusted.verifies(made.sign(b"x"), b"y")
    assert trusted.key_id == made.key_id


def test_a_signing_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / signing.SECRET_NAME
    signing.create_signing_key(path)
    before = path.read_bytes()
    with pytest.raises(SigningKeyError, match="exists"):
        signing.create_signing_key(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_signing_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / signing.SECRET_NAME
    signing.create_signing_key(path)
    path.chmod(mode)
    with pytest.raises(SigningKeyExposedError, match="chmod 600") as refusal:
        signing.load_signing_key(path)
    assert refusal.value.exit_code == 4


@pytest.mark.parametrize(
    "content", [b"", b"-----BEGIN PRIVATE KEY-----\n", os.urandom(100)], ids=["nothing", "a-beginning", "noise"]
)
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SigningKeyError):
        signing.load_signing_key(path)
    with pytest.raises(SigningKeyError):
        signing.load_trusted_key(path)
