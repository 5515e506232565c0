"""A port's name -> bytes in and out; every failure of a port becomes one of three errors."""

import contextlib
import select
import time
from types import TracebackType

from firmware_bridge.link.address import PORT_ERRORS, Scheme, open_line, read_address
from firmware_bridge.link.errors import PortLostError

BAUD_RATE = 115_200
"""The rate of every line, in bit/s: to a board, to its boot loader, and to a virtual board, which keeps to it."""
READ_BYTES = 4096
WRITE_TIMEOUT_S = 2.0

_TICK_S = 0.02
"""How often a line of RFC 2217, which nothing can be waited for beside others, is looked at."""


class SerialTransport:
    """An open serial port, held exclusively, a pty, `socket://` or `rfc2217://host:port`; POSIX only.

    If the port cannot be opened, the constructor raises PortMissingError, PortBusyError or PortLostError. Once the port
    is open, every failure is a PortLostError.
    """

    def __init__(self, port: str, baud_rate: int) -> None:
        self.port = port
        self._remote = read_address(port).scheme is Scheme.RFC2217
        timeout_s = _TICK_S if self._remote else 0.0
        self._serial = open_line(port, baud_rate, timeout_s=timeout_s, write_timeout_s=WRITE_TIMEOUT_S)

    def read(self, timeout_s: float) -> bytes:
        """Return what has arrived, at most 4096 bytes; b"" if nothing does within `timeout_s`."""
        try:
            if self._remote:
                return self._read_remote(timeout_s)
            # pyserial's socket:// has no byte count and blocks until it has all that is asked: wait first, then read.
            ready, _, _ = select.select([self._serial.fileno()], [], [], max(0.0, timeout_s))
            return bytes(self._serial.read(READ_BYTES)) if ready else b""
        except PORT_ERRORS as error:
            raise self._lost(error) from error

    def write(self, data: bytes) -> None:
        """Write all of `data` to the line. PortLostError if the line takes nothing for 2 s."""
        try:
            self._serial.write(data)
        except PORT_ERRORS as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Close the port; closing twice or after a failure is harmless."""
        # Closing an unplugged port may fail as well, but frees its descriptor all the same.
        with contextlib.suppress(*PORT_ERRORS):
            self._serial.close()

    def __enter__(self) -> "SerialTransport":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read_remote(self, timeout_s: float) -> bytes:
        """Read from pyserial's client of RFC 2217, which has a thread and a queue in place of a descriptor."""
        limit_s = time.monotonic() + timeout_s
        while not (first := bytes(self._serial.read(1))):
            if time.monotonic() >= limit_s:
                return b""
        return first + bytes(self._serial.read(min(self._serial.in_waiting, READ_BYTES - 1)))

    def _lost(self, error: Exception) -> PortLostError:
        # pyserial's message for a hang-up is misleading.
        reason = "hung up" if "returned no data" in str(error) or "disconnected" in str(error) else str(error)
        return PortLostError(f"{self.port}: the port is gone: {reason}")
