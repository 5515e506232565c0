"""Somebody in the middle of a line -> how many of his words a host takes for fresh ones; sans-IO, by a seed.

A try is one word that he brings to the host: recorded in another connection or of another board, spliced of frames of
several words, reflected from the host to itself, altered, or genuine and held up for longer than a word may be old
while the heartbeats pass. Between the tries genuine words show that the line works.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

from tapped import KEY, OTHER_KEY, content_in, new_board, new_host

from edge.gate.freshness import WORD_AGE_S, since, why_not_fresh
from firmware_bridge.session.board import BoardSession
from firmware_bridge.session.events import WordEnded
from firmware_bridge.session.host import HostSession
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.framing import encode_frame

TRIES_A_CONNECTION = 100
BEAT_S = 0.9
HELD_S = (WORD_AGE_S + 0.01, 75.0)
STREAM = (wire.Start.ID, wire.Fragment.ID, wire.End.ID)


class Middle:
    """Somebody between a host and a board that have met; he has tapes of other conversations."""

    def __init__(self, rng: random.Random, connection: int, tapes: list[list[bytes]]) -> None:
        self.rng, self.tapes = rng, tapes
        self.now_s = 1000.0 * connection
        self.host = new_host(nonce=connection + 1, now_s=self.now_s)
        self.board = new_board(words=0, session=connection + 1)
        self.heard: list[bytes] = []
        self.said: list[bytes] = []
        self.fresh = 0
        self.carry()
        self.carry()

    def carry(self, hold: bool = False) -> list[bytes]:
        """Carry what both ends have to say; with `hold` keep the words' frames back and return them."""
        held: list[bytes] = []
        for _ in range(3):
            while frame := self.host.next_frame(self.now_s):
                self.said.append(frame)
                self.board.receive(frame, self.now_s)
            while frame := self.board.next_frame(self.now_s):
                self.heard.append(frame)
                if hold and content_in(frame)[0] in STREAM:
                    held.append(frame)
                else:
                    self.host.receive(frame, self.now_s)
            self.take()
        return held

    def take(self) -> None:
        """Let the gate have what the host hands out, and count what it would decide."""
        while (event := self.host.next_event(self.now_s)) is not None:
            if isinstance(event, WordEnded) and not why_not_fresh(since(event.age_s, self.now_s), self.now_s):
                self.fresh += 1

    def write(self) -> None:
        write(self.board, self.now_s)

    def bring(self, frames: list[bytes]) -> None:
        for frame in frames:
            self.host.receive(frame, self.now_s)
        self.take()

    # What he tries

    def recorded(self) -> None:
        """Play a conversation of before, with its connection as it was or as it must be now."""
        tape = self.rng.choice(self.tapes)
        begin = self.rng.randrange(len(tape))
        frames = tape[begin : begin + 8]
        self.bring(frames if self.rng.random() < 0.5 else [self.fitted(frame) for frame in frames])

    def spliced(self) -> None:
        """Put headers, ciphertexts and tags of several frames together."""
        pool = [*self.heard[-30:], *self.rng.choice(self.tapes)]
        parts = [[content_in(self.rng.choice(pool)) for _ in range(3)] for _ in range(4)]
        self.bring(
            [
                encode_frame((head[:9] + middle[9:-16] + tail[-16:])[: wire.MAX_CONTENT_BYTES])
                for head, middle, tail in parts
            ]
        )

    def reflected(self) -> None:
        """Send the host its own frames, and the board its own, with ids of the other's too."""
        frames = self.rng.sample(self.said, min(6, len(self.said)))
        self.bring([*frames, *(self.fitted(frame, self.rng.choice(STREAM)) for frame in frames)])
        for frame in self.heard[-6:]:
            self.board.receive(frame, self.now_s)
            self.board.receive(self.fitted(frame, wire.Acknowledge.ID), self.now_s)

    def altered(self) -> None:
        """Change one bit, the number or the id of frames that the host has, or will get next."""
        frames = []
        for frame in self.heard[-8:]:
            content = bytearray(content_in(frame))
            content[self.rng.randrange(len(content))] ^= 1 << self.rng.randrange(8)
            frames.append(encode_frame(bytes(content)))
            frames.append(self.fitted(frame, sequence=self.host._expected + self.rng.randrange(3)))
        self.bring(frames)

    def delayed(self) -> None:
        """Hold a genuine word up while the heartbeats pass; then bring it, out of order, with all repetitions."""
        self.write()
        held = self.carry(hold=True)
        until_s = self.now_s + self.rng.uniform(*HELD_S)
        while self.now_s < until_s:
            self.now_s = min(until_s, self.now_s + BEAT_S)
            held += self.carry(hold=True)
        self.rng.shuffle(held)
        self.bring(held)
        self.carry()

    def fitted(self, frame: bytes, message: int | None = None, sequence: int | None = None) -> bytes:
        """Return a frame whose header fits into this connection."""
        content = content_in(frame)
        header = wire.Header.decode(content[:9])
        fit = wire.Header(
            header.message if message is None else message,
            self.host._token,
            header.sequence if sequence is None else sequence,
        )
        return encode_frame(fit.encode() + content[9:])


ATTACKS = (Middle.recorded, Middle.spliced, Middle.reflected, Middle.altered, Middle.delayed)


def write(board: BoardSession, now_s: float) -> None:
    board.start_word(now_s)
    board.end_word(now_s)


def tape(connection: int, key: bytes) -> list[bytes]:
    """Return the frames of a board's conversation with a host of its own."""
    host: HostSession = new_host(nonce=connection, key=key)
    board = new_board(words=3, session=connection, key=key)
    frames: list[bytes] = []
    for _ in range(6):
        while frame := host.next_frame(0.0):
            board.receive(frame, 0.0)
        while frame := board.next_frame(0.0):
            frames.append(frame)
            host.receive(frame, 0.0)
        while host.next_event(0.0) is not None:
            pass
    assert not board.unacknowledged()
    return frames


def tries(count: int, seed: int) -> Iterator[tuple[str, int]]:
    """Yield the name of each try, and how many words were taken for fresh ones in it.

    The name "genuine" is that of a word that nobody touched.
    """
    rng = random.Random(seed)
    tapes = [tape(2**31 + place, KEY if place < 6 else OTHER_KEY) for place in range(9)]
    done = 0
    while done < count:
        middle = Middle(rng, done // TRIES_A_CONNECTION, tapes)
        for _ in range(min(TRIES_A_CONNECTION, count - done)):
            attack = rng.choice(ATTACKS)
            middle.fresh = 0
            attack(middle)
            assert middle.host.failure is None, "a try that ends the connection is none against a live one"
            yield attack.__name__, middle.fresh
            done += 1
        middle.fresh = 0
        middle.now_s += BEAT_S
        middle.write()
        middle.carry()
        yield "genuine", middle.fresh


def counted(count: int, seed: int) -> tuple[Counter[str], Counter[str]]:
    """Return how often each kind was tried, and how many of its words were taken for fresh ones."""
    tried: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for name, fresh in tries(count, seed):
        tried[name] += 1
        taken[name] += fresh
    return tried, taken
