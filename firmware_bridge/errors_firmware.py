"""What is wrong with a firmware image, its signature or the way into a board -> the exception that names it."""

from firmware_bridge.errors import BridgeError, ExitCode


class EmulatorError(BridgeError):
    """An emulated board does not run."""

    exit_code = ExitCode.DEVICE
