"""The host's end of one connection: received bytes, questions and the time -> events, answers, and frames to send."""

from collections import deque
from collections.abc import Mapping
from typing import cast

from firmware_bridge import wire
from firmware_bridge.errors import (
    BoardRestartedError,
    BoardSilentError,
    LinkError,
    NoAnswerError,
    PixelDepthError,
    ProtocolMismatchError,
    ProtocolViolationError,
    WireError,
)
from firmware_bridge.events import BoardInfo, Connected, Event
from firmware_bridge.framing import FrameCounters, FrameReceiver
from firmware_bridge.questions import Answer, Asking, Question
from firmware_bridge.session import HEARTBEAT_S, HELLO_REPEAT_S, HELLO_TIMEOUT_S, SILENCE_S, frame_of, split_frame
from firmware_bridge.words import WordReader, WritingMessage

Delivered = Mapping[str, tuple[int, int]]
"""By board: its last session, and the last word of it that was consumed to its end."""


class HostSession:
    """The host's end of one connection: HELLO until INFO, then words. A failed session stays failed; make another.

    `connection` must be a number that this host never used, at random from 32 bits. Words up to `delivered` are taken
    and acknowledged without events. With `pixel_bits` a board that sends another depth is refused. While nobody takes
    events, the board keeps its words.
    """

    def __init__(
        self,
        connection: int,
        now_s: float,
        *,
        pixel_bits: int | None = None,
        delivered: Delivered | None = None,
        counters: FrameCounters | None = None,
    ) -> None:
        self.failure: LinkError | None = None
        """Why the session ended; None while it goes on."""
        self.info: BoardInfo | None = None
        """The board, once it has answered."""
        self._number = connection
        self._token = 0
        self._pixel_bits = pixel_bits
        self._delivered = delivered or {}
        self._receiver = FrameReceiver(counters)
        self._began_s = self._heard_s = now_s
        self._due_s = now_s
        self._acknowledge_now = False
        self._held: dict[int, WritingMessage] = {}
        self._ready: deque[tuple[int | None, Event | None]] = deque()
        self._expected = 0
        self._consumed = 0
        self._lent: int | None = None
        self._words = WordReader(0, 1)
        self._asking = Asking()

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes from the line. Never raises on bytes; a board that breaks the rules ends in `failure`."""
        for content in self._receiver.feed(data):
            if self.failure is None and len(content) >= wire.Header.SIZE:
                try:
                    self._dispatch(*split_frame(content), now_s)
                except LinkError as error:
                    self.failure = error
                except WireError as error:
                    self.failure = ProtocolViolationError(str(error))

    def next_event(self) -> Event | None:
        """The next event, if any. Asking says that the event before is taken care of: now it may be acknowledged."""
        self.settle()
        while self._ready:
            sequence, event = self._ready.popleft()
            if event is not None:
                self._lent = sequence
                return event
            if sequence is not None:
                self._consume(sequence)
        return None

    def settle(self) -> None:
        """The event given last is taken care of: it may be acknowledged, though nobody asks for another."""
        if self._lent is not None:
            self._consume(self._lent)
            self._lent = None

    def ask(self, question: Question, now_s: float) -> None:
        """Put the next question to the connected board; `answer` is None until it has come."""
        self._asking.ask(question, now_s)

    @property
    def answer(self) -> Answer | None:
        """The answer to the question asked last, once it is there."""
        return self._asking.answer

    def next_frame(self, now_s: float) -> bytes:
        """The next frame that is due on the line, b"" if none; finds out that time has run out."""
        if self.failure is None:
            self.failure = self._silence() if now_s >= self._limit_s() else self._asking.failure(now_s)
        if self.failure is not None:
            return b""
        question = self._asking.next_question(now_s)
        if question is not None:
            return frame_of(question[0], self._token, question[1])
        if not (self._acknowledge_now or now_s >= self._due_s):
            return b""
        if self.info is None:
            self._due_s = now_s + HELLO_REPEAT_S
            return frame_of(wire.Hello(wire.PROTOCOL_HASH), self._number)
        self._due_s = now_s + HEARTBEAT_S
        self._acknowledge_now = False
        received = sum(
            1 << place
            for place in range(wire.WINDOW_FRAMES)
            if self._consumed + place < self._expected or self._consumed + place in self._held
        )
        return frame_of(wire.Acknowledge(self._consumed, received), self._token)

    def wake_s(self) -> float:
        """When to call `next_frame` if nothing is received before."""
        return 0.0 if self._acknowledge_now else min(self._due_s, self._limit_s(), self._asking.wake_s())

    def _dispatch(self, header: wire.Header, payload: bytes, now_s: float) -> None:
        """Only frames of this connection count; what another one left on the line is nobody's fault."""
        if header.message == wire.Info.ID:
            self._answered(header.connection, payload, now_s)
        elif self.info is not None and header.connection == self._token:
            self._heard_s = now_s
            self._take(header, payload)

    def _answered(self, connection: int, payload: bytes, now_s: float) -> None:
        """INFO. The protocol hash is read before anything whose place may differ between versions."""
        if self.info is not None:
            if connection in (self._number, self._token):
                self._answered_again(connection, wire.Info.decode(payload))
            return
        if connection != self._number:
            return
        if payload[:8] != wire.PROTOCOL_HASH:
            raise ProtocolMismatchError(_mismatch(payload))
        info = wire.Info.decode(payload)
        if self._pixel_bits not in (None, info.pixel_bits):
            raise PixelDepthError(
                f"board {info.board} sends {info.pixel_bits} bits a pixel and {self._pixel_bits} are needed: "
                f"use a bundle trained with {info.pixel_bits} bits, or configure the board"
            )
        session, last_word = self._delivered.get(info.board, (0, 0))
        self._token = self._number ^ info.number
        self._words = WordReader(info.session, info.pixel_bits, last_word if session == info.session else 0)
        self.info = BoardInfo(
            info.board, info.model, info.kind, info.firmware, info.protocol_hash, info.pixel_bits, info.session
        )
        self._heard_s = now_s
        self._acknowledge_now = True
        self._ready.append((None, Connected(self.info)))

    def _answered_again(self, connection: int, info: wire.Info) -> None:
        """INFO in the middle: a repetition, unless it shows that the board does not know this connection any more."""
        assert self.info is not None
        known = info.session == self.info.session
        if connection == self._token or not known or self._number ^ info.number != self._token:
            raise BoardRestartedError(f"board {info.board} {'dropped the connection' if known else 'was restarted'}")

    def _take(self, header: wire.Header, payload: bytes) -> None:
        message = wire.decode(header.message, payload)
        if isinstance(message, wire.Statistics):
            self._ready.append((None, message))
        elif isinstance(message, wire.Identity | wire.Logits | wire.Cannot):
            self._asking.take(header.sequence, message)
        elif message.SEQUENCED:
            self._acknowledge_now = True
            if self._expected <= header.sequence < self._consumed + wire.WINDOW_FRAMES:
                self._held.setdefault(header.sequence, cast(WritingMessage, message))
            while self._expected in self._held:
                event = self._words.read(self._held.pop(self._expected))
                self._ready.append((self._expected, event))
                self._expected += 1

    def _consume(self, sequence: int) -> None:
        self._consumed = sequence + 1
        self._acknowledge_now = True

    def _limit_s(self) -> float:
        return self._began_s + HELLO_TIMEOUT_S if self.info is None else self._heard_s + SILENCE_S

    def _silence(self) -> LinkError:
        if self.info is not None:
            return BoardSilentError(f"board {self.info.board} has been silent for {SILENCE_S:g} s")
        seen = self._receiver.counters
        noise = seen.crc_errors + seen.cobs_errors + seen.oversize
        hint = f"{noise} damaged frames came: is the baud rate right?" if noise else "is it a pen or camera board?"
        return NoAnswerError(
            f"nothing answered HELLO for {HELLO_TIMEOUT_S:g} s: {hint} `inkgate ports` lists the ports"
        )


def _mismatch(payload: bytes) -> str:
    return (
        f"board and host do not speak one protocol: the board's is {payload[:8].hex()}, the host's "
        f"{wire.PROTOCOL_HASH.hex()}: give both the same version of inkgate (`inkgate --version` shows the host's, "
        "`inkgate firmware flash` renews the board)"
    )
