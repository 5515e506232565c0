"""A board's words, received bytes and the time -> frames to send to the host; sans-IO."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from firmware_bridge.session.errors import HostSilentError, OutboxFullError, WritingError
from firmware_bridge.session.exchange import frame_of, repeat_pause_ms, split_frame
from firmware_bridge.session.questions import QUESTIONS, Answering, Network
from firmware_bridge.session.word_messages import WritingMessage, fragment_messages
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import sealing
from firmware_bridge.wire.errors import WireError
from firmware_bridge.wire.framing import FrameReceiver
from firmware_bridge.wire.pixels import Pixels

NOTHING = bytes(wire.HEAD_BYTES)
"""No head: none was told."""


class BoardState(Enum):
    """The state of a board's connection to its host."""

    WAITING = "waiting for HELLO"
    GREETED = "waiting for proof that the host is there"
    CONNECTED = "connected"
    SILENT = "host gone"


@dataclass
class _Flight:
    """A sequenced frame that was sent and is not acknowledged as consumed."""

    stamp: int
    due_ms: int
    repeats: int = 0
    received: bool = False


class BoardSession:
    """The board's end of the line, from the board's start on: words in, frames out.

    It keeps each word until END is acknowledged. It sends nothing before HELLO, and nothing but INFO before it has
    taken a frame of the host: whoever only says HELLO, and has no key, gets no writing.

    - `info.session` must never have been used by this board; `info.number`, `.provisioned` and `.tag` are ignored.
    - `key` is shared with the host. Without a key nothing is authenticated.
    - `network` is run when a host asks.
    - `head` is what the board remembers of its host's journal. `keep_head` stores another; it returns whether it could.

    Times are in seconds; they are counted in whole milliseconds, as in C. Memory is bounded by the capacities, one
    window, one answer and one frame.
    """

    def __init__(
        self,
        info: wire.Info,
        now_s: float,
        *,
        key: bytes | None = None,
        capacity_words: int = wire.OUTBOX_WORDS,
        capacity_fragments: int = wire.MAX_WORD_FRAGMENTS,
        network: Network | None = None,
        head: bytes = NOTHING,
        keep_head: Callable[[bytes], bool] | None = None,
    ) -> None:
        self.state = BoardState.WAITING
        self.words_acknowledged = 0
        self._info = info
        self._key = key
        self._head, self._keep_head = head, keep_head
        self._began_ms = self._heard_ms = self._statistics_due_ms = _ms(now_s)
        self._capacity_words = capacity_words
        self._capacity_fragments = capacity_fragments
        self._network = network
        self._receiver = FrameReceiver()
        self._messages: list[WritingMessage] = []
        self._fragments = 0
        self._open: int | None = None
        self._count = 0
        self._word = 0
        self._host: tuple[int, bytes] | None = None
        self._connections = 0
        self._token = 0
        self._session_key: bytes | None = None
        self._info_due: tuple[int, bool] | None = None
        self._begin_again()
        self._sent = self._repeated = self._refused = 0

    # Writing

    def start_word(self, now_s: float) -> int:
        """Begin a word and return its id.

        OutboxFullError while the board keeps as many words as it can, WritingError if a word is open.
        """
        if self._open is not None:
            raise WritingError(f"word {self._open} is still open")
        self._require_room()
        self._word += 1
        self._open, self._count = self._word, 0
        self._messages.append(wire.Start(self._word, self._clock_ds(now_s)))
        return self._word

    def add_fragment(self, pixels: Pixels, duration_ms: int | None = None, pause_ms: int | None = None) -> None:
        """Add one symbol, uint8 [33, 33], to the open word; its times as FragmentReceived has them.

        OutboxFullError if there is no room for it, WritingError if no word is open or the word is full.
        """
        if self._open is None or self._count >= wire.MAX_WORD_FRAGMENTS:
            raise WritingError("no word is open" if self._open is None else f"word {self._open} is full")
        if self._fragments >= self._capacity_fragments:
            raise OutboxFullError(f"{self._capacity_fragments} fragments are waiting to be acknowledged")
        self._messages.extend(fragment_messages(self._count, pixels, self._info.pixel_bits, duration_ms, pause_ms))
        self._count += 1
        self._fragments += 1

    def end_word(self, now_s: float) -> None:
        """Complete the open word. WritingError if no word is open."""
        if self._open is None:
            raise WritingError("no word is open")
        self._messages.append(wire.End(self._open, self._count, self._clock_ds(now_s)))
        self._open = None

    def fail(self, fault: wire.Fault, text: str) -> None:
        """Report what went wrong; an open word ends here without a decision.

        OutboxFullError if no word is open and the board keeps as many words and faults as it can.
        """
        if self._open is None:
            self._require_room()
        self._messages.append(wire.Error(fault, text))
        self._open = None

    def unacknowledged(self) -> list[int]:
        """Return the ids of the words kept, in order."""
        return [message.word for message in self._messages if isinstance(message, wire.Start)]

    @property
    def under_way(self) -> int | None:
        """The first unacknowledged word, None if no frame of it was sent in this connection."""
        return next(iter(self.unacknowledged()), None) if self._next > self._origin else None

    # The line

    @property
    def failure(self) -> HostSilentError | None:
        """The error to report while the host is silent, else None."""
        silent = self.state is BoardState.SILENT
        return HostSilentError(f"the host has been silent for {wire.SILENCE_MS / 1000:g} s") if silent else None

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes from the line.

        Whatever is not a valid message of this connection changes nothing but a counter.
        """
        for content in self._receiver.feed(data):
            try:
                taken = self._take(content, _ms(now_s))
            except WireError:
                taken = False
            self._refused += not taken

    def next_frame(self, now_s: float) -> bytes:
        """Return the next frame that is due, b"" if none. Call when the line is free, until it gives b""."""
        now_ms = _ms(now_s)
        if self._info_due is not None:
            (connection, greeted), self._info_due = self._info_due, None
            return self._info_frame(connection, self._session_key if greeted else None)
        answer = self._answering.next_answer()
        if answer is not None:
            return self._frame(*answer)
        # A place in the stream is half of a nonce: the connection ends before places are used up.
        if self.state is BoardState.CONNECTED and (now_ms - self._heard_ms >= wire.SILENCE_MS or self._next == _PLACES):
            self.state = BoardState.SILENT
        if self.state is not BoardState.CONNECTED:
            return b""
        sequence = self._lost(now_ms)
        if sequence is not None:
            return self._send(sequence, now_ms)
        if now_ms >= self._statistics_due_ms:
            self._statistics_due_ms = now_ms + wire.HEARTBEAT_MS
            self._statistics_sent += 1
            return self._frame(self.statistics(now_s), self._statistics_sent)
        if self._next < self._base + wire.WINDOW_FRAMES and self._next - self._origin < len(self._messages):
            self._next += 1
            return self._send(self._next - 1, now_ms)
        return b""

    def wake_s(self) -> float:
        """Return the time at which to call `next_frame` if nothing is received or written before."""
        if self.state is not BoardState.CONNECTED:
            return float("inf")
        silent_ms = self._heard_ms + wire.SILENCE_MS
        repeats = [
            flight.due_ms for place, flight in self._flights.items() if not flight.received or place == self._base
        ]
        return min(*repeats, self._statistics_due_ms, silent_ms) / 1000

    def statistics(self, now_s: float) -> wire.Statistics:
        """Return the counters since the session began."""
        seen = self._receiver.counters
        counted = (seen.frames, seen.crc_errors, seen.cobs_errors, seen.oversize, self._refused)
        clock = self._clock_ds(now_s), self._acknowledgements
        return wire.Statistics(*clock, self.words_acknowledged, self._sent, self._repeated, *counted, self._head)

    def _clock_ds(self, now_s: float) -> int:
        """Return the board's clock: tenths of a second since its start, rounded down."""
        return (_ms(now_s) - self._began_ms) // 100 & 0xFFFF_FFFF

    def _take(self, content: bytes, now_ms: int) -> bool:
        """Take a frame and return whether it was accepted. WireError if it is no valid message."""
        header, payload = split_frame(content)
        if header.message == wire.Hello.ID:
            return self._hello(header.connection, payload)
        if header.message not in (wire.Acknowledge.ID, *QUESTIONS):
            return False
        if self._host is None or header.connection != self._token:
            # Never replace a pending answer to HELLO by a hint: the host can provoke a hint again.
            if self._info_due is None or not self._info_due[1]:
                self._info_due = (header.connection, False)
            return False
        if self._session_key is not None:
            plain = sealing.opened(self._session_key, wire.FROM_HOST, content)
            if plain is None:
                return False
            payload = plain[wire.Header.SIZE :]
        if header.message != wire.Acknowledge.ID:
            taken, fresh = self._answering.take(header.sequence, header.message, payload)
        else:
            taken = fresh = self._acknowledged(header.sequence, wire.Acknowledge.decode(payload))
        if fresh:
            self._hear(now_ms)
        return taken

    def _hello(self, connection: int, payload: bytes) -> bool:
        """Answer every HELLO and return whether its protocol is this one.

        The connection begins again only if the host's number or nonce is new.
        """
        if payload[:8] != wire.PROTOCOL_HASH:
            self._info_due = (connection, False)
            return False
        hello = wire.Hello.decode(payload)
        if (connection, hello.nonce) != self._host:
            self._host = (connection, hello.nonce)
            self._connections += 1
            self._token = connection ^ self._board_number()
            self._session_key = None
            if self._key is not None:
                self._session_key = sealing.session_key(self._key, connection, hello, self._description())
            self._begin_again()
            self.state = BoardState.GREETED
        self._info_due = (connection, True)
        return True

    def _hear(self, now_ms: int) -> None:
        """Note that the host is there. If it was not, it needs a reading of the clock before any word."""
        if self.state is not BoardState.CONNECTED:
            self._statistics_due_ms = now_ms
        self._heard_ms = now_ms
        self.state = BoardState.CONNECTED

    def _board_number(self) -> int:
        """Return this board's number for the connection, which no earlier connection had.

        If a number came again,
        - a replayed HELLO would revive a connection whose acknowledgements can be replayed too
        - after a reset, a host that repeats its HELLO because the answer was lost would revive its old connection.
        """
        return ((self._info.session << 16) + self._connections) & 0xFFFF_FFFF

    def _description(self) -> wire.Info:
        provisioned = int(self._key is not None)
        return replace(self._info, number=self._board_number(), provisioned=provisioned, tag=b"")

    def _info_frame(self, connection: int, session_key: bytes | None) -> bytes:
        return frame_of(self._description(), connection, sender=wire.FROM_BOARD, session_key=session_key)

    def _frame(self, message: wire.Message, sequence: int) -> bytes:
        return frame_of(message, self._token, sequence, sender=wire.FROM_BOARD, session_key=self._session_key)

    def _begin_again(self) -> None:
        """Reset the connection's state: sequence 0 is START of the first unacknowledged word."""
        self._origin = self._base = self._next = 0
        self._answering = Answering(self._network, self._info.pixel_bits)
        self._flights: dict[int, _Flight] = {}
        self._stamp = self._delivered_stamp = 0
        self._statistics_sent = self._acknowledgements = 0

    def _acknowledged(self, number: int, message: wire.Acknowledge) -> bool:
        """Apply an acknowledgement; return False for an outdated or impossible one, which changes nothing."""
        if number <= self._acknowledgements or not self._base <= message.consumed <= self._next:
            return False
        self._acknowledgements = number
        for sequence, flight in self._flights.items():
            place = sequence - message.consumed
            if not flight.received and (place < 0 or message.received >> place & 1):
                flight.received = True
                self._delivered_stamp = max(self._delivered_stamp, flight.stamp)
        if self._session_key is not None:
            self._remember(message.head)
        self._base = message.consumed
        for sequence in [known for known in self._flights if known < self._base]:
            del self._flights[sequence]
        self._forget(self._base - self._origin)
        return True

    def _remember(self, head: bytes) -> None:
        """Remember the head, unless it is none, the one that is remembered, or cannot be stored."""
        if head not in (NOTHING, self._head) and self._keep_head is not None and self._keep_head(head):
            self._head = head

    def _require_room(self) -> None:
        """Raise OutboxFullError unless there is room for one more word or fault between words."""
        if sum(map(_ends_word, self._messages)) >= self._capacity_words:
            raise OutboxFullError(f"{self._capacity_words} words and faults are waiting to be acknowledged")

    def _forget(self, consumed: int) -> None:
        """Drop the words and faults whose last message is among the first `consumed` messages."""
        for place in range(consumed - 1, -1, -1):
            if _ends_word(self._messages[place]):
                gone = self._messages[: place + 1]
                self.words_acknowledged += sum(isinstance(message, wire.Start) for message in gone)
                self._fragments -= sum(isinstance(message, wire.Fragment) and not message.offset for message in gone)
                del self._messages[: place + 1]
                self._origin += place + 1
                return

    def _lost(self, now_ms: int) -> int | None:
        """Return the sequence of a frame to repeat, None if there is none.

        A frame is repeated if it was overtaken by one sent after it, or if its time has run out. The oldest frame is
        repeated even if it was received: its acknowledgement as consumed may have been lost.
        """
        for sequence, flight in self._flights.items():
            overtaken = not flight.received and flight.stamp < self._delivered_stamp
            if overtaken or (now_ms >= flight.due_ms and (not flight.received or sequence == self._base)):
                return sequence
        return None

    def _send(self, sequence: int, now_ms: int) -> bytes:
        self._stamp += 1
        flight = self._flights.get(sequence)
        if flight is None:
            self._flights[sequence] = _Flight(self._stamp, now_ms + repeat_pause_ms(0))
            self._sent += 1
        else:
            flight.stamp = self._stamp
            flight.repeats += 1
            flight.due_ms = now_ms + repeat_pause_ms(flight.repeats)
            self._repeated += 1
        return self._frame(self._messages[sequence - self._origin], sequence)


_PLACES = 0xFFFF_FFFF
"""Places in the stream of one connection."""


def _ends_word(message: WritingMessage) -> bool:
    return isinstance(message, wire.End | wire.Error)


def _ms(time_s: float) -> int:
    return round(time_s * 1000)
