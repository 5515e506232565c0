"""What a board keeps at the end of its flash <-> bytes: the twin of firmware/boards/store.c."""

import struct
import zlib
from dataclasses import dataclass

from firmware_bridge.wire import messages as wire

SLOT_BYTES = 256
_SLOT = struct.Struct("<2I240s2I")
_KEPT = struct.Struct(f"<2I{wire.KEY_BYTES}s")


@dataclass(frozen=True)
class Kept:
    """The content of a store: the board's number, its key or None, and the session of its last start."""

    number: int
    key: bytes | None
    session: int


def encode(kept: Kept, size: int) -> bytes:
    """Return a store of `size` bytes to which `kept` was written once."""
    content = _KEPT.pack(kept.session, kept.key is not None, kept.key or bytes(wire.KEY_BYTES))
    slot = _SLOT.pack(1, len(content), content, kept.number, 0)[:-4]
    return (slot + struct.pack("<I", zlib.crc32(slot))).ljust(size, b"\xff")


def decode(store: bytes) -> Kept | None:
    """Return the newest intact content of a store, None if there is none."""
    newest: tuple[int, Kept] | None = None
    for start in range(0, len(store), SLOT_BYTES):
        slot = store[start : start + SLOT_BYTES]
        serial, count, content, number, crc = _SLOT.unpack(slot)
        if crc == zlib.crc32(slot[:-4]) and count == _KEPT.size and (newest is None or serial >= newest[0]):
            session, provisioned, key = _KEPT.unpack_from(content)
            newest = serial, Kept(number, key if provisioned else None, session)
    return newest and newest[1]


def key_in(store: bytes | None) -> bytes | None:
    """Return the key in a store's content, None if it has none."""
    kept = None if store is None else decode(store)
    return None if kept is None else kept.key
