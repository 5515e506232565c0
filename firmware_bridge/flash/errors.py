"""An image that did not get into a board's flash -> the exception that names the cause."""

from firmware_bridge.errors import BridgeError, ExitCode


class FlashError(BridgeError):
    """The image did not get into the board's flash, or not whole."""

    exit_code = ExitCode.DEVICE


class FlashMethodError(FlashError):
    """The board is not flashed by the method that was named."""

    exit_code = ExitCode.USAGE


class BoardNotFoundError(FlashError):
    """No boot loader, boot drive or debug probe is there, or more than one."""


class ReadBackError(FlashError):
    """What the flash holds, or the board says that it runs, is not what was written."""


class FlashedListError(BridgeError):
    """The list of what was flashed from here cannot be read or written."""

    exit_code = ExitCode.USAGE
