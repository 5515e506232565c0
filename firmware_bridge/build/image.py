"""A board's linked program -> the image that is flashed: the program with a header, signed.

The header takes HEADER_BYTES from HEADER_OFFSET on in every image. Integers are little endian:

    offset  size  content
         0     8  "INKIMAGE"
         8     2  form of this header: 1
        10     6  version: major, minor, patch
        16     4  address of the image's first byte
        20     4  bytes of the whole image
        24     8  protocol hash
        32    16  board, padded with zeros
        48     8  app, padded with zeros
        56    32  SHA-256 of the image, computed with this field and the rest of the header zero
        88     8  signer: the first bytes of the SHA-256 of the public key; zeros if unsigned
        96    64  Ed25519 signature of "inkgate firmware image" and the SHA-256
       160    96  zeros
"""

import hashlib
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from firmware_bridge.boards import BOARDS, HEADER_BYTES, HEADER_OFFSET, Board
from firmware_bridge.build.errors import (
    AlteredImageError,
    BootBlockError,
    ImageError,
    OversizedImageError,
    TruncatedImageError,
    UnsignedImageError,
    UntrustedImageError,
)
from firmware_bridge.build.uf2 import boot2_with_crc

MAGIC = b"INKIMAGE"
FORM = 1
CONTEXT = b"inkgate firmware image\0"
"""Prefix of the digest in the signed message, so that the signature is valid for no other kind of file."""

_FIELDS = struct.Struct("<8s4H2I8s16s8s32s8s64s")
_DIGEST_OFFSET = 56
_HEADER_END = HEADER_OFFSET + HEADER_BYTES

Version = tuple[int, int, int]


class Signer(Protocol):
    """A holder of a secret key."""

    key_id: bytes

    def sign(self, message: bytes) -> bytes:
        """Return the signature of `message`, 64 bytes."""
        ...


class Verifier(Protocol):
    """A holder of a public key."""

    key_id: bytes

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Return whether `signature` is the key owner's signature of `message`."""
        ...


@dataclass(frozen=True)
class Header:
    """The content of an image's header. `key_id` is None if the image is unsigned."""

    board: str
    app: str
    version: Version
    protocol_hash: bytes
    origin: int
    size: int
    sha256: bytes
    key_id: bytes | None
    signature: bytes

    @property
    def version_text(self) -> str:
        """The version in the form 1.2.3."""
        return ".".join(map(str, self.version))

    @property
    def firmware(self) -> str:
        """The firmware version that a board running the image reports in INFO (boards/header.c)."""
        return f"{self.version_text}+{self.sha256.hex()[:8]}"


def parse_version(text: str) -> Version:
    """Parse the `1.2.3` at the start of a text into (1, 2, 3); ImageError if there is none.

    What follows the third number is ignored. Each number is at most 0xFFFF.
    """
    found = re.match(r"(\d{1,5})\.(\d{1,5})\.(\d{1,5})(?!\d)", text)
    if found is None or any(int(part) > 0xFFFF for part in found.groups()):
        raise ImageError(f"{text!r} is not a version of the form 1.2.3")
    major, minor, patch = (int(part) for part in found.groups())
    return major, minor, patch


def seal(
    program: bytes, board: Board, app: str, version: Version, protocol_hash: bytes, signer: Signer | None = None
) -> bytes:
    """Return the image of a program that begins at the start of the board's flash.

    The image is padded with 0xFF to whole words, and the CRC of the RP2040's boot block is set. Without `signer` the
    image is unsigned. The same arguments give the same bytes.

    Raises ImageError if the program leaves no empty room for the header, or the board's or app's name does not fit into
    it; OversizedImageError if the image does not fit into the flash.
    """
    if len(program) < _HEADER_END or not _is_blank(program[HEADER_OFFSET:_HEADER_END]):
        raise ImageError(f"{board.name}: the program keeps no room for the header at {HEADER_OFFSET:#x}: fix link.ld")
    image = bytearray(program) + b"\xff" * (-len(program) % 4)
    if len(image) > board.image_limit:
        raise OversizedImageError(f"{board.name}: {len(image):,} bytes, room for {board.image_limit:,}")
    if board.boot2:
        image = bytearray(boot2_with_crc(bytes(image)))
    header = Header(board.name, app, version, protocol_hash, board.flash.origin, len(image), b"", None, b"")
    image[HEADER_OFFSET:_HEADER_END] = _pack(header)
    digest = _digest(image)
    image[HEADER_OFFSET:_HEADER_END] = _pack(header, digest, signer)
    return bytes(image)


