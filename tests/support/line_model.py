"""Frames and their fates -> what a consumer reads: the line that state machines of sessions share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from firmware_bridge.session.events import BoardFault, FragmentReceived, WordEnded, WordStarted
from firmware_bridge.session.host import HostSession
from firmware_bridge.wire.pixels import Pixels

BOARD = "pen-1"
FATES = ["arrives"] * 6 + ["lost", "damaged", "late", "twice"]

WordKey = tuple[int, int]
"""Session and word."""


def numbered(number: int) -> Pixels:
    """Return a fragment with its number in its first and last rows.

    At 8 bits a pixel the two travel in different chunks, so mixed fragments show.
    """
    flat = np.zeros(33 * 33, np.uint8)
    flat[:32] = flat[-32:] = np.unpackbits(np.frombuffer(number.to_bytes(4, "big"), np.uint8)) * 255
    return flat.reshape(33, 33)


def number_of(pixels: Pixels) -> int:
    first, last = (np.packbits(part >= 128).tobytes() for part in (pixels.reshape(-1)[:32], pixels.reshape(-1)[-32:]))
    assert first == last, "two fragments were mixed"
    return int.from_bytes(first, "big")


def times_of(number: int) -> tuple[int, int] | tuple[None, None]:
    """Return the times of the fragment with that number: duration and pause in ms; every fifth has none."""
    return (number * 7919 % 65535, number * 37 % 255 * 10) if number % 5 else (None, None)


class LineModel(RuleBasedStateMachine):
    """A line between two ends, which a subclass supplies, as well as what becomes of a whole word."""

    host: HostSession
    reading: list[int] | None

    def start_line(self) -> None:
        """Begin with an empty line; nothing was written, read or journalled."""
        self.sent_to_host: list[bytes] = []
        self.sent_to_board: list[bytes] = []
        self.late_to_host: list[bytes] = []
        self.late_to_board: list[bytes] = []
        self.written: dict[WordKey, list[int]] = {}
        self.aborted: set[WordKey] = set()
        self.journal: dict[WordKey, list[int]] = {}
        self.last: dict[str, WordKey] = {}

    def to_host(self, data: bytes) -> None:
        raise NotImplementedError

    def to_board(self, data: bytes) -> None:
        raise NotImplementedError

    def now_s_of_host(self) -> float:
        raise NotImplementedError

    def journalise(self, event: WordEnded) -> None:
        raise NotImplementedError

    def remember(self, key: WordKey) -> None:
        raise NotImplementedError

    def carry(self, frame: bytes, fate: str, to: Callable[[bytes], None], late: list[bytes]) -> None:
        """Carry a frame to its fate; `late` keeps frames, so that one sent twice may come a third time."""
        if fate in ("arrives", "twice"):
            to(frame)
        if fate == "halves":
            for part in (frame[:5], frame[5:-1], frame[-1:]):
                to(part)
        if fate == "damaged":
            to(frame[:7] + bytes((frame[7] ^ 0x41,)) + frame[8:])
        if fate in ("late", "twice"):
            late.append(frame)

    @rule(up=st.booleans(), place=st.integers(0, 99), again=st.booleans())
    def a_late_frame_comes(self, up: bool, place: int, again: bool) -> None:
        late, to = (self.late_to_host, self.to_host) if up else (self.late_to_board, self.to_board)
        if late:
            to(late[place % len(late)] if again else late.pop(place % len(late)))

    def take(self) -> bool:
        """Let the consumer take an event; return whether there was one."""
        event = self.host.next_event(self.now_s_of_host())
        if isinstance(event, WordStarted):
            assert self.reading is None
            self.reading = []
        elif isinstance(event, FragmentReceived):
            assert self.reading is not None
            assert event.index == len(self.reading)
            self.reading.append(number_of(event.pixels))
            assert (event.duration_ms, event.pause_ms) == times_of(self.reading[-1])
        elif isinstance(event, WordEnded):
            assert self.reading == self.written[event.session, event.word], "the word is not what was written"
            assert (event.session, event.word) not in self.aborted
            self.journalise(event)
            self.reading = None
        elif isinstance(event, BoardFault) and event.word is not None:
            assert (event.session, event.word) in self.aborted
            self.reading = None
            self.remember((event.session, event.word))
        return event is not None

    def nothing_is_lost(self, session: int, kept: list[int]) -> None:
        """Check that each word of this session that the board forgot was journalled or aborted."""
        for key in self.written:
            if key[0] == session and key[1] not in kept:
                assert key in self.journal or key in self.aborted, "a word was lost"
