"""What a board keeps at the end of its flash <-> bytes: the twin of boards/store.c, core/line/kept.h."""

import struct
import zlib
from dataclasses import dataclass, field

from firmware_bridge.wire import messages as wire

SLOT_BYTES = 256
_CONTENT_BYTES = 240
_SLOT = struct.Struct(f"<2I{_CONTENT_BYTES}s2I")
_KEPT = struct.Struct(f"<2I{wire.KEY_BYTES}s")
"""What a host writes. A board adds the head that it remembers: a new key comes with none."""
_REMEMBERING = _KEPT.size + wire.HEAD_BYTES
_ERASED = 0xFFFF_FFFF


@dataclass(frozen=True)
class Kept:
    """The content of a store: the board's number, its key or None, and the session of its last start."""

    number: int
    key: bytes | None = field(repr=False)
    session: int


def name_of(model: str, number: int) -> str:
    """Return the name that a board of a model with that number gives itself (apps/delivery.c: make_name)."""
    return f"{model}-{number:08x}"


def encode(kept: Kept, size: int) -> bytes:
    """Return a store of `size` bytes to which `kept` was written once."""
    return encode_slot(kept).ljust(size, b"\xff")


def encode_slot(kept: Kept) -> bytes:
    """Return what a board writes into the first slot of its erased store: SLOT_BYTES bytes."""
    content = _KEPT.pack(kept.session, kept.key is not None, kept.key or bytes(wire.KEY_BYTES))
    slot = _SLOT.pack(1, len(content), content, kept.number, 0)[:-4]
    return slot + struct.pack("<I", zlib.crc32(slot))


def decode(store: bytes) -> Kept | None:
    """Return what a board with this store finds in it; None if it finds nothing and is a new board.

    A slot that holds another thing than a record counts as one without a key, of the board with its number.
    """
    newest: tuple[int, int, bytes] | None = None
    for start in range(0, len(store), SLOT_BYTES):
        slot = store[start : start + SLOT_BYTES]
        serial, count, content, number, crc = _SLOT.unpack(slot)
        valid = serial != _ERASED and count <= _CONTENT_BYTES and crc == zlib.crc32(slot[:-4])
        if valid and (newest is None or serial >= newest[0]):
            newest = serial, number, content[:count]
    if newest is None:
        return None
    _, number, content = newest
    session, provisioned, key = (
        _KEPT.unpack_from(content) if len(content) in (_KEPT.size, _REMEMBERING) else (0, 0, b"")
    )
    if provisioned > 1:
        session, provisioned = 0, 0
    return Kept(number, key if provisioned else None, session)


def key_in(store: bytes | None) -> bytes | None:
    """Return the key in a store's content, None if it has none."""
    kept = None if store is None else decode(store)
    return None if kept is None else kept.key