def read_header(data: bytes) -> Header | None:
    """Return the header of an image, or of a flash's content from its start on, None if there is none.

    Nothing but the form of the header is checked: ImageError if this inkgate does not know it.
    """
    block = data[HEADER_OFFSET:_HEADER_END]
    if len(block) < HEADER_BYTES or not block.startswith(MAGIC):
        return None
    _, form, major, minor, patch, origin, size, protocol_hash, board, app, sha256, key_id, signature = (
        _FIELDS.unpack_from(block)
    )
    if form != FORM:
        raise ImageError(f"the image's header has form {form}, this inkgate knows {FORM}: update inkgate")
    return Header(
        board=_text(board),
        app=_text(app),
        version=(major, minor, patch),
        protocol_hash=protocol_hash,
        origin=origin,
        size=size,
        sha256=sha256,
        key_id=None if _is_blank(key_id) else key_id,
        signature=signature,
    )


def check(image: bytes) -> Header:
    """Return the header of an image after checking all but its signature.

    Raises ImageError if the data is no image or its board does not exist, TruncatedImageError, OversizedImageError,
    AlteredImageError or BootBlockError.
    """
    header = read_header(image)
    if header is None:
        short = len(image) < _HEADER_END
        raise TruncatedImageError(f"{len(image)} bytes are no image") if short else ImageError("not an inkgate image")
    board = BOARDS.get(header.board)
    if board is None:
        raise ImageError(f"an image for {header.board!r}, which is no board: there are {', '.join(BOARDS)}")
    if len(image) < header.size:
        raise TruncatedImageError(f"truncated: {len(image):,} of {header.size:,} bytes")
    if len(image) > header.size or header.size > board.image_limit:
        limit = min(header.size, board.image_limit)
        raise OversizedImageError(f"oversized: {len(image):,} bytes where {limit:,} belong on {board.name}")
    if header.sha256 != _digest(image) or header.origin != board.flash.origin:
        raise AlteredImageError("altered: its SHA-256 is not the one in its header")
    if image[HEADER_OFFSET:_HEADER_END] != _repack(header):
        raise AlteredImageError("altered: something is in its header that does not belong there")
    if board.boot2 and image != boot2_with_crc(image):
        raise BootBlockError("the boot block's CRC is wrong: the boot ROM would not start it")
    return header


def check_signature(header: Header, trusted: Iterable[Verifier]) -> None:
    """Refuse an image that none of the trusted keys has signed; `header` must come from `check`.

    Raises UnsignedImageError or UntrustedImageError.
    """
    if header.key_id is None:
        builds = f"`inkgate firmware build {header.board} {header.app}`"
        raise UnsignedImageError(
            f"unsigned: nobody answers for it: {builds} signs what it builds, with the key that "
            "`inkgate keys create --for images` makes"
        )
    for verifier in trusted:
        if verifier.key_id == header.key_id:
            if verifier.verifies(header.signature, CONTEXT + header.sha256):
                return
            raise UntrustedImageError(f"the signature by key {header.key_id.hex()} is wrong")
    signer = header.key_id.hex()
    raise UntrustedImageError(f"signed by key {signer}, which is not trusted here: --trust with its public half does")


def _pack(header: Header, digest: bytes = bytes(32), signer: Signer | None = None) -> bytes:
    board, app = header.board.encode(), header.app.encode()
    if len(board) > 16 or len(app) > 8 or len(header.protocol_hash) != 8:
        raise ImageError(f"{header.board} {header.app}: does not fit an image's header")
    key_id, signature = (signer.key_id, signer.sign(CONTEXT + digest)) if signer else (bytes(8), bytes(64))
    return _FIELDS.pack(
        MAGIC, FORM, *header.version, header.origin, header.size, header.protocol_hash, board, app, digest, key_id,
        signature,
    ).ljust(HEADER_BYTES, b"\0")  # fmt: skip


def _repack(header: Header) -> bytes:
    """Return the only bytes that a header with this content may have."""
    packed = bytearray(_pack(header, header.sha256))
    packed[88:160] = (header.key_id or bytes(8)) + header.signature
    return bytes(packed)


def _digest(image: bytes | bytearray) -> bytes:
    start = HEADER_OFFSET + _DIGEST_OFFSET
    return hashlib.sha256(image[:start] + bytes(_HEADER_END - start) + image[_HEADER_END:]).digest()


def _text(field: bytes) -> str:
    text = field.rstrip(b"\0")
    return "".join(chr(byte) if 0x20 < byte < 0x7F else "?" for byte in text)


def _is_blank(data: bytes) -> bool:
    """Return whether all bytes are zero, or all are 0xFF as in erased flash."""
    return data in (bytes(len(data)), b"\xff" * len(data))
