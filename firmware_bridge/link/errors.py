"""A port that is missing, busy or lost -> the exception that names it."""

from firmware_bridge.errors import BridgeError


class PortMissingError(BridgeError):
    """No port has that name, or `auto` found no board or more than one."""


class PortBusyError(BridgeError):
    """Another process holds the port, or this user may not open it."""


class PortLostError(BridgeError):
    """The port failed while it was open: unplugged, closed by the other end, or blocked."""


class TerminalMissingError(BridgeError):
    """The machine has no free pseudo-terminal for a virtual or an emulated board."""


class BoardForgetsError(BridgeError):
    """A board that does not remember what it was told."""
