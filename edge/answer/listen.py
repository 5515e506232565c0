"""socket://HOST:PORT -> whoever connects there, one after another, as a transport like a serial port's."""

import contextlib
import select
import socket
from collections.abc import Iterator
from types import TracebackType
from urllib.parse import urlsplit

from firmware_bridge.link.errors import PortBusyError, PortLostError, PortMissingError
from firmware_bridge.link.transport import READ_BYTES, WRITE_TIMEOUT_S

SCHEME = "socket"


class Listener:
    """A TCP port that is listened on. A context manager.

    PortMissingError if HOST:PORT is none, or none of this machine's; PortBusyError if it is taken or forbidden.
    """

    def __init__(self, url: str) -> None:
        host, port = _address(url)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._server = socket.create_server((host, port), family=family)
        except OSError as error:
            kind = PortBusyError if isinstance(error, PermissionError) or "in use" in str(error) else PortMissingError
            raise kind(f"{url}: cannot be listened on: {error.strerror}") from error
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        self.url = f"{SCHEME}://{shown}:{self._server.getsockname()[1]}"
        """Where to connect to: with a port's number, if that was left to the system as 0."""

    def connections(self) -> Iterator["SocketTransport"]:
        """Each that comes, closed before the next one; without end."""
        while True:
            connection, (host, port, *_) = self._server.accept()
            with contextlib.closing(SocketTransport(connection, f"{host}:{port}")) as transport:
                yield transport

    def __enter__(self) -> "Listener":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()


class SocketTransport:
    """A connection that was accepted. PortLostError when the other end has gone."""

    def __init__(self, connection: socket.socket, port: str) -> None:
        self.port = port
        self._socket = connection
        self._socket.settimeout(WRITE_TIMEOUT_S)

    def read(self, timeout_s: float) -> bytes:
        """What has arrived, at most 4096 bytes; b"" if nothing does within `timeout_s`."""
        try:
            ready, _, _ = select.select([self._socket], [], [], max(0.0, timeout_s))
            data = self._socket.recv(READ_BYTES) if ready else None
        except OSError as error:
            raise PortLostError(f"{self.port}: {error}") from error
        if data == b"":
            raise PortLostError(f"{self.port}: hung up")
        return data or b""

    def write(self, data: bytes) -> None:
        """Hand all of `data` to the line; PortLostError if it takes nothing for 2 s."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise PortLostError(f"{self.port}: {error}") from error

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None or parts.path or parts.query:
        raise PortMissingError(f"{url}: not of the form socket://HOST:PORT")
    return host, port
