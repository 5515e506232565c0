"""What the gate does -> datagrams that tell systemd so, after sd_notify(3).

The ping of the watchdog comes from no thread or timer: `Service.alive` is called by the loop that reads the line, runs
the networks and decides, between one look at the line and the next. Whatever of these hangs, the pings end.
"""

import os
import socket
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from enum import Enum, unique
from typing import Final

from edge.errors import ServiceError

LONGEST_PAUSE_S: Final = 1.0
"""Between two pings, at most, where the watchdog is patient enough."""
PINGS: Final = 4
"""Pings within the time after which the watchdog gives up."""
_LONGEST_STATUS: Final = 200
_MOST_DIGITS: Final = 20
"""Of a number of 64 bits, which systemd counts microseconds in."""


@unique
class _State(Enum):
    """What was said last."""

    OPENING = "opening"
    READY = "ready"
    RELOADING = "reloading"
    STOPPING = "stopping"


def address(text: str) -> str:
    """Return the address of the socket that $NOTIFY_SOCKET names: a path, or an abstract name after `@`.

    ServiceError if it is neither.
    """
    if text.startswith("/"):
        return text
    if text.startswith("@"):
        return "\0" + text[1:]
    raise ServiceError(f"$NOTIFY_SOCKET: {text!r} is neither a path nor an abstract name after @: leave it to systemd")


def one_line(text: str) -> str:
    """Return the text as the value of one assignment: at most 200 characters, all printable.

    Boards write into it, and a line of its own could say that a gate lives which hangs.
    """
    return "".join(c if c.isprintable() else "?" for c in text)[:_LONGEST_STATUS].encode("utf-8", "replace").decode()


class Service:
    """The gate as systemd sees it. Without $NOTIFY_SOCKET nothing is sent.

    The variables are taken out of `environment`, so that no command of the integrator's speaks for the gate. A datagram
    that cannot be sent is not repeated and stops nothing: a gate that is not heard is restarted.
    """

    def __init__(
        self, environment: MutableMapping[str, str] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read the environment. ServiceError if it names no socket or no time that could be meant."""
        given = os.environ if environment is None else environment
        named, pid, usec = (given.pop(name, "") for name in ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"))
        self._address = address(named) if named else None
        self._pause_s = _pause_s(usec) if usec and pid in ("", str(os.getpid())) else None
        self._clock, self._state, self._pinged_s, self._status = clock, _State.OPENING, float("-inf"), ""

    def opening(self) -> None:
        """Say that all is being opened; `alive` then says when that is done."""
        self._state = _State.OPENING
        self._send("WATCHDOG=1", "STATUS=opening bundle, roster, journal and port")

    def alive(self, listening: bool) -> None:
        """Take the loop's sign of life: ping, and the first time that the port is listened on, say READY.

        Pings are spaced, so it may be called as often as the loop turns.
        """
        if listening and self._state is _State.OPENING:
            self._state = _State.READY
            self._send("READY=1", "STATUS=listening")
        now_s = self._clock()
        if self._pause_s is not None and now_s - self._pinged_s >= self._pause_s:
            self._pinged_s = now_s
            self._send("WATCHDOG=1")

    def tell(self, text: str) -> None:
        """Say in a line what is going on; everybody on the machine may read it."""
        told = one_line(text)
        if told != self._status and self._state is not _State.STOPPING:
            self._status = told
            self._send(f"STATUS={told}")

    def reloading(self) -> None:
        """Say that everything is opened anew."""
        self._state = _State.RELOADING
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """Say, once, that the gate ends."""
        if self._state is not _State.STOPPING:
            self._state = _State.STOPPING
            self._send("STOPPING=1", "STATUS=ending")

    def _send(self, *assignments: str) -> None:
        if self._address is None:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as opened:
            opened.sendto("\n".join(assignments).encode(), socket.MSG_DONTWAIT, self._address)


def _pause_s(usec: str) -> float:
    """Return the pause between two pings. ServiceError if the text is no time."""
    if not (usec.isascii() and usec.isdigit() and len(usec) <= _MOST_DIGITS and int(usec)):
        raise ServiceError(f"$WATCHDOG_USEC: {usec[:_MOST_DIGITS]!r} is no number of microseconds: leave it to systemd")
    return min(int(usec) / 1e6 / PINGS, LONGEST_PAUSE_S)
