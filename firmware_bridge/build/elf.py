"""A linked program (32-bit little-endian ARM ELF) -> its segments, checked against a board's memory."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from firmware_bridge.boards import Board, Region
from firmware_bridge.build.errors import SegmentError, SymbolError

_ARM = 40
_LOADABLE = 1
_SYMBOLS = 2


@dataclass(frozen=True)
class Segment:
    """A loadable segment of a program.

    `data` is flashed at address `load`. The running program occupies `size` bytes of memory from `address` on.
    """

    load: int
    address: int
    size: int
    data: bytes


def read_segments(elf: bytes) -> list[Segment]:
    """Return the loadable segments of an ELF file.

    Raises SegmentError if the file is not a 32-bit little-endian ELF for an ARM, or is cut off.
    """
    try:
        if elf[:6] != b"\x7fELF\x01\x01" or struct.unpack_from("<H", elf, 18) != (_ARM,):
            raise SegmentError("not a 32-bit little-endian ELF for an ARM")
        (table,) = struct.unpack_from("<I", elf, 28)
        entry_bytes, count = struct.unpack_from("<2H", elf, 42)
        segments = []
        for number in range(count):
            kind, offset, address, load, file_bytes, size = struct.unpack_from("<6I", elf, table + number * entry_bytes)
            if kind == _LOADABLE and size:
                if offset + file_bytes > len(elf):
                    raise SegmentError("the ELF file is cut off")
                segments.append(Segment(load, address, size, elf[offset : offset + file_bytes]))
        return segments
    except struct.error as error:
        raise SegmentError("the ELF file is cut off") from error


def read_symbols(elf: bytes) -> dict[str, int]:
    """Return the address of each function and variable by name; SegmentError if the file is cut off."""
    try:
        (table,) = struct.unpack_from("<I", elf, 32)
        entry_bytes, count = struct.unpack_from("<2H", elf, 46)
        sections = [struct.unpack_from("<10I", elf, table + number * entry_bytes) for number in range(count)]
        symbols = {}
        for _, kind, _, _, offset, size, names, *_ in sections:
            for place in range(offset, offset + size, 16) if kind == _SYMBOLS else ():
                name, value = struct.unpack_from("<2I", elf, place)
                start = sections[names][4] + name
                symbols[elf[start : elf.index(b"\0", start)].decode()] = value
        return symbols
    except (struct.error, IndexError, ValueError) as error:
        raise SegmentError("the ELF file is cut off") from error


def address_of(symbols: Mapping[str, int], name: str) -> int:
    """Return the address of a function or variable; SymbolError if the program does not name it."""
    if name not in symbols:
        raise SymbolError(f"the program has no {name}: its sources have none, or it was linked without names")
    return symbols[name]


def with_flash(elf: bytes, board: Board, image: bytes) -> bytes:
    """Return the program `elf` with its segments in the flash replaced by the bytes of `image`.

    `image` holds the bytes of the flash from its start on.
    """
    (table,) = struct.unpack_from("<I", elf, 28)
    entry_bytes, count = struct.unpack_from("<2H", elf, 42)
    patched = bytearray(elf)
    for number in range(count):
        kind, offset, _, load, file_bytes, _ = struct.unpack_from("<6I", elf, table + number * entry_bytes)
        if kind == _LOADABLE and file_bytes:
            start = load - board.flash.origin
            patched[offset : offset + file_bytes] = image[start : start + file_bytes]
    return bytes(patched)


def check_segments(segments: list[Segment], board: Board) -> None:
    """Refuse, with SegmentError, a program that does not fit into the board's memory.

    Every segment must be flashed below `board.image_limit`, and run in that part of the flash or in the RAM.
    """
    room = Region(board.flash.origin, board.image_limit)
    for segment in segments:
        where = f"{board.name}: the segment of {segment.size:,} bytes at {segment.address:#010x}"
        if segment.data and not room.holds(segment.load, len(segment.data)):
            raise SegmentError(
                f"{where} is loaded from {segment.load:#010x}, outside {room.origin:#010x}..{room.end:#010x}"
            )
        if not any(memory.holds(segment.address, segment.size) for memory in (room, board.ram)):
            raise SegmentError(f"{where} is neither in the flash nor in the RAM of {board.title}")


def flatten(segments: list[Segment], board: Board) -> bytes:
    """Return the bytes of the flash from its start on, filled by the segments; gaps are erased, 0xFF."""
    flashed = [segment for segment in segments if segment.data]
    end = max((segment.load + len(segment.data) for segment in flashed), default=board.flash.origin)
    image = bytearray(b"\xff" * (end - board.flash.origin))
    for segment in flashed:
        start = segment.load - board.flash.origin
        image[start : start + len(segment.data)] = segment.data
    return bytes(image)
