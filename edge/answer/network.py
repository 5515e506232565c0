"""A bundle's network -> answers to a host that asks about it over a port, in a board's place."""

import contextlib
import platform
import time
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Protocol

from edge.bundle.engine import Engine
from edge.errors import EngineError
from edge.ink.fragment import Pixels, to_int8
from firmware_bridge.link.errors import PortLostError
from firmware_bridge.session.board import BoardSession
from firmware_bridge.session.errors import NetworkFailedError
from firmware_bridge.session.exchange import SILENCE_S
from firmware_bridge.wire import messages as wire

POLL_S: Final = 0.5
BOARD_NAME: Final = Path("/proc/device-tree/model")
MODEL: Final = "gate"
"""The name of the hardware in INFO; IDENTITY describes it in full."""


class Transport(Protocol):
    """A serial port or a connection; both methods raise PortLostError when it goes away."""

    def read(self, timeout_s: float) -> bytes: ...
    def write(self, data: bytes) -> None: ...


class EngineNetwork:
    """An engine as the Network of firmware_bridge.session.questions, about which a host can ask."""

    def __init__(self, engine: Engine, model_sha256: str) -> None:
        self.identity = wire.Identity(
            bytes.fromhex(model_sha256),
            _fit(engine.kernels, 32),
            _fit(engine.runtime_name, 24),
            _fit(engine.version, 24),
            _fit(describe_machine(), 64),
        )
        self._engine = engine

    def step(self, pixels: Pixels, first: bool) -> bytes:
        """Return the int8 outputs after one fragment uint8 [33, 33]: logits, if any, then features.

        first: the fragment begins a word, so the state is cleared before. NetworkFailedError if the interpreter fails.
        """
        try:
            if first:
                self._engine.reset()
            codes = self._engine.step_int8(to_int8(pixels))
            return codes.logits.tobytes() + codes.features.tobytes()
        except EngineError as error:
            raise NetworkFailedError(str(error)) from error


def describe_gate(pixel_bits: int, session: int) -> wire.Info:
    """Return the INFO of this machine in a board's place; `session` must be new at every start."""
    try:
        firmware = f"inkgate {version('inkgate')}"
    except PackageNotFoundError:
        firmware = "inkgate"
    name = _fit(platform.node() or "gate", 32)
    return wire.Info(
        wire.PROTOCOL_HASH, session, 0, 0, wire.Kind.GATE, pixel_bits, name, MODEL, _fit(firmware, 24), b""
    )


def describe_machine() -> str:
    """Return system, architecture and board, e.g. "Linux aarch64, Raspberry Pi 4 ...".

    Without a device tree that names the board, the board is left out.
    """
    try:
        board = BOARD_NAME.read_text(errors="replace").strip("\0 \n")
    except OSError:
        board = ""
    return ", ".join(filter(None, (f"{platform.system()} {platform.machine()}", board)))


def answer(
    session: BoardSession,
    transport: Transport,
    clock: Callable[[], float] = time.monotonic,
    patience_s: float = float("inf"),
) -> None:
    """Answer a host until interrupted, or until nothing was heard for `patience_s`.

    PortLostError when the line goes away.
    """
    heard_s = clock()
    while clock() - heard_s < patience_s:
        while frame := session.next_frame(clock()):
            transport.write(frame)
        data = transport.read(min(max(0.0, session.wake_s() - clock()), POLL_S))
        session.receive(data, clock())
        heard_s = clock() if data else heard_s


def answer_each(
    session: BoardSession, connections: Iterable[Transport], clock: Callable[[], float] = time.monotonic
) -> None:
    """Answer one host after another.

    A host that has gone, or is silent for longer than any live host is (SILENCE_S), makes way for the next.
    """
    for connection in connections:
        with contextlib.suppress(PortLostError):
            answer(session, connection, clock, patience_s=SILENCE_S)


def _fit(text: str, most: int) -> str:
    """Return the text as the wire takes it: printable ASCII, at most `most` characters.

    Every other character becomes "?".
    """
    return "".join(character if " " <= character <= "~" else "?" for character in text)[:most]
