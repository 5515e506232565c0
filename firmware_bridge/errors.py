"""A cause on the wire, the line or the board -> the exception that names it and its exit code."""

from enum import IntEnum, unique


@unique
class ExitCode(IntEnum):
    """How a command of inkgate ends."""

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
    """Root of everything that inkgate raises on purpose; the message says what failed, where, and what to do."""

    exit_code: int = ExitCode.USAGE


class BridgeError(InkgateError):
    """Root of everything that package firmware_bridge raises on purpose."""

    exit_code = ExitCode.DEVICE


class BoardDefinitionError(BridgeError):
    """A board.toml lacks something, has something that no board has, or contradicts itself."""

    exit_code = ExitCode.USAGE


class UnknownBoardError(BridgeError):
    """There is no board of that name, or it has no such app."""

    exit_code = ExitCode.USAGE


class ToolMissingError(BridgeError):
    """A tool that is needed is not installed."""

    exit_code = ExitCode.USAGE
