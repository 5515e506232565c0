"""Register accesses -> what a peripheral does: the ground that the models of peripherals stand on."""

from typing import ClassVar

READY_LOOKS = 3
"""Looks at a status bit until it changes: a driver that looks but once is caught."""


class MisuseError(Exception):
    """What the reference manual forbids."""


class ResetError(Exception):
    """The watchdog has reset the part."""


class RestartError(Exception):
    """The program has restarted the part."""


def demand(condition: bool, complaint: str) -> None:
    """MisuseError unless it is so."""
    if not condition:
        raise MisuseError(complaint)


class Registers:
    """A peripheral: 32-bit registers by offset. `kept`: all of them, with their reset values."""

    kept: ClassVar[dict[int, int]] = {}

    def __init__(self) -> None:
        self.values = dict(self.kept)

    def read(self, offset: int) -> int:
        demand(offset in self.values, f"{type(self).__name__}: {offset:#x} is read, which is no register of it")
        return self.values[offset]

    def write(self, offset: int, value: int) -> None:
        demand(offset in self.values, f"{type(self).__name__}: {offset:#x} is written, which is no register of it")
        self.values[offset] = value
