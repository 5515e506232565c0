"""Register accesses -> what a peripheral does: base class and errors of the models of peripherals."""

from typing import ClassVar

READY_LOOKS = 3
"""Reads of a status bit until it changes, so that a driver that reads it only once is caught."""


class MisuseError(Exception):
    """The program did what the reference manual forbids."""


class ResetError(Exception):
    """The watchdog has reset the part."""


class RestartError(Exception):
    """The program has restarted the part."""


def demand(condition: bool, complaint: str) -> None:
    """Raise MisuseError unless the condition holds."""
    if not condition:
        raise MisuseError(complaint)


class Registers:
    """A peripheral: 32-bit registers by offset. kept: every register's reset value."""

    kept: ClassVar[dict[int, int]] = {}

    def __init__(self) -> None:
        self.values = dict(self.kept)

    def read(self, offset: int) -> int:
        demand(offset in self.values, f"{type(self).__name__}: {offset:#x} is read, which is no register of it")
        return self.values[offset]

    def write(self, offset: int, value: int) -> None:
        demand(offset in self.values, f"{type(self).__name__}: {offset:#x} is written, which is no register of it")
        self.values[offset] = value
