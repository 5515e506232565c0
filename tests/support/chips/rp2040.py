"""A program built for the Pico -> its drivers running: a Cortex-M0 with models of the datasheet.

rp2040py runs the whole program, slowly, and models neither PLL nor clocks. This runs the drivers alone, fast enough for
many drivers with a fault each. The camera is an Arducam Mega on the SPI.
"""

from collections import deque
from typing import ClassVar

from chips.cortex_m import Core, Processor
from chips.nrf51 import Peripheral
from chips.registers import Registers, demand
from chips.rp2040_clocks import (
    MHZ,
    SPI0_BLOCK,
    UART0_BLOCK,
    UART1_BLOCK,
    Block,
    Clocks,
    Crystal,
    Pll,
    Resets,
    with_aliases,
)
from unicorn.arm_const import UC_CPU_ARM_CORTEX_M0

from firmware_bridge.boards import BOARDS
from firmware_bridge.build.compile import Built
from firmware_bridge.emulate.arducam_mega import HEIGHT, WIDTH, Mega

BOARD = BOARDS["rp2040"]
CAMERA_LIMIT_HZ = 8 * MHZ
FLASH_LIMIT_HZ = 50 * MHZ
"""Fastest clock of the W25Q16JV for reads by command 03h."""
_VECTORS = 0x100
_SELECT, _BUTTON = 17, 15
_PINS_BLOCK, _PADS_BLOCK = 5, 8


class Pins(Peripheral):
    """SIO: the chip select, and the button, never pressed."""

    def __init__(self, camera: Mega) -> None:
        super().__init__()
        self._camera = camera
        self.selected = False
        self.values[0x04] = 1 << _BUTTON

    def write(self, offset: int, value: int) -> None:
        if offset in (0x14, 0x18) and value == 1 << _SELECT and self.selected != (offset == 0x18):
            self.selected = not self.selected
            self._camera.select()


class Spi(Block):
    """SPI0 (PL022): eight words of room each way, sent at once."""

    CR0, DR, SR, CPSR = 0x00, 0x08, 0x0C, 0x10

    def __init__(self, resets: Resets, clocks: Clocks, camera: Mega, pins: Pins) -> None:
        super().__init__(resets, SPI0_BLOCK)
        self._clocks, self._camera, self._pins = clocks, camera, pins
        self._received: deque[int] = deque()

    @property
    def hz(self) -> float:
        divider = self.values.get(self.CPSR, 0)
        demand(2 <= divider <= 254 and divider % 2 == 0, f"SPI: {divider} is no prescaler")
        return self._clocks.peripheral_hz / (divider * ((self.values.get(self.CR0, 0) >> 8) + 1))

    def read(self, offset: int) -> int:
        if offset == self.SR:
            return 3 | bool(self._received) << 2
        if offset == self.DR:
            demand(bool(self._received), "SPI: read, and nothing was received")
            return self._received.popleft()
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset != self.DR:
            super().write(offset, value)
            return
        demand(self.hz <= CAMERA_LIMIT_HZ, f"SPI: {self.hz / MHZ:g} MHz are too fast for the camera")
        demand(self._pins.selected, "SPI: the camera is not selected")
        demand(len(self._received) < 8, "SPI: more is received than it has room for")
        word = 0
        for shift in range((self.values.get(self.CR0, 7) & 15) - 7, -1, -8):
            word = word << 8 | self._camera.exchange(value >> shift & 0xFF)
        self._received.append(word)


class Uart(Block):
    """UART (PL011): dividers take effect at the next write to LCR_H and change only while it is off."""

    FR, IBRD, FBRD, LCR_H, CR = 0x18, 0x24, 0x28, 0x2C, 0x30

    def __init__(self, resets: Resets, clocks: Clocks, block: int) -> None:
        super().__init__(resets, block)
        self._clocks = clocks
        self._divider_64 = 0

    @property
    def baud(self) -> float:
        """Return the line's rate in baud."""
        demand(bool(self.values.get(self.CR, 0) & 1 and self._divider_64), "UART: off")
        return self._clocks.peripheral_hz * 4 / self._divider_64

    def read(self, offset: int) -> int:
        return 1 << 4 if offset == self.FR else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        off = not self.values.get(self.CR, 0) & 1
        demand(off or offset not in (self.IBRD, self.FBRD, self.LCR_H), "UART: its line is set while it is on")
        super().write(offset, value)
        if offset == self.LCR_H:
            self._divider_64 = self.values[self.IBRD] * 64 + self.values[self.FBRD]


