"""A board's name -> the part on it: its memory, its processor, its apps, and how an image gets into it."""

from dataclasses import dataclass

from firmware_bridge.errors import UnknownBoardError

HEADER_OFFSET = 0x200
"""Bytes from the start of the flash to the image's header, on every board: behind the vectors (and the RP2040's boot2).
Linker scripts keep HEADER_BYTES there, section .ink_header, symbol ink_image_header; image.py fills them in."""

HEADER_BYTES = 0x100

KIB = 1024

FIRMWARE_VERSION = "0.1.0"
"""Of the firmware in this checkout, on every board. INFO adds digits of the image's SHA-256: image.Header.firmware."""


@dataclass(frozen=True)
class Region:
    """`size` bytes of address space from `origin` on."""

    origin: int
    size: int

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.origin + self.size

    def holds(self, address: int, size: int) -> bool:
        """Whether all of `size` bytes from `address` lie inside."""
        return self.origin <= address and address + size <= self.end


@dataclass(frozen=True)
class Board:
    """One board that inkgate has firmware for."""

    name: str
    """Also the folder firmware/boards/NAME, `-` written `_`, and what an image's header says."""
    title: str
    """For people."""
    apps: tuple[str, ...]
    cpu: str
    """As `-mcpu` of gcc has it; zig writes `_` for `-`."""
    flash: Region
    ram: Region
    store: Region
    """The end of the flash: key and counters, which outlive a new image. Images end before it."""
    sectors: tuple[int, ...]
    """Sizes of the flash's smallest erasable blocks from its start; the last one repeats to the end."""
    methods: tuple[str, ...] = ()
    """Ways to flash it, the usual one first: uf2, uart, swd. None: it exists in an emulator only."""
    machine: str | None = None
    """QEMU's name of it."""
    pyocd_target: str | None = None
    chip_id: int | None = None
    """What the part says that it is: of an STM32 the product id, of an RP2040 CHIP_ID's part number."""
    chip_id_at: tuple[int, int, int] = (0, 0, 0)
    """Where a debugger reads that: address, shift, mask."""
    uf2_family: int | None = None
    uf2_board: str | None = None
    """`Board-ID` in INFO_UF2.TXT of its boot drive."""
    boot_hint: str = ""
    """What a person does to get the board ready to be flashed by its first method."""
    pixel_bits: tuple[int, ...] = (1, 8)
    """Depths at which its memory holds words of a sensible length."""
    boot2: bool = False
    """Whether the first 256 bytes are a second-stage boot loader with a CRC, which the boot ROM checks."""

    @property
    def image_limit(self) -> int:
        """The most bytes an image may have."""
        return self.store.origin - self.flash.origin if self.store.size else self.flash.size

    @property
    def folder(self) -> str:
        """Name of its folder of sources, in firmware/boards."""
        return self.name.replace("-", "_")

    def sector_of(self, address: int) -> tuple[int, Region]:
        """Number and extent of the erasable block that `address`, which must be in the flash, lies in."""
        start = self.flash.origin
        number = 0
        while True:
            size = self.sectors[min(number, len(self.sectors) - 1)]
            if address < start + size:
                return number, Region(start, size)
            start, number = start + size, number + 1


BOARDS = {
    board.name: board
    for board in (
        Board(
            name="stm32f405",
            title="STM32F405 with a pen digitiser (1 MiB flash)",
            apps=("pen",),
            cpu="cortex-m4",
            flash=Region(0x0800_0000, 1024 * KIB),
            ram=Region(0x2000_0000, 128 * KIB),
            store=Region(0x080C_0000, 256 * KIB),
            sectors=(16 * KIB, 16 * KIB, 16 * KIB, 16 * KIB, 64 * KIB, 128 * KIB),
            methods=("uart", "swd"),
            machine="netduinoplus2",
            pyocd_target="stm32f405rgtx",
            chip_id=0x413,
            chip_id_at=(0xE004_2000, 0, 0xFFF),
            boot_hint="wire the adapter's TX to PA10, RX to PA9 and GND to GND, take BOOT0 to 3V3 and press reset",
        ),
        Board(
            name="rp2040",
            title="Raspberry Pi Pico (RP2040) with a pen digitiser or a camera",
            apps=("pen", "camera"),
            cpu="cortex-m0plus",
            flash=Region(0x1000_0000, 2048 * KIB),
            ram=Region(0x2000_0000, 264 * KIB),
            store=Region(0x101F_E000, 8 * KIB),
            sectors=(4 * KIB,),
            methods=("uf2", "swd"),
            pyocd_target="rp2040",
            chip_id=0x0002,
            chip_id_at=(0x4000_0000, 12, 0xFFFF),
            boot_hint="hold BOOTSEL while plugging the board in; its drive RPI-RP2 must be mounted",
            uf2_family=0xE48B_FF56,
            uf2_board="RPI-RP2",
            boot2=True,
        ),
        Board(
            name="nrf51",
            title="BBC micro:bit (nRF51822, Cortex-M0) with a pen digitiser",
            apps=("pen",),
            cpu="cortex-m0",
            flash=Region(0x0000_0000, 256 * KIB),
            ram=Region(0x2000_0000, 16 * KIB),
            store=Region(0x0003_F800, 2 * KIB),
            sectors=(KIB,),
            methods=("swd",),
            boot_hint="plug in the micro:bit, whose debug probe is on board",
            pixel_bits=(1,),
            machine="microbit",
            pyocd_target="nrf51",
        ),
        Board(
            name="mps2-an386",
            title="Arm MPS2 with AN386 (Cortex-M4), emulated: for benchmarks and CI",
            apps=("pen", "camera", "bench"),
            cpu="cortex-m4",
            flash=Region(0x0000_0000, 4096 * KIB),
            ram=Region(0x2000_0000, 4096 * KIB),
            store=Region(0x003F_E000, 8 * KIB),
            sectors=(4 * KIB,),
            machine="mps2-an386",
        ),
    )
}


def find(name: str) -> Board:
    """The board of that name; UnknownBoardError, naming all, if there is none."""
    if name not in BOARDS:
        raise UnknownBoardError(f"no board {name!r}: there are {', '.join(BOARDS)}")
    return BOARDS[name]
