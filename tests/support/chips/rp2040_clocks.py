"""Register accesses of an RP2040 -> its resets, crystal, PLL and clocks (datasheet, 2.14 to 2.18).

What the datasheet forbids, or leaves undefined, raises MisuseError: a driver may do nothing that works only by luck.
"""

from collections.abc import Callable
from typing import ClassVar

from chips.registers import READY_LOOKS, Registers, demand

MHZ = 1_000_000
CRYSTAL_HZ = 12 * MHZ
"""Frequency of a Pico's crystal."""
RING_HZ = 6.5 * MHZ
"""Frequency of the ring oscillator, on which the part starts; a driver must not rely on it."""
LEAST_START_MS = 1
"""Shortest start-up time that this crystal may be given (2.16.3)."""
PLL_BLOCK, SPI0_BLOCK, UART0_BLOCK, UART1_BLOCK = 12, 16, 22, 23


class Resets(Registers):
    """RESETS (2.14): a block released from reset is ready some reads later, if it has a clock."""

    RESET, WDSEL, DONE = 0x00, 0x04, 0x08
    kept: ClassVar[dict[int, int]] = {RESET: 0x01FF_FFFF, WDSEL: 0, DONE: 0}

    def __init__(self) -> None:
        super().__init__()
        self.on_reset: dict[int, Callable[[], None]] = {}
        """Block -> what its reset does."""
        self.clocked: Callable[[int], bool] = lambda _: True
        self._looks = 0

    def out(self, block: int) -> bool:
        return bool(self.values[self.DONE] >> block & 1)

    def read(self, offset: int) -> int:
        self._looks += offset == self.DONE
        if self._looks >= READY_LOOKS:
            free = ~self.values[self.RESET]
            self.values[self.DONE] = sum(1 << n for n in range(25) if free >> n & 1 and self.clocked(n))
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        demand(offset != self.DONE, "RESETS: DONE is written")
        super().write(offset, value)
        self._looks = 0
        self.values[self.DONE] &= ~self.values[self.RESET]
        for block, reset in self.on_reset.items():
            if offset == self.RESET and value >> block & 1:
                reset()


class Block(Registers):
    """A peripheral that must be out of reset; registers outside `kept` hold what is written, 0 at first."""

    def __init__(self, resets: Resets, block: int) -> None:
        super().__init__()
        self._resets, self._block = resets, block
        resets.on_reset[block] = self.reset

    def reset(self) -> None:
        self.values = dict(self.kept)

    def read(self, offset: int) -> int:
        self._check()
        return self.values.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        self._check()
        self.values[offset] = value

    def _check(self) -> None:
        demand(self._resets.out(self._block), f"{type(self).__name__}: used before it is out of its reset")


class Crystal(Registers):
    """XOSC (2.16)."""

    CTRL, STATUS, STARTUP = 0x00, 0x04, 0x0C
    kept: ClassVar[dict[int, int]] = {CTRL: 0x00D1_EAA0, STATUS: 0, STARTUP: 0xC4}
    ON = 0xFAB

    def __init__(self) -> None:
        super().__init__()
        self.works = True
        self.stable = False
        self._looks = 0

    def read(self, offset: int) -> int:
        self._looks += 1
        on = self.values[self.CTRL] >> 12 == self.ON
        self.stable = self.stable or (on and self.works and self._looks >= READY_LOOKS)
        return self.stable << 31 if offset == self.STATUS else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        super().write(offset, value)
        self._looks = 0
        demand(offset != self.CTRL or value & 0xFFF == 0xAA0, "XOSC: not its range of 1 to 15 MHz")
        demand(offset != self.CTRL or value >> 12 != 0xD1E or not self.stable, "XOSC: turned off while it is used")
        if offset == self.CTRL and value >> 12 == self.ON:
            start_ms = 1000 * 256 * (self.values[self.STARTUP] & 0x3FFF) / CRYSTAL_HZ
            demand(start_ms >= LEAST_START_MS, f"XOSC: it is given {start_ms:g} ms to start")


