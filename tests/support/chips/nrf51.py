"""A program built for the nRF51822 -> the part running it: a Cortex-M0 with models of its manual.

The manual is the nRF51 reference manual 3.0. QEMU's microbit runs the same program but has no watchdog. A millisecond
is over when the program sleeps or has done INSTRUCTIONS_PER_MS.
"""

from collections import deque

from chips.cortex_m import Processor
from chips.registers import Registers, ResetError, demand
from unicorn.arm_const import UC_CPU_ARM_CORTEX_M0

from firmware_bridge.boards import BOARDS
from firmware_bridge.build.compile import Built

BOARD = BOARDS["nrf51"]
INSTRUCTIONS_PER_MS = 8_000
"""A millisecond has 16,000 cycles."""
_TIMER, _UART = 8, 2


class Peripheral(Registers):
    """Registers that keep what is written, 0 at first."""

    def read(self, offset: int) -> int:
        return self.values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        self.values[offset] = value


class Ready(Peripheral):
    """A peripheral that is done at once: a task's event follows immediately, and results are ready."""

    def __init__(self, events: dict[int, int], ready: int | None = None) -> None:
        super().__init__()
        self._events = events
        if ready is not None:
            self.values[ready] = 1

    def write(self, offset: int, value: int) -> None:
        super().write(offset, value)
        if offset in self._events and value:
            self.values[self._events[offset]] = 1


class Uart(Ready):
    """UART (chapter 29): TXDRDY follows TXD, RXDRDY comes again with every byte that waits."""

    RXDRDY, TXDRDY, RXD, TXD = 0x108, 0x11C, 0x518, 0x51C

    def __init__(self) -> None:
        super().__init__({self.TXD: self.TXDRDY})
        self.received: deque[int] = deque()
        self.sent = bytearray()

    def read(self, offset: int) -> int:
        if offset == self.RXDRDY:
            return bool(self.received)
        return self.received.popleft() if offset == self.RXD and self.received else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        super().write(offset, value)
        if offset == self.TXD:
            self.sent.append(value & 0xFF)
            self.values[self.TXDRDY] = 1


class Watchdog(Peripheral):
    """WDT (chapter 23): its time is set before it starts, and the reload word starts it again."""

    START, CRV, RREN, CONFIG, RR0 = 0x000, 0x504, 0x508, 0x50C, 0x600
    RELOAD = 0x6E524635
    CLOCK_HZ = 32_768

    def __init__(self) -> None:
        super().__init__()
        self.values |= {self.RREN: 1, self.CONFIG: 1, self.CRV: 0xFFFF_FFFF}
        self.now_ms = 0.0
        self.fed_ms: float | None = None
        self.longest_ms = 0.0

    @property
    def timeout_ms(self) -> float:
        return 1000 * (self.values[self.CRV] + 1) / self.CLOCK_HZ

    def look(self) -> None:
        """Raise ResetError if the time is over."""
        if self.fed_ms is not None and self.now_ms - self.fed_ms > self.timeout_ms:
            raise ResetError

    def write(self, offset: int, value: int) -> None:
        self.look()
        if offset == self.START:
            demand(self.values[self.CONFIG] & 1 == 1, "WDT: it stands still while the processor sleeps")
            self.fed_ms = self.now_ms
        elif offset == self.RR0:
            demand(value == self.RELOAD, f"WDT: {value:#x} does not feed it")
            if self.fed_ms is not None:
                self.longest_ms = max(self.longest_ms, self.now_ms - self.fed_ms)
                self.fed_ms = self.now_ms
        else:
            demand(self.fed_ms is None, "WDT: it is set while it runs")
            super().write(offset, value)


class Part(Processor):
    """The part, powered on with `content` in the flash."""

    def __init__(self, built: Built, content: bytearray | None = None) -> None:
        super().__init__(
            built, content or bytearray(b"\xff" * BOARD.flash.size), UC_CPU_ARM_CORTEX_M0, INSTRUCTIONS_PER_MS
        )
        self.watchdog, self.host = Watchdog(), Uart()
        self.timer, self.nvmc, pins = Peripheral(), Ready({}, 0x400), Peripheral()
        pins.values[0x510] = 0xFFFF_FFFF  # no slave is selected
        self.map_store(self._program)
        self.map_parts({
            0x4000_0000: Ready({0: 0x100}), 0x4000_2000: self.host, 0x4000_4000: Peripheral(), 0x4000_8000: self.timer,
            0x4000_D000: Ready({0: 0x100}), 0x4001_0000: self.watchdog, 0x4001_E000: self.nvmc, 0x5000_0000: pins,
            0xE000_E000: self.core,
        })  # fmt: skip

    def run_ms(self, milliseconds: int) -> None:
        """Run for this long after `reset`. ResetError if the watchdog bites."""
        for _ in range(milliseconds):
            self.run()
            self.watchdog.now_ms += 1
            self.watchdog.look()
            if self.core.enabled(_TIMER):
                self.timer.values[0x140] = 1
                self.interrupt(16 + _TIMER)
            if self.host.received and self.core.enabled(_UART):
                self.interrupt(16 + _UART)

    def _program(self, offset: int, size: int, value: int) -> None:
        demand(self.nvmc.values.get(0x504) == 1 and size == 4, "NVMC: a write that is not enabled")
        old = int.from_bytes(self.content[offset : offset + 4], "little")
        self.content[offset : offset + 4] = (old & value).to_bytes(4, "little")
