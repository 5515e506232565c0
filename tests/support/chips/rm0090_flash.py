"""Register accesses of an STM32F405's flash controller -> its flash: chapter 3 of RM0090 as a model."""

from typing import ClassVar

from chips.registers import READY_LOOKS, Registers, demand
from chips.rm0090 import Clocks

SECTORS = [(16, 4), (64, 1), (128, 7)]
"""(KiB, number of such sectors) from the start of the flash (table 5)."""


class PowerCutError(Exception):
    """Raised when the power goes in the middle of an operation of the flash."""


class Flash(Registers):
    """The flash controller (chapter 3) of a part at 3.3 V, and the flash: 1 MiB in 12 sectors."""

    ACR, KEYR, SR, CR = 0x00, 0x04, 0x0C, 0x10
    kept: ClassVar[dict[int, int]] = {ACR: 0, KEYR: 0, SR: 0, CR: 0x8000_0000}
    KEYS = (0x4567_0123, 0xCDEF_89AB)
    PG, SER, MER, STRT, LOCK, BSY = 1 << 0, 1 << 1, 1 << 2, 1 << 16, 1 << 31, 1 << 16
    WRPERR, PGAERR, PGPERR, PGSERR = 1 << 4, 1 << 5, 1 << 6, 1 << 7
    ERASE_MS, WORD_MS = 2000, 0.1
    """Longest erasure of a 128 KiB sector, and longest programming of a 32-bit word (datasheet, table 39)."""

    def __init__(self, clocks: Clocks, content: bytearray) -> None:
        super().__init__()
        self.content = content
        self.operations = 0
        self.cut_at: int | None = None
        """Number of the operation in which the power goes, from 0."""
        self.protected: set[int] = set()
        """Sectors that the option bytes protect."""
        self.in_use: set[int] = set()
        """Sectors that hold the program."""
        self.erased: list[int] = []
        self._clocks = clocks
        self._keys: list[int] = []
        self._barred = False
        self._busy = 0

    @property
    def locked(self) -> bool:
        return bool(self.values[self.CR] & self.LOCK)

    def read(self, offset: int) -> int:
        demand(offset != self.KEYR, "FLASH: KEYR is read")
        if offset == self.SR and self._busy:
            self._busy -= 1
            return self.values[self.SR] | self.BSY
        return super().read(offset)

    def write(self, offset: int, value: int) -> None:
        if offset == self.KEYR:
            self._key(value)
        elif offset == self.SR:
            self.values[self.SR] &= ~value
        elif offset == self.CR:
            self._control(value)
        else:
            super().write(offset, value)
            self._clocks.check_wait_states(self._clocks.hclk_hz)
            demand(not value >> 10 & 1, "FLASH: the data cache would hide what is programmed")

    def _key(self, value: int) -> None:
        demand(not self._barred, "FLASH: a wrong key has barred the controller until the next reset")
        demand(self.locked, "FLASH: unlocked while it is")
        self._keys.append(value)
        if tuple(self._keys) == self.KEYS:
            self.values[self.CR] &= ~self.LOCK
            self._keys = []
        elif tuple(self._keys) != self.KEYS[: len(self._keys)]:
            self._barred = True

    def _control(self, value: int) -> None:
        demand(not self.locked, "FLASH: CR is written while it is locked")
        demand(not self._busy, "FLASH: CR is written in the middle of an operation")
        self.values[self.CR] = value & ~self.STRT
        if value & self.STRT:
            demand(value & (self.SER | self.MER | self.PG) == self.SER, "FLASH: STRT without one sector to be erased")
            self._erase(value >> 3 & 15, value >> 8 & 3)

    def _erase(self, sector: int, size: int) -> None:
        demand(size == 2, "FLASH: PSIZE is not the 32 bits that 3.3 V can do")
        demand(sector < 12, f"FLASH: there is no sector {sector}")
        demand(sector not in self.in_use, f"FLASH: sector {sector} is erased, which holds the program")
        if sector in self.protected:
            self.values[self.SR] |= self.WRPERR
            return
        start, end = extent(sector)
        if self._power_goes():
            # half erased: neither the old content nor empty
            middle = (start + end) // 2
            self.content[start:middle] = b"\xff" * (middle - start)
            self.content[middle:end] = bytes(byte | 0x55 for byte in self.content[middle:end])
            raise PowerCutError
        self.content[start:end] = b"\xff" * (end - start)
        self.erased.append(sector)
        self._take(self.ERASE_MS)

    def program(self, offset: int, size: int, value: int) -> None:
        """Write into the flash, `offset` bytes from its start."""
        demand(not self._busy, "FLASH: programmed in the middle of an operation")
        control = self.values[self.CR]
        fault = 0
        if self.locked or not control & self.PG:
            fault = self.PGSERR
        elif size != 1 << (control >> 8 & 3):
            fault = self.PGPERR
        elif offset // 16 != (offset + size - 1) // 16:
            fault = self.PGAERR
        elif sector_of(offset) in self.protected:
            fault = self.WRPERR
        names = {self.PGSERR: "PGSERR", self.PGPERR: "PGPERR", self.PGAERR: "PGAERR"}
        demand(
            fault not in names, f"FLASH: {names.get(fault)}: {size} bytes are written at {offset:#x}, CR {control:#x}"
        )
        if fault:
            self.values[self.SR] |= fault
            return
        old = int.from_bytes(self.content[offset : offset + size], "little")
        torn = self._power_goes()
        new = old & (value | 0xFFFF_0000 if torn else value)  # bits go from 1 to 0 and never back
        self.content[offset : offset + size] = new.to_bytes(size, "little")
        if torn:
            raise PowerCutError
        demand(new == value, f"FLASH: {offset:#x} was not erased")
        self._take(self.WORD_MS)

    def _power_goes(self) -> bool:
        self.operations += 1
        return self.cut_at is not None and self.operations > self.cut_at

    def _take(self, milliseconds: float) -> None:
        """Let the operation's time pass: the processor runs from this flash and stands still."""
        self._busy = READY_LOOKS
        self._clocks.now_ms += milliseconds


def extent(sector: int) -> tuple[int, int]:
    """Return where a sector begins and ends, from the start of the flash."""
    start = 0
    for kib, count in SECTORS:
        for _ in range(count):
            if sector == 0:
                return start, start + kib * 1024
            start, sector = start + kib * 1024, sector - 1
    raise ValueError("no such sector")


def sector_of(offset: int) -> int:
    """Return the number of the sector at this place."""
    return next(sector for sector in range(12) if extent(sector)[0] <= offset < extent(sector)[1])
