"""A port's name -> bytes in and out; every failure of a port becomes one of three errors."""

import contextlib
import errno
import os
import select
import termios
from types import TracebackType

import serial

from firmware_bridge.errors import BridgeError
from firmware_bridge.link.errors import PortBusyError, PortLostError, PortMissingError

PORT_ERRORS = (OSError, termios.error, ValueError, TypeError)
"""What pyserial raises when an open port goes away.

Its SerialException is an OSError; a port closed between two calls has no file descriptor any more.
"""

BAUD_RATE = 115_200
"""The rate of every line, in bit/s: to a board, to its boot loader, and to a virtual board, which keeps to it."""
READ_BYTES = 4096
WRITE_TIMEOUT_S = 2.0

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ENXIO, errno.ENODEV, errno.EIO, errno.ENOTTY}


class SerialTransport:
    """An open serial port, pty or `socket://host:port`, held exclusively; POSIX only.

    If the port cannot be opened, the constructor raises PortMissingError, PortBusyError or PortLostError. Once the port
    is open, every failure is a PortLostError.
    """

    def __init__(self, port: str, baud_rate: int) -> None:
        self.port = port
        scheme, parted, _ = port.partition("://")
        if parted and scheme != "socket":
            raise PortMissingError(
                f"{port}: {scheme}:// is not served; name a serial port (`inkgate ports` lists them), a pty, or "
                "socket://HOST:PORT, which ser2net serves of a port elsewhere, in raw mode"
            )
        try:
            self._serial = serial.serial_for_url(
                port, baud_rate, timeout=0, write_timeout=WRITE_TIMEOUT_S, exclusive=True
            )
        except PORT_ERRORS as error:
            raise not_opened(port, error) from error

    def read(self, timeout_s: float) -> bytes:
        """Return what has arrived, at most 4096 bytes; b"" if nothing does within `timeout_s`."""
        try:
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

    def _lost(self, error: Exception) -> PortLostError:
        # pyserial's message for a hang-up is misleading.
        reason = "hung up" if "returned no data" in str(error) or "disconnected" in str(error) else str(error)
        return PortLostError(f"{self.port}: the port is gone: {reason}")


def not_opened(port: str, error: Exception) -> BridgeError:
    """Return the error that says why the port could not be opened, and what helps."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EACCES, errno.EPERM):
        return PortBusyError(f"{port}: permission denied: join the port's group with `sudo usermod -aG dialout $USER`")
    if number in (errno.EBUSY, errno.EAGAIN) or "lock" in str(error):
        return PortBusyError(f"{port}: another program uses it: `fuser {port}` shows which")
    if number is None and port.startswith("socket://"):
        tried = isinstance(error.__context__, OSError)
        reason = f"nobody answers ({_reason(error)})" if tried else "not of the form socket://HOST:PORT"
        return PortMissingError(f"{port}: {reason}: `inkgate ports` lists serial ports")
    if number in _GONE or number is None:
        return PortMissingError(f"{port}: no such port: {_reason(error)}: `inkgate ports` lists the ports")
    return PortLostError(f"{port}: cannot be opened: {_reason(error)}")


def _reason(error: Exception) -> str:
    """Return the system's own message, without the texts that pyserial wraps around it."""
    cause = error.__context__
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    if isinstance(cause, OSError | termios.error) and cause.args and isinstance(cause.args[-1], str):
        return cause.args[-1]
    return str(error)
