"""A pseudo-terminal for a board that is not there, and the link that names it."""

import os
import pty
import tty
from pathlib import Path

from firmware_bridge.link.errors import PortBusyError, TerminalMissingError


def open_terminal() -> tuple[int, int]:
    """Both ends of a new pseudo-terminal, the board's and the host's. TerminalMissingError if there is none."""
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
    """Let `link`, if there is one, lead to the terminal; the path to tell a host."""
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
