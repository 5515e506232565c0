"""An emulated board that does not run -> the exception that names the cause."""

from firmware_bridge.errors import BridgeError, ExitCode


class EmulatorError(BridgeError):
    """Raised when an emulated board does not run, or does not answer."""

    exit_code = ExitCode.DEVICE
