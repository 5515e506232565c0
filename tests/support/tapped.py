"""Boards and hosts that share a key, on a line that records every frame."""

from __future__ import annotations

from dataclasses import replace

from ends import pixels

from firmware_bridge.session.board import BoardSession
from firmware_bridge.session.events import Connected, WordEnded
from firmware_bridge.session.host import HostSession
from firmware_bridge.trust.board_keys import BoardKey
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.framing import FrameCounters, FrameReceiver

BOARD = "pen-1"
INFO = wire.Info(wire.PROTOCOL_HASH, 77, 0, 0, wire.Kind.PEN, 1, BOARD, "rp2040", "1.2.3", b"")
KEY, OTHER_KEY = bytes(range(32)), bytes(32)


def new_host(nonce: int = 1, now_s: float = 0.0, key: bytes | None = KEY, session: int = 0) -> HostSession:
    keys = {} if key is None else {BOARD: BoardKey(key, session)}
    return HostSession(nonce.to_bytes(16, "little"), now_s, keys=keys, counters=FrameCounters())


def new_board(words: int = 1, key: bytes | None = KEY, session: int = 77, first: int = 0) -> BoardSession:
    board = BoardSession(replace(INFO, session=session), 0.0, key=key)
    for word in range(words):
        board.start_word(0.0)
        for index in range(2):
            board.add_fragment(pixels(100 * (first + word) + index))
        board.end_word(0.0)
    return board


class Tap:
    """A line that records all frames, by direction, in order."""

    def __init__(self) -> None:
        self.up: list[bytes] = []
        self.down: list[bytes] = []

    def talk(self, host: HostSession, board: BoardSession, now_s: float = 0.0, rounds: int = 8) -> list[object]:
        """Let both ends send all they have, for some rounds; return the host's events."""
        events: list[object] = []
        for _ in range(rounds):
            while frame := host.next_frame(now_s):
                self.down.append(frame)
                board.receive(frame, now_s)
            while frame := board.next_frame(now_s):
                self.up.append(frame)
                host.receive(frame, now_s)
            while (event := host.next_event(now_s)) is not None:
                events.append(event)
        return events


def content_in(frame: bytes) -> bytes:
    (content,) = FrameReceiver().feed(frame)
    return content


def refused(host: HostSession) -> int:
    return host._receiver.counters.refused


def words_in(events: list[object]) -> int:
    return sum(isinstance(event, WordEnded) for event in events)


def connected(**options: int) -> tuple[HostSession, BoardSession, Tap]:
    """Return both ends after INFO, the host's first frame and the first reading of the board's clock."""
    host, board, tap = new_host(), new_board(**options), Tap()
    tap.down.append(host.next_frame(0.0))
    board.receive(tap.down[0], 0.0)
    tap.up.append(board.next_frame(0.0))
    host.receive(tap.up[0], 0.0)
    tap.down.append(host.next_frame(0.0))
    board.receive(tap.down[1], 0.0)
    tap.up.append(board.next_frame(0.0))
    host.receive(tap.up[1], 0.0)
    assert isinstance(host.next_event(0.0), Connected)
    assert isinstance(host.next_event(0.0), wire.Statistics)
    return host, board, tap


def a_conversation() -> tuple[HostSession, BoardSession, Tap]:
    """Return host, board and tap after a word and a question, all answered and acknowledged."""
    host, board, tap = connected()
    assert words_in(tap.talk(host, board)) == 1
    host.ask(wire.Identify(), 0.0)
    board.receive(host.next_frame(0.0), 0.0)
    tap.up.append(board.next_frame(0.0))
    assert board.unacknowledged() == []
    return host, board, tap


def answer(host: HostSession, board: BoardSession) -> HostSession:
    board.receive(host.next_frame(0.0), 0.0)
    host.receive(board.next_frame(0.0), 0.0)
    return host
