"""A board's name -> its memory, its processor, its apps, and how an image gets into it.

Every folder of firmware/boards with a board.toml is a board. The classes below whose names begin with an underscore,
and Emulation, are the tables of that file; `_contradictions` checks what these types cannot express.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from firmware_bridge.errors import BoardDefinitionError, UnknownBoardError

FIRMWARE = Path(__file__).parent / "firmware"

HEADER_OFFSET = 0x200
"""Bytes from the start of the flash to the image's header, on every board.

The vectors (and the RP2040's boot2) lie before it. Linker scripts reserve HEADER_BYTES there, section .ink_header,
symbol ink_image_header; build/image.py fills them in.
"""

HEADER_BYTES = 0x100

KIB = 1024
MAX_NAME_BYTES = 16
"""The longest board name that an image's header has room for."""

FIRMWARE_VERSION = "0.1.0"
"""The version of the firmware in this checkout, on every board.

A board's INFO adds digits of the image's SHA-256: see Header.firmware in build/image.py.
"""


@dataclass(frozen=True)
class Region:
    """A region of the address space: `size` bytes from `origin` on."""

    origin: int
    size: int

    @property
    def end(self) -> int:
        """The first address behind the region."""
        return self.origin + self.size

    def holds(self, address: int, size: int) -> bool:
        """Return whether all of `size` bytes from `address` on lie in the region."""
        return self.origin <= address and address + size <= self.end


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of board.toml; unknown keys are refused."""


_Address = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]
_Count = Annotated[int, msgspec.Meta(gt=0)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Some = msgspec.Meta(min_length=1)
_UsbId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{4}:[0-9a-f]{4}$")]


class _Region(_Table, frozen=True):
    origin: _Address
    kib: _Count


class _Memory(_Table, frozen=True):
    flash: _Region
    ram: _Region
    store: _Region
    sectors_kib: Annotated[tuple[_Count, ...], _Some]


class _ChipId(_Table, frozen=True):
    value: _Address
    address: _Address = 0
    shift: int = 0
    mask: _Address = 0


class _Uf2(_Table, frozen=True):
    family: _Address
    board: _Text


class _Flashing(_Table, frozen=True):
    methods: Annotated[tuple[Literal["uart", "swd", "uf2"], ...], _Some]
    boot_hint: _Text
    pyocd_target: _Text | None = None
    chip_id: _ChipId | None = None
    uf2: _Uf2 | None = None


class Emulation(_Table, frozen=True):
    """The emulator that runs the board's firmware, and which of the board's parts it lacks."""

    program: Literal["qemu", "rp2040py"]
    machine: str = ""
    """QEMU's name of the board; empty for other emulators."""
    serials: Literal[1, 2, 3] = 2
    """Number of serial ports used of QEMU's machine, which lead to host, digitiser and camera, in this order."""
    spi_digitiser: bool = False
    """Whether the digitiser sends to the nRF51's SPI slave, which QEMU lacks: see emulate/nrf51_spi.py."""
    flash_controller: bool = True
    """Whether QEMU has the flash controller; if not, ink_flash_erase and ink_flash_program are done from outside."""


class _Definition(_Table, frozen=True):
    title: _Text
    cpu: _Text
    apps: Annotated[tuple[_Text, ...], _Some]
    memory: _Memory
    pixel_bits: Annotated[tuple[Literal[1, 8], ...], _Some] = (1, 8)
    boot2: bool = False
    flashing: _Flashing | None = None
    emulator: Emulation | None = None
    usb: dict[_UsbId, _Text] = {}


@dataclass(frozen=True)
class Board:
    """A board that inkgate has firmware for."""

    name: str
    """Name of the board's folder in firmware/boards, with `-` for `_`; an image's header holds this name."""
    title: str
    """The name shown to people."""
    apps: tuple[str, ...]
    cpu: str
    """The value of gcc's `-mcpu`; zig writes `_` for `-`."""
    flash: Region
    ram: Region
    store: Region
    """The end of the flash, which holds key and counters and is kept when an image is flashed. Images end before it."""
    sectors: tuple[int, ...]
    """Sizes in bytes of the flash's smallest erasable blocks, from its start; the last size repeats to the end."""
    emulator: Emulation | None
    methods: tuple[str, ...] = ()
    """Ways to flash the board (uf2, uart, swd), the usual one first; empty if it exists in an emulator only."""
    pyocd_target: str | None = None
    chip_id: int | None = None
    """How the processor identifies itself: an STM32 by its product id, an RP2040 by the part number in CHIP_ID."""
    chip_id_at: tuple[int, int, int] = (0, 0, 0)
    """Where a debugger reads `chip_id`: address, shift, mask."""
    uf2_family: int | None = None
    uf2_board: str | None = None
    """The `Board-ID` in INFO_UF2.TXT of the board's boot drive."""
    boot_hint: str = ""
    """What a person must do before the board can be flashed by the first of `methods`."""
    pixel_bits: tuple[int, ...] = (1, 8)
    """Bits a pixel at which the board's memory holds words of a sensible length."""
    boot2: bool = False
    """Whether the first 256 bytes are a second-stage boot loader with a CRC, which the boot ROM checks."""
    usb: tuple[tuple[int, int, str], ...] = ()
    """Vendor id, product id and name of each USB device that the board itself shows."""

    @property
    def image_limit(self) -> int:
        """The most bytes that an image may have."""
        return self.store.origin - self.flash.origin if self.store.size else self.flash.size

    @property
    def folder(self) -> str:
        """Name of the board's folder of sources in firmware/boards."""
        return self.name.replace("-", "_")

    def sector_of(self, address: int) -> tuple[int, Region]:
        """Return the number and the extent of the erasable block with `address`, which must be in the flash."""
        start = self.flash.origin
        number = 0
        while True:
            size = self.sectors[min(number, len(self.sectors) - 1)]
            if address < start + size:
                return number, Region(start, size)
            start, number = start + size, number + 1


def load(firmware: Path) -> dict[str, Board]:
    """Load every board whose folder is in `firmware`/boards, by name.

    BoardDefinitionError says which board.toml is wrong, and how.
    """
    boards = (load_board(path, firmware / "apps") for path in sorted((firmware / "boards").glob("*/board.toml")))
    return {board.name: board for board in boards}


def load_board(path: Path, apps: Path) -> Board:
    """Load a board from its board.toml; `apps` is the folder of the apps' sources.

    BoardDefinitionError says what is wrong with the file.
    """
    try:
        definition = msgspec.toml.decode(path.read_bytes(), type=_Definition)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise BoardDefinitionError(f"{path}: {error}") from error
    board = _board(path.parent.name.replace("_", "-"), definition)
    for contradiction in _contradictions(board, apps):
        raise BoardDefinitionError(f"{path}: {contradiction}")
    return board


def find(name: str) -> Board:
    """Return the board of that name. UnknownBoardError, which lists all boards, if there is none."""
    if name not in BOARDS:
        raise UnknownBoardError(f"no board {name!r}: there are {', '.join(BOARDS)}")
    return BOARDS[name]


def _board(name: str, definition: _Definition) -> Board:
    memory, flashing = definition.memory, definition.flashing
    board = Board(
        name=name,
        title=definition.title,
        apps=definition.apps,
        cpu=definition.cpu,
        flash=_region(memory.flash),
        ram=_region(memory.ram),
        store=_region(memory.store),
        sectors=tuple(kib * KIB for kib in memory.sectors_kib),
        emulator=definition.emulator,
        pixel_bits=definition.pixel_bits,
        boot2=definition.boot2,
        usb=tuple((int(ids[:4], 16), int(ids[5:], 16), name) for ids, name in definition.usb.items()),
    )
    if flashing is None:
        return board
    chip, uf2 = flashing.chip_id, flashing.uf2
    return replace(
        board,
        methods=flashing.methods,
        boot_hint=flashing.boot_hint,
        pyocd_target=flashing.pyocd_target,
        chip_id=chip.value if chip else None,
        chip_id_at=(chip.address, chip.shift, chip.mask) if chip else (0, 0, 0),
        uf2_family=uf2.family if uf2 else None,
        uf2_board=uf2.board if uf2 else None,
    )


def _region(region: _Region) -> Region:
    return Region(region.origin, region.kib * KIB)


def _contradictions(board: Board, apps: Path) -> Iterator[str]:
    """Yield what is wrong with a board whose values are each valid alone."""
    if len(board.name.encode()) > MAX_NAME_BYTES:
        yield f"the folder's name, {board.name}, is longer than {MAX_NAME_BYTES} characters"
    for app in board.apps:
        if not (apps / f"{app}_app.c").is_file():
            yield f"apps: there is no {app!r}: its source would be firmware/apps/{app}_app.c"
    if not board.flash.holds(board.store.origin, board.store.size) or board.store.end != board.flash.end:
        yield "memory.store: it is not the end of memory.flash"
    if board.sector_of(board.store.origin)[1].origin != board.store.origin:
        yield "memory.store: it does not begin where a sector of sectors_kib does"
    if "swd" in board.methods and board.pyocd_target is None:
        yield "flashing: swd needs pyocd_target"
    if "uf2" in board.methods and board.uf2_family is None:
        yield "flashing: uf2 needs the table flashing.uf2"
    if board.emulator is not None and (board.emulator.program == "qemu") != bool(board.emulator.machine):
        yield "emulator: machine is QEMU's name of the board: program qemu needs it, others have none"
    if board.emulator is None and not board.methods:
        yield "neither a table flashing nor a table emulator: nothing can run its firmware"


BOARDS = load(FIRMWARE)