class Pll(Block):
    """PLL_SYS (2.18), from the crystal."""

    CS, PWR, FBDIV, PRIM = 0x00, 0x04, 0x08, 0x0C
    kept: ClassVar[dict[int, int]] = {CS: 1, PWR: 0x2D, FBDIV: 0, PRIM: 0x77000}
    OSCILLATOR_OFF, POST_DIVIDERS_OFF, UNCHANGED = 0x21, 0x08, 0x04

    def __init__(self, resets: Resets, crystal: Crystal) -> None:
        self.works = True
        self.used: Callable[[], bool] = lambda: False
        """Whether the system runs on it."""
        self._crystal = crystal
        self._locked = False
        self._looks = 0
        super().__init__(resets, PLL_BLOCK)

    @property
    def hz(self) -> float:
        """Return the frequency of its output."""
        demand(self._locked, "PLL: it is chosen before it has locked")
        demand(not self.values[self.PWR] & self.POST_DIVIDERS_OFF, "PLL: it is chosen while its post dividers are off")
        first, second = (self.values[self.PRIM] >> place & 7 for place in (16, 12))
        return self._oscillator_hz / (first * second)

    @property
    def _oscillator_hz(self) -> float:
        return CRYSTAL_HZ / max(1, self.values[self.CS] & 63) * self.values[self.FBDIV]

    def reset(self) -> None:
        demand(not self.used(), "PLL: it is reset while the system runs on it")
        super().reset()
        self._locked = False

    def read(self, offset: int) -> int:
        self._looks += 1
        powered = not self.values[self.PWR] & self.OSCILLATOR_OFF
        self._locked = powered and (self._locked or (self.works and self._looks >= READY_LOOKS))
        return super().read(offset) | (self._locked << 31 if offset == self.CS else 0)

    def write(self, offset: int, value: int) -> None:
        before, self._looks = self.values[offset], 0
        power = self.values[self.PWR]
        demand(not self.used(), "PLL: it is changed while the system runs on it")
        demand(
            offset not in (self.CS, self.FBDIV) or bool(power & self.OSCILLATOR_OFF),
            "PLL: the oscillator's dividers are changed while it runs",
        )
        demand(
            offset != self.PRIM or bool(power & self.POST_DIVIDERS_OFF), "PLL: post dividers are changed while they run"
        )
        super().write(offset, value)
        if offset == self.PWR:
            demand(not (value ^ before) & self.UNCHANGED, "PLL: a bit of PWR is changed that nobody may")
            if before & ~value & self.OSCILLATOR_OFF:
                self._check_oscillator()
            if before & ~value & self.POST_DIVIDERS_OFF:
                self._check_post_dividers()

    def _check_oscillator(self) -> None:
        demand(self._crystal.stable, "PLL: it is turned on before the crystal is steady")
        reference_hz = CRYSTAL_HZ / max(1, self.values[self.CS] & 63)
        demand(reference_hz >= 5 * MHZ, f"PLL: its reference is {reference_hz / MHZ:g} MHz, less than 5")
        demand(16 <= self.values[self.FBDIV] <= 320, f"PLL: FBDIV {self.values[self.FBDIV]} is not 16 to 320")
        mhz = self._oscillator_hz / MHZ
        demand(750 <= mhz <= 1600, f"PLL: its oscillator is at {mhz:g} MHz, not 750 to 1600")

    def _check_post_dividers(self) -> None:
        demand(self._locked, "PLL: its post dividers are turned on before it has locked")
        first, second = (self.values[self.PRIM] >> place & 7 for place in (16, 12))
        demand(first >= second >= 1, f"PLL: its post dividers are {first} and {second}: the larger one comes first")


