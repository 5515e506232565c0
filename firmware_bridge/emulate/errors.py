"""An emulated board that does not run -> the exception that names the cause."""

from firmware_bridge.errors import BridgeError, ExitCode


class EmulatorError(BridgeError):
    """An emulated board does not run."""

    exit_code = ExitCode.DEVICE
