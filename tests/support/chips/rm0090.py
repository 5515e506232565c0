"""Register accesses of an STM32F405 -> what its clocks, watchdog, line and pins do: RM0090 as models.

What the manual forbids, or leaves undefined, raises MisuseError: a driver may do nothing that works only by luck. Time
is `Clocks.now_ms`, which the part that runs the program advances.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import ClassVar

from chips.registers import READY_LOOKS, Registers, ResetError, demand

MHZ = 1_000_000


class Clocks(Registers):
    """RCC (chapter 7): internal oscillator, PLL, prescalers, clocks of the peripherals."""

    CR, PLLCFGR, CFGR, AHB1, AHB2, APB1, APB2 = 0x00, 0x04, 0x08, 0x30, 0x34, 0x40, 0x44
    kept: ClassVar[dict[int, int]] = {
        CR: 0x83, PLLCFGR: 0x2400_3010, CFGR: 0, AHB1: 0x0010_0000, AHB2: 0, APB1: 0, APB2: 0
    }  # fmt: skip
    HSI_HZ = 16 * MHZ
    PLL_ON, PLL_READY = 1 << 24, 1 << 25

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 0.0
        self.wait_states: Callable[[], int] = lambda: 0
        self._looks = 0

    @property
    def pll(self) -> tuple[float, float, float, float]:
        """Return the PLL's frequencies in Hz: input, oscillator, outputs P and Q."""
        value = self.values[self.PLLCFGR]
        demand(not value >> 22 & 1, "RCC: the PLL's source is a crystal that the board has not")
        vco_in = self.HSI_HZ / max(1, value & 63)
        vco = vco_in * (value >> 6 & 511)
        return vco_in, vco, vco / (2 * (value >> 16 & 3) + 2), vco / max(1, value >> 24 & 15)

    @property
    def hclk_hz(self) -> float:
        demand(not self.values[self.CFGR] >> 7 & 1, "RCC: the AHB's prescaler, which needs none")
        return self.pll[2] if self.values[self.CFGR] >> 2 & 3 == 2 else self.HSI_HZ

    def apb_hz(self, number: int) -> float:
        """Return the clock of APB1 or APB2 in Hz."""
        return self.hclk_hz / self._divider(self.values[self.CFGR], number)

    def clocked(self, register: int, bit: int) -> bool:
        return bool(self.values[register] >> bit & 1)

    def read(self, offset: int) -> int:
        self._looks += 1
        if self._looks >= READY_LOOKS:
            if self.values[self.CR] & self.PLL_ON:
                self.values[self.CR] |= self.PLL_READY
            chosen = self.values[self.CFGR] & 3
            self.values[self.CFGR] = self.values[self.CFGR] & ~0xC | chosen << 2
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        before, self._looks = self.values.get(offset, 0), 0
        if offset == self.CR:
            value = value & ~self.PLL_READY | before & self.PLL_READY
        if offset == self.CFGR:
            value = value & ~0xC | before & 0xC  # SWS is read-only
        super().write(offset, value)
        if offset == self.CR and value & ~before & self.PLL_ON:
            self._check_pll()
        elif offset == self.PLLCFGR:
            demand(not self.values[self.CR] & self.PLL_ON, "RCC: the PLL is set while it runs")
            demand(value >> 28 == before >> 28, "RCC: reserved bits of PLLCFGR are changed")
        elif offset == self.CFGR and value & 3 != before & 3:
            self._check_switch(before, value)

    def _check_pll(self) -> None:
        vco_in, vco, out_p, out_q = self.pll
        value = self.values[self.PLLCFGR]
        demand(MHZ <= vco_in <= 2 * MHZ, f"RCC: the PLL's input is {vco_in / MHZ:g} MHz, not 1 to 2")
        demand(50 <= value >> 6 & 511 <= 432, "RCC: PLLN is not 50 to 432")
        demand(100 * MHZ <= vco <= 432 * MHZ, f"RCC: the PLL's oscillator is at {vco / MHZ:g} MHz, not 100 to 432")
        demand(out_p <= 168 * MHZ, f"RCC: {out_p / MHZ:g} MHz are too many for the processor")
        demand(value >> 24 & 15 >= 2 and out_q <= 48 * MHZ, f"RCC: output Q is {out_q / MHZ:g} MHz, more than 48")

    def _check_switch(self, before: int, value: int) -> None:
        demand(value & 3 == 2, "RCC: the clock is not the PLL")
        demand(bool(self.values[self.CR] & self.PLL_READY), "RCC: the PLL is chosen before it is ready")
        hclk = self.pll[2]
        self.check_wait_states(hclk)
        # A new prescaler takes effect up to 16 cycles later (7.3.3): it must be there before the fast clock.
        for number, limit in ((1, 42 * MHZ), (2, 84 * MHZ)):
            for cfgr in (before, value):
                hz = hclk / self._divider(cfgr, number)
                demand(hz <= limit, f"RCC: APB{number} at {hz / MHZ:g} MHz, more than {limit // MHZ}")

    def check_wait_states(self, hclk_hz: float) -> None:
        """Check table 10 for 2.7 to 3.6 V: a wait state for every 30 MHz."""
        needed = -(-hclk_hz // (30 * MHZ)) - 1
        demand(
            self.wait_states() >= needed,
            f"FLASH: {self.wait_states()} wait states at {hclk_hz / MHZ:g} MHz: {needed:g}",
        )

    @staticmethod
    def _divider(cfgr: int, number: int) -> int:
        code = cfgr >> (10 if number == 1 else 13) & 7
        return 2 << (code & 3) if code & 4 else 1


class Chance(Registers):
    """RNG (chapter 24): a number every few reads of the status; the first must not be used."""

    CR, SR, DR = 0x00, 0x04, 0x08
    kept: ClassVar[dict[int, int]] = {CR: 0, SR: 0, DR: 0}

    def __init__(self, clocks: Clocks, numbers: Iterator[int]) -> None:
        super().__init__()
        self.errors = 0
        """CECS 2, SECS 4; with either set it gives no more numbers."""
        self._clocks, self.numbers = clocks, numbers
        self._looks = 0

    def read(self, offset: int) -> int:
        demand(self._clocks.clocked(Clocks.AHB2, 6), "RNG: used without a clock")
        if offset == self.SR:
            self._looks += 1
            ready = self.values[self.CR] >> 2 & 1 and self._looks >= READY_LOOKS and not self.errors
            return self.errors | bool(ready)
        if offset == self.DR:
            demand(self._looks >= READY_LOOKS and not self.errors, "RNG: a number is taken before there is one")
            self._looks = 0
            return next(self.numbers) & 0xFFFF_FFFF
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        demand(self._clocks.clocked(Clocks.AHB2, 6), "RNG: used without a clock")
        demand(offset != self.CR or self._clocks.pll[3] >= self._clocks.hclk_hz / 16, "RNG: its clock is too slow")
        super().write(offset, value)


class Watchdog(Registers):
    """IWDG (chapter 21): a counter with its own clock, which may be slow or fast."""

    KR, PR, RLR, SR = 0x00, 0x04, 0x08, 0x0C
    kept: ClassVar[dict[int, int]] = {KR: 0, PR: 0, RLR: 0xFFF, SR: 0}
    LSI_HZ = (17_000, 32_000, 47_000)
    """The slowest, the usual and the fastest part (datasheet, table 36)."""

    def __init__(self, clocks: Clocks, lsi_hz: int = 32_000) -> None:
        super().__init__()
        self._clocks, self._lsi_hz = clocks, lsi_hz
        self._open = False
        self._looks = 0
        self.fed_ms: float | None = None
        self.longest_ms = 0.0
        """Longest time between two feedings so far."""

    @property
    def timeout_ms(self) -> float:
        """Return the time from the last feeding to the reset."""
        return 1000 * (self.values[self.RLR] + 1) * (4 << self.values[self.PR]) / self._lsi_hz

    def look(self) -> None:
        """Raise ResetError if the time is over."""
        if self.fed_ms is not None and self._clocks.now_ms - self.fed_ms > self.timeout_ms:
            raise ResetError

    def read(self, offset: int) -> int:
        demand(offset != self.KR, "IWDG: KR is read")
        if offset == self.SR:
            self._looks += 1
            if self._looks >= READY_LOOKS:
                self.values[self.SR] = 0
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        self.look()
        if offset != self.KR:
            demand(self._open, "IWDG: written without the key 5555h")
            bit = {self.PR: 1, self.RLR: 2}[offset]
            demand(not self.values[self.SR] & bit, "IWDG: written while the last change is under way")
            super().write(offset, value)
            self.values[self.SR] |= bit
            self._looks = 0
            return
        demand(value in (0x5555, 0xAAAA, 0xCCCC), f"IWDG: {value:#x} is no key")
        self._open = value == 0x5555
        if value != 0x5555:
            demand(value == 0xCCCC or not self.values[self.SR], "IWDG: fed while a change is under way")
            if self.fed_ms is not None:
                self.longest_ms = max(self.longest_ms, self._clocks.now_ms - self.fed_ms)
            if value == 0xCCCC or self.fed_ms is not None:
                self.fed_ms = self._clocks.now_ms


class Usart(Registers):
    """USART (chapter 30): a line whose rate its divider sets."""

    SR, DR, BRR, CR1 = 0x00, 0x04, 0x08, 0x0C
    kept: ClassVar[dict[int, int]] = {SR: 0xC0, DR: 0, BRR: 0, CR1: 0}

    def __init__(self, clocks: Clocks, bus: int, enable: tuple[int, int]) -> None:
        super().__init__()
        self._clocks, self._bus, self._enable = clocks, bus, enable
        self.received: deque[int] = deque()
        self.overrun = False
        """A byte was lost after the previous one was taken (30.3.3): an interrupt without a byte."""
        self.sent = bytearray()
        self._overrun_seen = False

    @property
    def interrupts(self) -> bool:
        """Return whether it interrupts; while it does, the main loop stands still."""
        return bool(self.values[self.CR1] >> 5 & 1 and (self.received or self.overrun))

    @property
    def baud(self) -> float:
        """Return the line's rate in baud."""
        return self._clocks.apb_hz(self._bus) / self.values[self.BRR]

    def read(self, offset: int) -> int:
        self._check()
        if offset == self.SR:
            self._overrun_seen = self.overrun
            return self.values[self.SR] | bool(self.received) << 5 | self.overrun << 3
        if offset == self.DR and self._overrun_seen:
            self.overrun = self._overrun_seen = False
        return self.received.popleft() if offset == self.DR and self.received else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        self._check()
        if offset == self.DR:
            demand(self.values[self.CR1] & 0x2008 == 0x2008, "USART: it sends while it is off")
            self.sent.append(value & 0xFF)
        else:
            super().write(offset, value)

    def _check(self) -> None:
        demand(self._clocks.clocked(*self._enable), "USART: used without a clock")


class Port(Registers):
    """GPIOA (chapter 8): the function of each pin."""

    MODER, PUPDR, AFRL, AFRH = 0x00, 0x0C, 0x20, 0x24
    kept: ClassVar[dict[int, int]] = {MODER: 0xA800_0000, PUPDR: 0x6400_0000, AFRL: 0, AFRH: 0}

    def __init__(self, clocks: Clocks) -> None:
        super().__init__()
        self._clocks = clocks

    def function(self, pin: int) -> tuple[int, int, int]:
        """Return a pin's mode (2: alternate), pull (1: up) and alternate function."""
        mode, pull = (self.values[register] >> 2 * pin & 3 for register in (self.MODER, self.PUPDR))
        return mode, pull, self.values[self.AFRL if pin < 8 else self.AFRH] >> 4 * (pin % 8) & 15

    def write(self, offset: int, value: int) -> None:
        demand(self._clocks.clocked(Clocks.AHB1, 0), "GPIOA: used without a clock")
        demand(offset != self.MODER or value >> 26 == 0x2A, "GPIOA: the debugger's pins are taken away")
        super().write(offset, value)
