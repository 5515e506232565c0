"""A port's name -> its address, and the line there opened; every failure becomes one of three errors."""

import errno
import math
import os
import termios
from enum import Enum, unique
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import serial

from firmware_bridge.errors import BridgeError
from firmware_bridge.link.errors import PortBusyError, PortLostError, PortMissingError

PORT_ERRORS = (OSError, termios.error, ValueError, TypeError)
"""What pyserial raises when an open port goes away.

Its SerialException is an OSError; a port closed between two calls has no file descriptor any more.
"""

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ENXIO, errno.ENODEV, errno.EIO, errno.ENOTTY}
_RFC2217_OPTIONS = {"ign_set_control", "poll_modem", "timeout"}
"""The options of pyserial's rfc2217:// but for the one that writes its log to the terminal."""


@unique
class Scheme(Enum):
    """What is at the other end of a port's name."""

    SERIAL = ""
    """A serial port or a pty of this machine."""
    SOCKET = "socket"
    """TCP that carries the line's bytes and nothing else."""
    RFC2217 = "rfc2217"
    """TCP with Telnet and the port's settings, of RFC 2217."""


class Address(NamedTuple):
    """A port's name, read. host, number: of TCP; "" and 0 for a serial port."""

    name: str
    scheme: Scheme
    host: str = ""
    number: int = 0


def read_address(port: str) -> Address:
    """Read a port's name.

    PortMissingError if its scheme is not served, or it is not of the scheme's form.
    """
    scheme, parted, _ = port.partition("://")
    if not parted:
        return Address(port, Scheme.SERIAL)
    if scheme not in (Scheme.SOCKET.value, Scheme.RFC2217.value):
        raise PortMissingError(
            f"{port}: {scheme}:// is not served; name a serial port (`inkgate ports` lists them), a pty, "
            "socket://HOST:PORT, which ser2net serves of a port elsewhere in raw mode, or rfc2217://HOST:PORT"
        )
    try:
        parts = urlsplit(port)
        host, number, options = parts.hostname, parts.port, parse_qs(parts.query, keep_blank_values=True)
    except ValueError:
        host, number, options = None, None, {}
    if not host or number is None or parts.path or (options and scheme == Scheme.SOCKET.value):
        raise PortMissingError(f"{port}: not of the form {scheme}://HOST:PORT: `inkgate ports` lists serial ports")
    if options.keys() - _RFC2217_OPTIONS or not all(_is_time(text) for text in options.get("timeout", [])):
        raise PortMissingError(f"{port}: options are {', '.join(sorted(_RFC2217_OPTIONS))}=SECONDS")
    return Address(port, Scheme(scheme), host, number)


def open_line(port: str, baud_rate: int, *, timeout_s: float, write_timeout_s: float) -> serial.Serial:
    """Open the line, exclusively where it is a serial port.

    PortMissingError, PortBusyError or PortLostError if that fails. RFC 2217 knows no time-out of writing.
    """
    limit_s = None if read_address(port).scheme is Scheme.RFC2217 else write_timeout_s
    try:
        return serial.serial_for_url(port, baud_rate, timeout=timeout_s, write_timeout=limit_s, exclusive=True)
    except PORT_ERRORS as error:
        raise not_opened(port, error) from error


def not_opened(port: str, error: Exception) -> BridgeError:
    """Return the error that says why the port could not be opened, and what helps."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.EACCES, errno.EPERM):
        return PortBusyError(f"{port}: permission denied: join the port's group with `sudo usermod -aG dialout $USER`")
    if number in (errno.EBUSY, errno.EAGAIN) or "lock" in str(error):
        return PortBusyError(f"{port}: another program uses it: `fuser {port}` shows which")
    if number is None and "://" in port:
        return PortMissingError(f"{port}: {_not_served(error)}: `inkgate ports` lists serial ports")
    if number in _GONE or number is None:
        return PortMissingError(f"{port}: no such port: {_reason(error)}: `inkgate ports` lists the ports")
    return PortLostError(f"{port}: cannot be opened: {_reason(error)}")


def _not_served(error: Exception) -> str:
    """Say why nothing was opened at an address of TCP."""
    if isinstance(error.__context__, OSError):
        return f"nobody answers ({_reason(error)})"
    if "RFC2217" in str(error):
        return "who answers does not speak RFC 2217; if it serves the bare line, name it socket://"
    return str(error)


def _reason(error: Exception) -> str:
    """Return the system's own message, without the texts that pyserial wraps around it."""
    cause = error.__context__
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    if isinstance(cause, OSError | termios.error) and cause.args and isinstance(cause.args[-1], str):
        return cause.args[-1]
    return str(error)


def _is_time(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False
