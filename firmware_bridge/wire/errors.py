"""What is wrong with bytes on the wire, pixels or the definition -> the exception that names it."""

from firmware_bridge.errors import BridgeError, ExitCode


class WireError(BridgeError):
    """A message's bytes, or the values to encode, are outside what protocol.toml allows."""


class ProtocolDefinitionError(BridgeError):
    """protocol.toml cannot be read, is incomplete or contradicts itself."""

    exit_code = ExitCode.USAGE


class PixelsError(BridgeError):
    """An array given as a fragment is not uint8 [33, 33]."""

    exit_code = ExitCode.USAGE
