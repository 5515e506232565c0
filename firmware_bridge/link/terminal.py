"""A path -> a pseudo-terminal for a virtual or emulated board, reached through that path."""

import os
import pty
import tty
from pathlib import Path

from firmware_bridge.link.errors import PortBusyError, TerminalMissingError


def open_terminal() -> tuple[int, int]:
    """Open a pseudo-terminal and return its two ends: the board's, the host's.

    The ends are file descriptors; the board's is not blocking. TerminalMissingError if the machine has none left.
    """
    try:
        master, slave = pty.openpty()
    except OSError as error:
        raise TerminalMissingError(
            f"no pseudo-terminal for the board: {error.strerror or error}: end programs that hold some (`ls /dev/pts` "
            "shows how many there are), or where that folder is empty `sudo mount -t devpts devpts /dev/pts`"
        ) from error
    tty.setraw(slave)
    os.set_blocking(master, False)
    return master, slave


def publish(terminal: str, link: Path | None) -> str:
    """Make `link`, if one is given, a symbolic link to the terminal; return the path for the host.

    PortBusyError if `link` is another file or cannot be written.
    """
    if link is None:
        return terminal
    if link.exists() and not link.is_symlink():
        raise PortBusyError(f"{link}: is a file, not a link to a virtual board: choose another path with --link")
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        fresh.symlink_to(terminal)
        fresh.replace(link)
    except OSError as error:
        raise PortBusyError(f"{link}: cannot be made a link to the board: {error.strerror}") from error
    return str(link)
