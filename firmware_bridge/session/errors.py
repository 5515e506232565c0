"""A conversation that cannot go on or a board that cannot write -> the exception that says why."""

import shlex

from firmware_bridge.errors import BridgeError, ExitCode
from firmware_bridge.session.events import BoardInfo

PORT = "PORT"
"""Placeholder of the port in a LinkError's commands: a session does not know its port, `LinkError.at` fills it in."""


class LinkError(BridgeError):
    """A conversation with the board cannot go on."""

    said: BoardInfo | None = None
    """What the sender of INFO says of itself, unproved; None if no INFO came."""

    def at(self, port: str) -> "LinkError":
        """Return this error with the port's name in its text and its commands."""
        named = type(self)(f"{port}: {str(self).replace(f'--port {PORT}', f'--port {shlex.quote(port)}')}")
        named.said = self.said
        return named


class NoAnswerError(LinkError):
    """Nothing on the line answered HELLO."""


class BoardSilentError(LinkError):
    """The connected board has sent nothing valid for the silence limit."""


class BoardRestartedError(LinkError):
    """The board began a new session or connection; what it had not delivered before a restart is lost."""


class ProtocolViolationError(LinkError):
    """The board sent an intact frame that the protocol does not allow in that place."""


class ProtocolMismatchError(LinkError):
    """Board and host were built from different protocol.toml files."""


class PixelDepthError(LinkError):
    """The board sends another number of bits a pixel than the bundle was trained on."""

    exit_code = ExitCode.USAGE


class AuthenticationError(LinkError):
    """The board is refused because its writing could not be trusted; root of the reasons."""

    exit_code = ExitCode.REFUSED


class UnprovisionedError(AuthenticationError):
    """The board has no key, and the caller did not allow unauthenticated boards."""


class KeyMissingError(AuthenticationError):
    """The board has a key that this host does not know."""


class DowngradeError(AuthenticationError):
    """The board says that it has no key, but this host knows the key of a board of that name."""


class WrongKeyError(AuthenticationError):
    """The sender uses the board's name but does not have its key."""


class CounterError(AuthenticationError):
    """The board's session, which counts its starts, is lower than one that was seen before."""


class UnansweredError(LinkError):
    """The connected board does not answer a question."""


class CannotError(LinkError):
    """The board says that it cannot answer a question."""


class BoardError(BridgeError):
    """Root of what the board's end of the line raises on purpose."""


class HostSilentError(BoardError):
    """The host has sent nothing valid for the silence limit; the words are kept."""


class OutboxFullError(BoardError):
    """The board already keeps as many unacknowledged words as it has room for."""


class WritingError(BoardError):
    """Starts, fragments and ends of words were written in an order that the protocol does not allow."""

    exit_code = ExitCode.USAGE


class NetworkFailedError(BoardError):
    """The board's network could not be run."""