class Clocks(Registers):
    """CLOCKS (2.15): the reference, the system's and the peripherals' clock."""

    REF_CTRL, REF_SELECTED, SYS_CTRL, SYS_SELECTED, PERI_CTRL = 0x30, 0x38, 0x3C, 0x44, 0x48
    kept: ClassVar[dict[int, int]] = {REF_CTRL: 0, REF_SELECTED: 1, SYS_CTRL: 0, SYS_SELECTED: 1, PERI_CTRL: 0}
    SYSTEM_LIMIT_HZ = 133 * MHZ
    _SOURCE: ClassVar[dict[int, int]] = {REF_CTRL: 3, SYS_CTRL: 1}
    _AUXILIARY = 7 << 5
    _SELECTED_BEHIND = 8
    _PERI_ON = 1 << 11

    def __init__(self, crystal: Crystal, pll: Pll) -> None:
        super().__init__()
        self._crystal, self._pll = crystal, pll
        self._looks = 0
        pll.used = lambda: bool(self.values[self.SYS_SELECTED] & 2 or self.values[self.SYS_CTRL] & 1)

    @property
    def reference_hz(self) -> float:
        return {1: RING_HZ, 4: CRYSTAL_HZ}[self.values[self.REF_SELECTED]]

    @property
    def system_hz(self) -> float:
        return self._pll.hz if self.values[self.SYS_SELECTED] == 2 else self.reference_hz

    @property
    def peripheral_hz(self) -> float:
        demand(bool(self.values[self.PERI_CTRL] & self._PERI_ON), "CLOCKS: the peripherals have none")
        return self.system_hz

    def feeds(self, block: int) -> bool:
        """Return whether a block has its clock."""
        return block not in (SPI0_BLOCK, UART0_BLOCK, UART1_BLOCK) or bool(self.values[self.PERI_CTRL] & self._PERI_ON)

    def read(self, offset: int) -> int:
        self._looks += 1
        control = offset - self._SELECTED_BEHIND
        if control in self._SOURCE and self._looks >= READY_LOOKS:
            self.values[offset] = 1 << (self.values[control] & self._SOURCE[control])
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        before, self._looks = self.values.get(offset, 0), 0
        super().write(offset, value)
        demand(offset in (*self._SOURCE, self.PERI_CTRL), "CLOCKS: SELECTED is written")
        turned = (value ^ before) & self._AUXILIARY
        if offset == self.PERI_CTRL:
            demand(not value & self._AUXILIARY, "CLOCKS: the peripherals' is not the system's")
            return
        selected = self.values[offset + self._SELECTED_BEHIND]
        demand(selected == 1 << (before & self._SOURCE[offset]), "CLOCKS: the last switch is still under way")
        demand(not turned or selected != 2, "CLOCKS: the auxiliary source is changed while it is used")
        if offset == self.REF_CTRL and value & 3 != before & 3:
            demand(value & 3 == 2 and self._crystal.stable, "CLOCKS: the reference is not a steady crystal")
            demand(self.values[self.SYS_SELECTED] != 2, "CLOCKS: the reference changes behind the system's back")
        elif offset == self.SYS_CTRL and value & 1:
            demand(not value & self._AUXILIARY, "CLOCKS: the system's auxiliary source is not PLL_SYS")
            mhz = self._pll.hz / MHZ
            demand(mhz * MHZ <= self.SYSTEM_LIMIT_HZ, f"CLOCKS: {mhz:g} MHz are too many for the processor")


class Alias(Registers):
    """An alias of registers in which a write sets or clears only the bits that it has (2.1.2)."""

    def __init__(self, part: Registers, change: Callable[[int, int], int]) -> None:
        super().__init__()
        self._part, self._change = part, change

    def read(self, offset: int) -> int:
        return self._part.read(offset)

    def write(self, offset: int, value: int) -> None:
        self._part.write(offset, self._change(self._part.values[offset], value))


def with_aliases(base: int, part: Registers) -> dict[int, Registers]:
    """Return the registers at their address, and their aliases that set and clear bits."""
    setting, clearing = Alias(part, lambda old, bits: old | bits), Alias(part, lambda old, bits: old & ~bits)
    return {base: part, base + 0x2000: setting, base + 0x3000: clearing}
