"""A key or none -> boards and hosts that share it, frames either could send, and fragments."""

from typing import Any

import numpy as np

from firmware_bridge.session.board import BoardSession
from firmware_bridge.session.exchange import frame_of
from firmware_bridge.session.host import HostSession
from firmware_bridge.trust.board_keys import BoardKey
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.pixels import Pixels

BOARD = "desk-1"
KEY: bytes | None = None
"""The key of board BOARD; the fixture `each_key` sets it."""


def new_board(info: wire.Info, now_s: float, **options: Any) -> BoardSession:
    return BoardSession(info, now_s, key=KEY, **options)


def new_host(number: int, now_s: float, **options: Any) -> HostSession:
    """Return a host of that number, which knows KEY if it is set."""
    keys = {} if KEY is None else {BOARD: BoardKey(KEY)}
    return HostSession(number.to_bytes(16, "little"), now_s, keys=keys, allow_unauthenticated=True, **options)


def forge(message: wire.Message, host: HostSession, sequence: int, sender: int = wire.FROM_HOST) -> bytes:
    """Return a frame as either end of the host's connection could have sent it."""
    return frame_of(message, host._token, sequence, sender=sender, session_key=host._session_key)


def pixels(seed: int) -> Pixels:
    return (np.random.default_rng(seed).random((33, 33)) < 0.3).astype(np.uint8) * np.uint8(255)


def greet(host: HostSession, board: BoardSession, now_s: float = 0.0) -> None:
    """Carry HELLO and INFO, then the host's first frame and the first reading of the board's clock."""
    for _ in range(2):
        board.receive(host.next_frame(now_s), now_s)
        host.receive(board.next_frame(now_s), now_s)


def drain(host: HostSession) -> list[object]:
    events: list[object] = []
    while (event := host.next_event(0.0)) is not None:
        events.append(event)
    return events
