"""A cause that several rooms share -> the exception that names it, and its exit code."""

from enum import IntEnum, unique


@unique
class ExitCode(IntEnum):
    """The exit code of a command of inkgate."""

    DONE = 0
    NEGATIVE = 1
    """A check came out negative."""
    USAGE = 2
    """Usage or configuration."""
    DEVICE = 3
    """A device, an interpreter or a line failed."""
    REFUSED = 4
    """Refused for security."""


class InkgateError(Exception):
    """Root of everything that inkgate raises on purpose.

    The message says what failed, where, and what to do.
    """

    exit_code: int = ExitCode.USAGE


class BridgeError(InkgateError):
    """Root of everything that package firmware_bridge raises on purpose."""

    exit_code = ExitCode.DEVICE


class UnwritableError(BridgeError):
    """A file or a folder that was to be written cannot be."""


class BoardDefinitionError(BridgeError):
    """A board.toml cannot be read, lacks a key, has an unknown one, or contradicts itself."""

    exit_code = ExitCode.USAGE


class UnknownBoardError(BridgeError):
    """No board has that name, or the board does not have that app."""

    exit_code = ExitCode.USAGE


class ToolMissingError(BridgeError):
    """A tool that is needed is not installed."""

    exit_code = ExitCode.USAGE


def printable(text: str) -> str:
    """Return a text as a terminal may have it: what would move its cursor or change its colours as codes."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)
