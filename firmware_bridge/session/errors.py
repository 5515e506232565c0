"""A conversation that cannot go on, or a board that cannot write -> the exception that names the cause."""

import shlex

from firmware_bridge.errors import BridgeError, ExitCode
from firmware_bridge.session.events import BoardInfo

PORT = "PORT"
"""Stands in a LinkError's commands for the port, which a session does not know, until `at` says which it is."""


class LinkError(BridgeError):
    """A conversation with the board cannot go on."""

    said: BoardInfo | None = None
    """What whoever answered says of itself, which nothing proves; None if that is not known."""

    def at(self, port: str) -> "LinkError":
        """The same, with the port."""
        named = type(self)(f"{port}: {str(self).replace(f'--port {PORT}', f'--port {shlex.quote(port)}')}")
        named.said = self.said
        return named


class NoAnswerError(LinkError):
    """Nothing that answers HELLO is on the line."""


class BoardSilentError(LinkError):
    """The board was connected and has not been heard for the silence limit."""


class BoardRestartedError(LinkError):
    """The board began a new session; what it had not delivered in the old one is gone."""


class ProtocolViolationError(LinkError):
    """The board sent an intact frame that the protocol does not allow there."""


class ProtocolMismatchError(LinkError):
    """Board and host were built from different protocol.toml files."""


class PixelDepthError(LinkError):
    """The board sends another number of bits a pixel than the bundle was trained on."""

    exit_code = ExitCode.USAGE


class AuthenticationError(LinkError):
    """The board's writing could not be trusted. Root of the reasons for which a board is refused."""

    exit_code = ExitCode.REFUSED


class UnprovisionedError(AuthenticationError):
    """The board has no key, and nobody said that it may do without."""


class KeyMissingError(AuthenticationError):
    """The board has a key that this host does not know."""


class DowngradeError(AuthenticationError):
    """This host knows the board's key, and something of that name says that it has none."""


class WrongKeyError(AuthenticationError):
    """Something has the board's name and not its key."""


class CounterError(AuthenticationError):
    """The board counts its starts, and this one is older than one that was seen before."""


class ProvisionedError(AuthenticationError):
    """The board has a key already."""

    exit_code = ExitCode.USAGE


class UnansweredError(LinkError):
    """The board is there and does not answer questions about its network."""


class CannotError(LinkError):
    """The board says that it cannot answer a question about its network."""


class BoardError(BridgeError):
    """Root of what the board's end of the line raises."""


class HostSilentError(BoardError):
    """The host has acknowledged nothing for the silence limit; the words are kept."""


class OutboxFullError(BoardError):
    """The board already keeps as many unacknowledged words as it has room for."""


class WritingError(BoardError):
    """Fragments, starts and ends of words come in an order that is not writing."""

    exit_code = ExitCode.USAGE


class NetworkFailedError(BoardError):
    """The board's network could not be run."""
