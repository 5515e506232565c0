"""Received bytes, questions and the time -> events, answers and frames to send to the board; sans-IO."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from firmware_bridge.session import refusals
from firmware_bridge.session.age import BoardClock
from firmware_bridge.session.errors import (
    AuthenticationError,
    BoardRestartedError,
    BoardSilentError,
    LinkError,
    NoAnswerError,
    PixelDepthError,
    ProtocolMismatchError,
    ProtocolViolationError,
)
from firmware_bridge.session.events import BoardInfo, Connected, Event, WordEnded, WordStarted, info_of
from firmware_bridge.session.exchange import (
    HEARTBEAT_S,
    HELLO_REPEAT_S,
    HELLO_TIMEOUT_S,
    SILENCE_S,
    frame_of,
    split_frame,
)
from firmware_bridge.session.questions import Answer, Asking, Question
from firmware_bridge.session.word_messages import WordReader, WritingMessage, happened_ds
from firmware_bridge.trust.board_keys import BoardKey
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import sealing
from firmware_bridge.wire.altered import Alteration
from firmware_bridge.wire.errors import WireError
from firmware_bridge.wire.framing import FrameCounters, FrameReceiver

Delivered = Mapping[str, tuple[int, int]]
"""By board: its last session, and the last word of that session that was consumed to its end."""


class HostSession:
    """The host's end of one connection: it sends HELLO until INFO comes, then takes words.

    A failed session stays failed; make another. While nobody takes events, the board keeps its words.

    - `nonce` is 16 random bytes that this host never used.
    - A board whose name is in `keys` must prove that it has the key.
    - Another board is refused if it has a key, or if `allow_unauthenticated` is false.
    - `pixel_bits`: a board that sends another depth is refused; None takes any.
    - Words up to `delivered` are taken and acknowledged without events.
    - `counters` go on counting over several sessions.
    - `patient`: a board that is refused, and did not prove who it is, ends the session only if no other is accepted
      in time: whoever is on the line can send such an INFO beside the real board's.
    """

    def __init__(
        self,
        nonce: bytes,
        now_s: float,
        *,
        keys: Mapping[str, BoardKey] | None = None,
        allow_unauthenticated: bool = False,
        pixel_bits: int | None = None,
        delivered: Delivered | None = None,
        counters: FrameCounters | None = None,
        patient: bool = False,
    ) -> None:
        self.failure: LinkError | None = None
        """Why the session ended; None while it goes on."""
        self.info: BoardInfo | None = None
        """The board, once it has been accepted; None before."""
        self.said: BoardInfo | None = None
        """What the last sender of INFO to our HELLO says of itself, unproved; None before."""
        self.head = bytes(wire.HEAD_BYTES)
        """What the board is to remember of the host's journal; zeros: what it has."""
        self.remembered: bytes | None = None
        """What it said last that it remembers; None before."""
        self._hello = wire.Hello(wire.PROTOCOL_HASH, nonce)
        self._number = int.from_bytes(nonce[:4], "little")
        self._token = 0
        self._keys = keys or {}
        self._key: bytes | None = None
        self._session_key: bytes | None = None
        self._allow_unauthenticated = allow_unauthenticated
        self._impostor: AuthenticationError | None = None
        self._patient = patient
        self.refusal: LinkError | None = None
        """Why a patient session refused the last board that it refused; None if it refused none."""
        self._unproved = 0
        self._pixel_bits = pixel_bits
        self._delivered = delivered or {}
        self._receiver = FrameReceiver(counters)
        self._refused_before, self._damaged_before = self._receiver.counters.refused, self._damaged()
        self._began_s = self._heard_s = now_s
        self._due_s = now_s
        self._greet_now = self._acknowledge_now = False
        self._held: dict[int, WritingMessage] = {}
        self._ready: deque[tuple[int | None, Event | None, int]] = deque()
        self._expected = 0
        self._consumed = 0
        self._acknowledgements = self._statistics = 0
        self._lent: int | None = None
        self._words = WordReader(0, 1)
        self._clock = BoardClock()
        self._asking = Asking()

    @property
    def alteration(self) -> Alteration | None:
        """What the line does to frames on the way, None if nothing is known of it."""
        return self._receiver.alteration

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes from the line; never raise on them. If the board breaks the rules, `failure` says so."""
        for content in self._receiver.feed(data):
            if self.failure is not None:
                continue
            try:
                taken = len(content) >= wire.Header.SIZE and self._dispatch(content, now_s)
            except LinkError as error:
                self.failure = error
            except WireError as error:
                self.failure = ProtocolViolationError(str(error))
            else:
                self._receiver.counters.refused += not taken

    def next_event(self, now_s: float) -> Event | None:
        """Return the next event, None if there is none.

        The call says that the event before is taken care of, so that it may be acknowledged. A word waits until the
        board's clock was read in this connection, so its age is known; the first STATISTICS comes before any word.
        """
        self.settle()
        while self._ready:
            sequence, event, happened_ds = self._ready[0]
            if isinstance(event, WordStarted | WordEnded):
                if not self._clock.is_read:
                    return None
                event = replace(event, age_s=self._clock.age_s(happened_ds, now_s))
            self._ready.popleft()
            if event is not None:
                self._lent = sequence
                return event
            if sequence is not None:
                self._consume(sequence)
        return None

    def settle(self) -> None:
        """Allow the acknowledgement of the last event: it is taken care of, though nobody asks for another."""
        if self._lent is not None:
            self._consume(self._lent)
            self._lent = None

    def ask(self, question: Question, now_s: float) -> None:
        """Put the next question to the connected board; `answer` is None until its answer has come."""
        self._asking.ask(question, now_s)

    @property
    def answer(self) -> Answer | None:
        """The answer to the last question, None until it has come."""
        return self._asking.answer

    def next_frame(self, now_s: float) -> bytes:
        """Return the next frame that is due, b"" if none; set `failure` if a time limit has passed."""
        if self.failure is None:
            self.failure = self._silence() if now_s >= self._limit_s() else self._asking.failure(now_s)
        if self.failure is not None:
            return b""
        question = self._asking.next_question(now_s)
        if question is not None:
            return self._frame(*question)
        if self._greet_now:
            self._greet_now = False
            return frame_of(self._hello, self._number)
        if not (self._acknowledge_now or now_s >= self._due_s):
            return b""
        if self.info is None:
            self._due_s = now_s + HELLO_REPEAT_S
            return frame_of(self._hello, self._number)
        self._due_s = now_s + (HEARTBEAT_S if self._clock.is_read else HELLO_REPEAT_S)
        self._acknowledge_now = False
        if self._acknowledgements == _MOST:
            self.failure = LinkError(f"{self.info.board}: the connection's numbers are used up")
            return b""
        received = sum(
            1 << place
            for place in range(wire.WINDOW_FRAMES)
            if self._consumed + place < self._expected or self._consumed + place in self._held
        )
        self._acknowledgements += 1
        self._clock.asked(self._acknowledgements, now_s)
        return self._frame(wire.Acknowledge(self._consumed, received, self.head), self._acknowledgements)

    def wake_s(self) -> float:
        """Return the time at which to call `next_frame` if nothing is received before."""
        if self._greet_now or self._acknowledge_now:
            return 0.0
        return min(self._due_s, self._limit_s(), self._asking.wake_s())

    def _frame(self, message: wire.Message, sequence: int) -> bytes:
        return frame_of(message, self._token, sequence, sender=wire.FROM_HOST, session_key=self._session_key)

    def _dispatch(self, content: bytes, now_s: float) -> bool:
        """Take a frame and return whether it was accepted.

        A frame of another connection is not accepted and is no error of the board.
        """
        header, payload = split_frame(content)
        if header.message == wire.Info.ID:
            return self._answered(header.connection, content, payload, now_s)
        if self.info is None or header.connection != self._token:
            return False
        if self._session_key is not None:
            plain = sealing.opened(self._session_key, wire.FROM_BOARD, content)
            if plain is None:
                return False
            payload = plain[wire.Header.SIZE :]
        taken, fresh = self._take(header, payload, now_s)
        if fresh:
            self._heard_s = now_s
        return taken

    def _answered(self, connection: int, content: bytes, payload: bytes, now_s: float) -> bool:
        """Take an INFO and return whether it was accepted.

        The protocol hash is read first: the place of all else may differ between versions.
        """
        if self.info is not None:
            return self._answered_again(connection, content, payload)
        if connection != self._number:
            return False
        try:
            return self._admit(content, payload, now_s)
        except (ProtocolMismatchError, AuthenticationError, PixelDepthError) as refusal:
            if not self._patient or self._session_key is not None:
                raise
            self.refusal = refusal
            self._unproved += 1
            return True

    def _admit(self, content: bytes, payload: bytes, now_s: float) -> bool:
        """Take the board that says INFO, and return whether it could be read.

        Raises the error that refuses the board.
        """
        self._session_key = None
        info = _info_in(payload)
        self.said = info_of(info, authenticated=False) if info is not None else None
        if payload[:8] != wire.PROTOCOL_HASH:
            raise refusals.mismatch(payload[:8], info)
        if info is None:
            return False
        session_key = self._session_key = self._authenticate(info, content)
        if session_key is None and info.board in self._keys:
            # Not counted as a refused frame yet: if no proved INFO comes, `_impostor` refuses the board itself.
            self._unproved += 1
            return True
        self._receiver.counters.refused += self._unproved
        if self._pixel_bits is not None and self._pixel_bits != info.pixel_bits:
            raise refusals.other_depth(info, self._pixel_bits)
        session, last_word = self._delivered.get(info.board, (0, 0))
        self._token = self._number ^ info.number
        self._words = WordReader(info.session, info.pixel_bits, last_word if session == info.session else 0)
        self.info = info_of(info, authenticated=session_key is not None)
        self._heard_s = now_s
        self._acknowledge_now = True
        self._ready.append((None, Connected(self.info), 0))
        return True

    def _authenticate(self, info: wire.Info, content: bytes) -> bytes | None:
        """Return the session key if the board has proved that it has the key, else None.

        - The key is not known here: KeyMissingError if the board has a key; UnprovisionedError if it has none, unless
          `allow_unauthenticated`.
        - The key is known and not proved: `_impostor` keeps the error, which counts only if no proved INFO comes.
          Somebody else on the line may have answered before the board.
        - The key is proved and the session is lower than one seen before: CounterError.
        """
        known = self._keys.get(info.board)
        if known is None:
            if info.provisioned:
                raise refusals.key_missing(info)
            if not self._allow_unauthenticated:
                raise refusals.unprovisioned(info)
            return None
        self._key = known.key
        session_key = self._proved(info, content)
        if session_key is None:
            self._impostor = refusals.impostor(info)
        elif info.session < known.session:
            raise refusals.turned_back(info, known.session)
        return session_key

    def _proved(self, info: wire.Info, content: bytes) -> bytes | None:
        """Return the session key that belongs to INFO, None if its tag does not prove the board's key."""
        assert self._key is not None
        session_key = sealing.session_key(self._key, self._number, self._hello, replace(info, tag=b""))
        return None if sealing.opened(session_key, wire.FROM_BOARD, content) is None else session_key

    def _answered_again(self, connection: int, content: bytes, payload: bytes) -> bool:
        """Take an INFO in mid-connection and return whether it was accepted.

        - A repetition changes nothing.
        - A new session or another number of the board ends the connection: BoardRestartedError.
        - A hint says that the board does not know this connection any more. It has no tag, so anybody could have sent
          it: the host only sends the same HELLO again, whose answer has a tag.
        """
        assert self.info is not None
        if connection != self._number:
            self._greet_now = self._greet_now or connection == self._token
            return connection == self._token
        info = _info_in(payload)
        if info is None:
            return False
        if self._session_key is not None and self._proved(info, content) is None:
            return False
        known = info.session == self.info.session
        if not known or self._number ^ info.number != self._token:
            raise BoardRestartedError(f"board {info.board} {'dropped the connection' if known else 'was restarted'}")
        return True

    def _take(self, header: wire.Header, payload: bytes, now_s: float) -> tuple[bool, bool]:
        """Take a message; return whether it may come in this place, and whether it is not a repetition."""
        message = wire.decode(header.message, payload)
        if isinstance(message, wire.Statistics):
            fresh = header.sequence > self._statistics
            if fresh:
                self._statistics, self.remembered = header.sequence, message.head
                # The first reading is handed out before the words that waited for it, whatever was lost on the way.
                behind = len(self._ready) if self._clock.is_read else self._first_writing()
                self._ready.insert(behind, (None, message, 0))
                self._clock.read(message.uptime_ds, message.heard, now_s)
            return fresh, fresh
        if isinstance(message, wire.Identity | wire.Logits | wire.Cannot):
            return True, self._asking.take(header.sequence, message)
        if not message.SEQUENCED:
            return False, False
        # Acknowledge repetitions too: a frame comes again if its acknowledgement was lost.
        self._acknowledge_now = True
        if header.sequence >= self._consumed + wire.WINDOW_FRAMES:
            return False, False
        fresh = header.sequence >= self._expected and header.sequence not in self._held
        if fresh:
            self._held[header.sequence] = cast(WritingMessage, message)
        while self._expected in self._held:
            place = self._held.pop(self._expected)
            self._ready.append((self._expected, self._words.read(place), happened_ds(place)))
            self._expected += 1
        return True, fresh

    def _first_writing(self) -> int:
        """Return the place of the first message of the stream among those that are ready."""
        return next((at for at, (sequence, *_) in enumerate(self._ready) if sequence is not None), len(self._ready))

    def _consume(self, sequence: int) -> None:
        self._consumed = sequence + 1
        self._acknowledge_now = True

    def _damaged(self) -> int:
        seen = self._receiver.counters
        return seen.crc_errors + seen.cobs_errors + seen.oversize

    def _limit_s(self) -> float:
        return self._began_s + HELLO_TIMEOUT_S if self.info is None else self._heard_s + SILENCE_S

    def _silence(self) -> LinkError:
        if self.info is not None:
            silent = f"board {self.info.board} has been silent for {SILENCE_S:g} s"
            noise = self._damaged() - self._damaged_before
            return BoardSilentError(f"{silent}: {noise} damaged frames came: {_DAMAGED}" if noise else silent)
        if self.refusal is not None:
            return self.refusal
        if self._impostor is not None:
            return self._impostor
        seen, noise = self._receiver.counters, self._damaged()
        hint = f"{noise} damaged frames came: {_DAMAGED}" if noise else "is it a pen or camera board?"
        if seen.refused > self._refused_before and not noise:
            hint = "only frames of other connections came: does another program talk to the board, or play a recording?"
        return NoAnswerError(
            f"nothing answered HELLO for {HELLO_TIMEOUT_S:g} s: {hint} `inkgate ports` lists the ports"
        )


_MOST = 0xFFFF_FFFF
"""Numbers of one connection: a number is half of a nonce, and none may come twice."""
_DAMAGED = "is the baud rate right, and flow control (XON/XOFF) off, and the line raw?"


def _info_in(payload: bytes) -> wire.Info | None:
    """Decode an INFO. Return None for malformed INFO; stray frames must not end a session."""
    try:
        return wire.Info.decode(payload)
    except WireError:
        return None
