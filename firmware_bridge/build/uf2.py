"""An RP2040's image <-> the UF2 file for its boot drive.

UF2 is Microsoft's format: blocks of 512 bytes, each with 256 bytes of the image and their address. The CRC of the boot
block, without which the RP2040's boot ROM starts nothing, is computed here too.
"""

import struct
from collections.abc import Iterable

from firmware_bridge.boards import Board
from firmware_bridge.build.errors import ImageError, TruncatedImageError

BLOCK_BYTES = 512
PAYLOAD_BYTES = 256
BOOT2_BYTES = 256

_HEADER = struct.Struct("<8I")
_END = struct.Struct("<I")
_MAGIC = (0x0A32_4655, 0x9E5D_5157)
_MAGIC_END = 0x0AB1_6F30
_FAMILY_PRESENT = 0x2000
_NOT_FOR_FLASH = 0x0001


def is_uf2(data: bytes) -> bool:
    """Return whether the data begins like a UF2 file."""
    return data[:8] == struct.pack("<2I", *_MAGIC)


def encode_image(content: bytes, board: Board, *, erase_key: bool = False, store: bytes = b"") -> bytes:
    """Return the UF2 file of an image.

    With `erase_key` it also erases the board's key and counters; with `store` it puts these bytes in their place.
    """
    assert board.uf2_family is not None
    if not (erase_key or store):
        return encode(content, board.flash.origin, board.uf2_family)
    held = store.ljust(board.store.size, b"\xff")
    return encode_parts([(board.flash.origin, content), (board.store.origin, held)], board.uf2_family)


def encode(image: bytes, origin: int, family: int) -> bytes:
    """Return the UF2 file that puts `image` at address `origin`; 0xFF fills the last block.

    `family` is the UF2 family id of the part.
    """
    return encode_parts([(origin, image)], family)


def encode_parts(parts: Iterable[tuple[int, bytes]], family: int) -> bytes:
    """Return the UF2 file of several (address, content) parts; 0xFF fills the last block of each."""
    payloads = [
        (origin + start, content[start : start + PAYLOAD_BYTES])
        for origin, content in parts
        for start in range(0, len(content), PAYLOAD_BYTES)
    ]
    return b"".join(
        _HEADER.pack(*_MAGIC, _FAMILY_PRESENT, address, PAYLOAD_BYTES, number, len(payloads), family)
        + payload.ljust(PAYLOAD_BYTES, b"\xff").ljust(BLOCK_BYTES - _HEADER.size - _END.size, b"\0")
        + _END.pack(_MAGIC_END)
        for number, (address, payload) in enumerate(payloads)
    )


def decode(data: bytes) -> tuple[int, bytes, int]:
    """Return (origin, content, family) of a UF2 file whose blocks follow one another without a gap.

    Raises TruncatedImageError if blocks are missing at the end, ImageError if the file is damaged or no such UF2 file.
    """
    if len(data) < BLOCK_BYTES or not is_uf2(data):
        raise ImageError("not a UF2 file")
    content = bytearray()
    _, _, _, origin, _, _, count, family = _HEADER.unpack_from(data)
    if len(data) < count * BLOCK_BYTES:
        raise TruncatedImageError(f"truncated: {len(data) // BLOCK_BYTES} of {count} UF2 blocks")
    if len(data) != count * BLOCK_BYTES:
        raise ImageError(f"not a UF2 file: {len(data):,} bytes in {count} blocks")
    for number in range(count):
        block = data[number * BLOCK_BYTES :][:BLOCK_BYTES]
        first, second, flags, address, size, place, blocks, family_here = _HEADER.unpack_from(block)
        (end,) = _END.unpack_from(block, BLOCK_BYTES - _END.size)
        right = (
            (first, second, end) == (*_MAGIC, _MAGIC_END)
            and (place, blocks, family_here) == (number, count, family)
            and address == origin + len(content)
            and size == PAYLOAD_BYTES
            and flags & _FAMILY_PRESENT
            and not flags & _NOT_FOR_FLASH
        )
        if not right:
            raise ImageError(f"UF2 block {number} of {count} is damaged or out of place")
        content += block[_HEADER.size : _HEADER.size + size]
    return origin, bytes(content), family


def boot2_with_crc(image: bytes) -> bytes:
    """Return the image with the CRC that the RP2040's boot ROM checks.

    The CRC is in the last 4 bytes of the boot block, the image's first 256 bytes (RP2040 datasheet, 2.8.1.3.1).
    """
    code, rest = image[: BOOT2_BYTES - 4], image[BOOT2_BYTES:]
    return code + struct.pack("<I", crc32_mpeg2(code)) + rest


def crc32_mpeg2(data: bytes) -> int:
    """Return the CRC-32/MPEG-2 of the data.

    Polynomial 0x04C11DB7, most significant bit first, initial value all ones, no final inversion.
    """
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ 0x04C1_1DB7 if crc & 0x8000_0000 else crc << 1
        crc &= 0xFFFF_FFFF
    return crc
