"""The program that is built for the Pico -> its camera's driver running: a Cortex-M0, an SPI, and an Arducam Mega.

rp2040py runs the whole program, and slowly; this is for drivers that are wrong in one thing.
"""

from collections import deque

from cortex_m import Processor
from nrf51 import Peripheral
from registers import demand
from unicorn.arm_const import UC_CPU_ARM_CORTEX_M0

from firmware_bridge.boards import BOARDS
from firmware_bridge.build import Built
from firmware_bridge.mega import HEIGHT, WIDTH, Mega

BOARD = BOARDS["rp2040"]
_VECTORS = 0x100
_SELECT, _BUTTON = 17, 15
CLOCK_MHZ = 12
_PAGES = (
    0x4000_8000, 0x4000_C000, 0x4000_F000, 0x4001_0000, 0x4001_4000, 0x4001_C000, 0x4002_4000, 0x4003_4000, 0x4003_8000,
    0x4005_8000,
)  # fmt: skip
"""Clocks, resets and their aliases, PSM, pins, pads, crystal, UARTs, watchdog."""


class Pins(Peripheral):
    """SIO: the chip select, and the button, which nobody presses."""

    def __init__(self, camera: Mega) -> None:
        super().__init__()
        self._camera = camera
        self.selected = False
        self.values[0x04] = 1 << _BUTTON

    def write(self, offset: int, value: int) -> None:
        if offset in (0x14, 0x18) and value == 1 << _SELECT and self.selected != (offset == 0x18):
            self.selected = not self.selected
            self._camera.select()


class Spi(Peripheral):
    """SPI0 (PL022): eight words of room each way, sent at once."""

    CR0, DR, SR = 0x00, 0x08, 0x0C

    def __init__(self, camera: Mega, pins: Pins) -> None:
        super().__init__()
        self._camera, self._pins = camera, pins
        self._received: deque[int] = deque()

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
        demand(self._pins.selected, "SPI: the camera is not selected")
        demand(len(self._received) < 8, "SPI: more is received than it has room for")
        word = 0
        for shift in range((self.values.get(self.CR0, 7) & 15) - 7, -1, -8):
            word = word << 8 | self._camera.exchange(value >> shift & 0xFF)
        self._received.append(word)


class CameraBoard(Processor):
    """Power on, to the first line of main, with this camera."""

    def __init__(self, built: Built, camera: Mega) -> None:
        super().__init__(built, bytearray(b"\xff" * BOARD.flash.size), UC_CPU_ARM_CORTEX_M0, 0, vectors=_VECTORS)
        pins = Pins(camera)
        self._parts = {page: Peripheral() for page in _PAGES}
        self._parts[0x4000_C000].values[0x08] = 0xFFFF_FFFF  # all is out of reset
        self._parts[0x4000_8000].values[0x38] = 1 << 2  # the crystal is the clock,
        self._parts[0x4002_4000].values[0x04] = 1 << 31  # and steady
        self.map_parts({**self._parts, 0x4003_C000: Spi(camera, pins), 0xD000_0000: pins, 0xE000_E000: self.core})
        self.reset()
        self.call("ink_camera_pins")

    def segment(self, picture: bytes) -> int:
        """How many instructions the app's own segmentation takes for a picture."""
        place = self.symbols["picture"]
        self._uc.mem_write(place, picture)
        return self.count("ink_segment", self.symbols["segmenter"], place, WIDTH, HEIGHT)

    def watchdog_s(self) -> float:
        """What the program sets: the counter's start, two a microsecond (RP2040-E1), if that is told its clock."""
        self.call("ink_board_init")
        load, ticks = (self._parts[0x4005_8000].read(place) for place in (0x04, 0x2C))
        demand(ticks == 1 << 9 | CLOCK_MHZ, "WATCHDOG: its tick is no microsecond")
        demand(bool(self._parts[0x4005_8000].read(0x00) >> 30 & 1), "WATCHDOG: it is not on")
        demand(self._parts[0x4001_0000].read(0x08) == 0x1FFFC, "PSM: not all but the oscillators is reset")
        return load / 2e6

    def take(self, *, looks: int = 100) -> bytes | None:
        """A picture as the app takes it, ten milliseconds between two looks; None if it fails."""
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
        """As SysTick's handler counts them."""
        place = self.symbols["ink_milliseconds"]
        now_ms = int.from_bytes(self._uc.mem_read(place, 4), "little")
        self._uc.mem_write(place, (now_ms + milliseconds).to_bytes(4, "little"))
