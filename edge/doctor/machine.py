"""The machine that a gate runs on -> whether its system, clock, disk and power are fit for it."""

import ctypes
import platform
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.doctor.finding import Finding, broken, doubtful, skipped, sound
from firmware_bridge.errors import ExitCode

LEAST_PYTHON: Final = (3, 10)
BUILT_S: Final = 1_767_225_600
"""2026-01-01 in UTC, before which no inkgate was: an earlier clock was never set."""
ENOUGH_BYTES, LEAST_BYTES = 200_000_000, 10_000_000
"""Free space that lasts for a journal of months, and below which nothing can be promised."""

_THROTTLED: Final = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
_UNSYNCHRONISED: Final = 0x40
_POWER: Final = {
    0: "the supply's voltage is too low now",
    1: "the processor is slowed down now",
    2: "the processor is throttled now",
    3: "it is too hot now",
}
"""Bits of get_throttled, as Raspberry Pi documents them; 16 higher, the same was so since the machine booted."""


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), as far as `status`; the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def clock_synchronised() -> bool | None:
    """Return whether the kernel says that the clock follows another one; None if it cannot be asked."""
    try:
        asked = _Timex()
        return ctypes.CDLL(None).adjtimex(ctypes.byref(asked)) >= 0 and not asked.status & _UNSYNCHRONISED
    except (OSError, AttributeError):
        return None


@dataclass(frozen=True)
class Machine:
    """Where the facts of the machine are read.

    bits: of a pointer. synchronised: whether the clock follows another one, None if nothing tells.
    """

    bits: int = 64 if sys.maxsize > 2**32 else 32
    python: tuple[int, int] = sys.version_info[:2]
    now_s: Callable[[], float] = time.time
    synchronised: Callable[[], bool | None] = clock_synchronised
    throttled: Path = _THROTTLED

    def findings(self, folders: list[Path]) -> list[Finding]:
        """Return what there is to say of system, clock, power, and the disks of the folders."""
        return [self.system(), self.clock(), self.power(), *(self.disk(folder) for folder in folders)]

    def system(self) -> Finding:
        """Say whether the interpreters of TFLite run here at all."""
        told = f"{platform.machine()}, {self.bits} bit, Python {self.python[0]}.{self.python[1]}"
        if self.bits < 64:
            return broken("system", told, "install the 64-bit system: no interpreter of TFLite is made for 32 bit")
        if self.python < LEAST_PYTHON:
            return broken("system", told, f"install Python {LEAST_PYTHON[0]}.{LEAST_PYTHON[1]} or newer")
        return sound("system", told)

    def clock(self) -> Finding:
        """Say whether the time in the journal can be right."""
        now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.now_s()))
        if self.now_s() < BUILT_S:
            return broken("clock", f"it is {now} here, which cannot be", "timedatectl set-ntp true", ExitCode.DEVICE)
        if self.synchronised() is False:
            return doubtful("clock", f"{now}, which follows no other clock", "timedatectl set-ntp true")
        return sound("clock", now)

    def power(self) -> Finding:
        """Say whether a Raspberry Pi has had power enough since it booted, and is not too hot."""
        try:
            flags = int(self.throttled.read_text(), 16)
        except (OSError, ValueError):
            return skipped("power", "nothing here tells of it: it is no Raspberry Pi")
        now = [text for bit, text in _POWER.items() if flags >> bit & 1]
        before = [text.replace(" now", " before") for bit, text in _POWER.items() if flags >> (bit + 16) & 1]
        mend = "use the supply that was made for this model, with its own cable, and see that air reaches the board"
        if now:
            return broken("power", "; ".join(now), mend, ExitCode.DEVICE)
        return doubtful("power", "; ".join(before), mend) if before else sound("power", "enough since it booted")

    def disk(self, folder: Path) -> Finding:
        """Say whether there is room for records in a folder, or in the nearest one above it that exists."""
        nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        free = shutil.disk_usage(nearest).free
        told, mend = f"{free / 1e6:,.0f} MB free for {folder}", f"make room: `du -xh {nearest} | sort -h | tail`"
        if free < LEAST_BYTES:
            return broken("disk", told, mend, ExitCode.DEVICE)
        return sound("disk", told) if free >= ENOUGH_BYTES else doubtful("disk", told, mend)
