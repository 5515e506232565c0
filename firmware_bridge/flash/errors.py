"""An image that did not get into a board's flash -> the exception that names the cause."""

from firmware_bridge.errors import BridgeError, ExitCode


class FlashError(BridgeError):
    """Raised when the image did not get into the board's flash, or not whole."""

    exit_code = ExitCode.DEVICE


class FlashMethodError(FlashError):
    """Raised when the board is not flashed by the method that was named."""

    exit_code = ExitCode.USAGE


class BoardNotFoundError(FlashError):
    """Raised when no boot loader, boot drive or debug probe is found, or more than one."""


class ProtectedError(FlashError):
    """Raised when the part is protected against reading or writing."""


class ReadBackError(FlashError):
    """Raised when the flash holds, or the board reports that it runs, something else than was written."""


class ProvisionedError(FlashError):
    """Raised when a board that is to get a key has one already."""

    exit_code = ExitCode.USAGE


class KeyOnLineError(FlashError):
    """Raised when a board is to get its key over the line, where others may listen."""

    exit_code = ExitCode.USAGE


class FlashedListError(BridgeError):
    """Raised when the record of what was flashed from this machine cannot be read or written."""

    exit_code = ExitCode.USAGE