class Ssi(Registers):
    """SSI (4.10): the flash's line."""

    SSIENR, BAUDR = 0x08, 0x14
    kept: ClassVar[dict[int, int]] = {0x00: 0, 0x04: 0, SSIENR: 1, BAUDR: 0, 0xF4: 0}

    def write(self, offset: int, value: int) -> None:
        demand(offset == self.SSIENR or not self.values[self.SSIENR], "SSI: it is set while it is on")
        super().write(offset, value)


class CameraBoard(Processor):
    """A Pico with a camera."""

    def __init__(self, built: Built, camera: Mega) -> None:
        super().__init__(built, bytearray(b"\xff" * BOARD.flash.size), UC_CPU_ARM_CORTEX_M0, 0, vectors=_VECTORS)
        pins = Pins(camera)
        self.resets, self.crystal = Resets(), Crystal()
        self.pll = Pll(self.resets, self.crystal)
        self.clocks = Clocks(self.crystal, self.pll)
        self.resets.clocked = self.clocks.feeds
        self.spi = Spi(self.resets, self.clocks, camera, pins)
        self.uarts = [Uart(self.resets, self.clocks, block) for block in (UART0_BLOCK, UART1_BLOCK)]
        self.ssi = Ssi()
        self._power, self._watchdog = Peripheral(), Peripheral()
        self.map_parts({
            **with_aliases(0x4000_8000, self.clocks), **with_aliases(0x4000_C000, self.resets),
            **with_aliases(0x4002_8000, self.pll), 0x4001_0000: self._power, 0x4002_4000: self.crystal,
            0x4001_4000: Block(self.resets, _PINS_BLOCK), 0x4001_C000: Block(self.resets, _PADS_BLOCK),
            0x4003_4000: self.uarts[0], 0x4003_8000: self.uarts[1], 0x4003_C000: self.spi,
            0x4005_8000: self._watchdog, 0x4006_0000: Peripheral(), 0x1800_0000: self.ssi, 0xD000_0000: pins,
            0xE000_E000: self.core,
        })  # fmt: skip

    @classmethod
    def started(cls, built: Built, camera: Mega) -> "CameraBoard":
        """Return a Pico after `start`."""
        board = cls(built, camera)
        board.start()
        return board

    def start(self) -> None:
        """Run from the second-stage boot loader, where the boot ROM ends, and set up all drivers."""
        self._go(BOARD.flash.origin | 1, self.symbols["main"] & ~1)
        self.call("ink_board_init")

    @property
    def flash_hz(self) -> float:
        """Return the clock of the flash's line."""
        return self.clocks.system_hz / self.ssi.values[Ssi.BAUDR]

    @property
    def systick_ms(self) -> float:
        """Return the time between two of SysTick's interrupts."""
        demand(self.core.values[Core.CSR] == 7, "SysTick: it is off, or on another clock")
        return 1000 * (self.core.values[Core.RVR] + 1) / self.clocks.system_hz

    def segment(self, picture: bytes) -> int:
        """Segment a picture by the app's code and return how many instructions that takes."""
        place = self.symbols["picture"]
        self._uc.mem_write(place, picture)
        return self.count("ink_segment", self.symbols["segmenter"], place, WIDTH, HEIGHT)

    @property
    def watchdog_s(self) -> float:
        """Return the time from the last feeding to the reset.

        The watchdog counts down twice a tick, which is a microsecond (RP2040-E1).
        """
        ticks = self._watchdog.read(0x2C)
        demand(bool(ticks >> 9 & 1), "WATCHDOG: it has no tick")
        demand(self.clocks.reference_hz / (ticks & 511) == MHZ, "WATCHDOG: its tick is no microsecond")
        demand(bool(self._watchdog.read(0x00) >> 30 & 1), "WATCHDOG: it is not on")
        demand(self._power.read(0x08) == 0x1FFFC, "PSM: not all but the oscillators is reset")
        return self._watchdog.read(0x04) / 2e6

    def take(self, *, looks: int = 100) -> bytes | None:
        """Take a picture as the app does, 10 ms between two looks; return None if it fails."""
        self.call("ink_board_camera_start")
        for _ in range(looks):
            if self.call("ink_board_camera_ready") & 0xFF:
                break
            self.pass_ms(10)
        else:
            return None
        rows = []
        for _ in range(HEIGHT):
            if not self.call("ink_board_camera_line", self.put(bytes(WIDTH)), WIDTH) & 0xFF:
                return None
            rows.append(self.get(WIDTH))
        return b"".join(rows)

    def pass_ms(self, milliseconds: int) -> None:
        """Advance the milliseconds that SysTick's handler counts."""
        place = self.symbols["ink_milliseconds"]
        now_ms = int.from_bytes(self._uc.mem_read(place, 4), "little")
        self._uc.mem_write(place, (now_ms + milliseconds).to_bytes(4, "little"))
