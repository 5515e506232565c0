"""socket://HOST:PORT -> a transport, like a serial port's, for each host that connects, in turn."""

import contextlib
import select
import socket
from collections.abc import Iterator
from types import TracebackType

from firmware_bridge.link.address import Scheme, read_address
from firmware_bridge.link.errors import PortBusyError, PortLostError, PortMissingError
from firmware_bridge.link.transport import READ_BYTES, WRITE_TIMEOUT_S

SCHEME = Scheme.SOCKET.value


class Listener:
    """A TCP port that listens; a context manager that closes it.

    PortMissingError if the URL is not of the form socket://HOST:PORT or HOST is not this machine's; PortBusyError if
    the port is taken or forbidden.
    """

    def __init__(self, url: str) -> None:
        _, scheme, host, port = read_address(url)
        if scheme is not Scheme.SOCKET:
            raise PortMissingError(f"{url}: not of the form socket://HOST:PORT, the one that can be listened on")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._server = socket.create_server((host, port), family=family)
        except OSError as error:
            kind = PortBusyError if isinstance(error, PermissionError) or "in use" in str(error) else PortMissingError
            raise kind(f"{url}: cannot be listened on: {error.strerror}") from error
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        self.url = f"{SCHEME}://{shown}:{self._server.getsockname()[1]}"
        """The address to connect to; if the port was given as 0, with the number that the system chose."""

    def connections(self) -> Iterator["SocketTransport"]:
        """Yield a transport for each connection, without end; each is closed before the next one."""
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
    """An accepted connection; `read` and `write` raise PortLostError when the other end has gone."""

    def __init__(self, connection: socket.socket, port: str) -> None:
        self.port = port
        self._socket = connection
        self._socket.settimeout(WRITE_TIMEOUT_S)

    def read(self, timeout_s: float) -> bytes:
        """Return what has arrived, at most 4096 bytes; b"" if nothing arrives within `timeout_s`."""
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
        """Close the connection."""
        self._socket.close()
