"""The board's end, from its start to its end: words, questions and the time -> frames to send; sans-IO."""

from dataclasses import dataclass, replace
from enum import Enum

from firmware_bridge import wire
from firmware_bridge.errors import HostSilentError, OutboxFullError, WireError, WritingError
from firmware_bridge.framing import FrameReceiver
from firmware_bridge.pixels import Pixels
from firmware_bridge.questions import QUESTIONS, Answering, Network
from firmware_bridge.session import HEARTBEAT_S, SILENCE_S, frame_of, repeat_pause_s, split_frame
from firmware_bridge.words import WritingMessage, fragment_messages


class BoardState(Enum):
    """What a board knows of its host."""

    WAITING = "waiting for HELLO"
    CONNECTED = "connected"
    SILENT = "host gone"


@dataclass
class _Flight:
    """A frame under way."""

    stamp: int
    due_s: float
    repeats: int = 0
    received: bool = False


class BoardSession:
    """The board's end, from its start to its end: words in, frames out. Keeps each word until END is acknowledged.

    `info.session` must never have been used by this board; `info.number` is ignored. Nothing is sent before HELLO.
    `network` is run when a host asks; without one the board says that it cannot.
    """

    def __init__(
        self, info: wire.Info, now_s: float, *, capacity_words: int = 8, network: Network | None = None
    ) -> None:
        self.state = BoardState.WAITING
        self.words_acknowledged = 0
        self._info = info
        self._began_s = self._heard_s = now_s
        self._capacity_words = capacity_words
        self._network = network
        self._receiver = FrameReceiver()
        self._messages: list[WritingMessage] = []
        self._open: int | None = None
        self._count = 0
        self._word = 0
        self._host_number: int | None = None
        self._connections = 0
        self._token = 0
        self._info_due: int | None = None
        self._statistics_due_s = now_s
        self._begin_again()
        self._sent = self._repeated = 0

    # Writing

    def start_word(self) -> int:
        """Begin a word; its id. OutboxFullError while the board keeps as many words as it can."""
        if self._open is not None:
            raise WritingError(f"word {self._open} is still open")
        if len(self.unacknowledged()) >= self._capacity_words:
            raise OutboxFullError(f"{self._capacity_words} words are waiting to be acknowledged")
        self._word += 1
        self._open, self._count = self._word, 0
        self._messages.append(wire.Start(self._word))
        return self._word

    def add_fragment(self, pixels: Pixels) -> None:
        """Add one symbol, uint8 [33, 33], to the open word."""
        if self._open is None or self._count >= wire.MAX_WORD_FRAGMENTS:
            raise WritingError("no word is open" if self._open is None else f"word {self._open} is full")
        self._messages.extend(fragment_messages(self._count, pixels, self._info.pixel_bits))
        self._count += 1

    def end_word(self) -> None:
        """Complete the open word."""
        if self._open is None:
            raise WritingError("no word is open")
        self._messages.append(wire.End(self._open, self._count))
        self._open = None

    def fail(self, fault: wire.Fault, text: str) -> None:
        """Report what went wrong; an open word ends here without a decision. OutboxFullError as above."""
        if self._open is None and sum(map(_ends_word, self._messages)) >= self._capacity_words:
            raise OutboxFullError(f"{self._capacity_words} words and faults are waiting to be acknowledged")
        self._messages.append(wire.Error(fault, text))
        self._open = None

    def unacknowledged(self) -> list[int]:
        """Ids of the words kept, in order."""
        return [message.word for message in self._messages if isinstance(message, wire.Start)]

    @property
    def under_way(self) -> int | None:
        """The first unacknowledged word, if any frame of it was ever sent in this connection."""
        return next(iter(self.unacknowledged()), None) if self._next > self._origin else None

    # The line

    @property
    def failure(self) -> HostSilentError | None:
        """The host is gone; set until it is heard again."""
        silent = self.state is BoardState.SILENT
        return HostSilentError(f"the host has been silent for {SILENCE_S:g} s") if silent else None

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes from the line; what is not a valid message of this connection changes nothing."""
        for content in self._receiver.feed(data):
            try:
                header, payload = split_frame(content)
                if header.message == wire.Hello.ID:
                    self._hello(header.connection, payload, now_s)
                elif header.message not in (wire.Acknowledge.ID, *QUESTIONS):
                    continue
                elif self._host_number is None or header.connection != self._token:
                    self._info_due = header.connection
                elif header.message == wire.Acknowledge.ID:
                    self._hear(now_s)
                    self._acknowledged(wire.Acknowledge.decode(payload))
                else:
                    self._hear(now_s)
                    self._answering.take(header.sequence, header.message, payload)
            except WireError:
                continue

    def next_frame(self, now_s: float) -> bytes:
        """The next frame that is due, b"" if none. Call when the line is free, until it gives b""."""
        if self._info_due is not None:
            connection, self._info_due = self._info_due, None
            return frame_of(replace(self._info, number=self._board_number()), connection)
        answer = self._answering.next_answer()
        if answer is not None:
            return frame_of(answer[0], self._token, answer[1])
        if self.state is BoardState.CONNECTED and now_s - self._heard_s >= SILENCE_S:
            self.state = BoardState.SILENT
        if self.state is not BoardState.CONNECTED:
            return b""
        sequence = self._lost(now_s)
        if sequence is not None:
            return self._send(sequence, now_s)
        if self._next < self._base + wire.WINDOW_FRAMES and self._next - self._origin < len(self._messages):
            self._next += 1
            return self._send(self._next - 1, now_s)
        if now_s >= self._statistics_due_s:
            self._statistics_due_s = now_s + HEARTBEAT_S
            return frame_of(self.statistics(now_s), self._token)
        return b""

    def wake_s(self) -> float:
        """When to call `next_frame` if nothing is received or written before."""
        if self.state is not BoardState.CONNECTED:
            return float("inf")
        repeats = [
            flight.due_s for place, flight in self._flights.items() if not flight.received or place == self._base
        ]
        return min(*repeats, self._statistics_due_s, self._heard_s + SILENCE_S)

    def statistics(self, now_s: float) -> wire.Statistics:
        """Counters since the session began."""
        seen = self._receiver.counters
        counted = (seen.frames, seen.crc_errors, seen.cobs_errors, seen.oversize)
        return wire.Statistics(
            int(now_s - self._began_s), self.words_acknowledged, self._sent, self._repeated, *counted
        )

    def _hello(self, connection: int, payload: bytes, now_s: float) -> None:
        """Answer always; begin again only for a new number from a host of the same protocol."""
        self._info_due = connection
        if payload[:8] != wire.PROTOCOL_HASH:
            return
        if connection != self._host_number:
            self._host_number = connection
            self._connections += 1
            self._token = connection ^ self._board_number()
            self._begin_again()
        self._hear(now_s)

    def _hear(self, now_s: float) -> None:
        self._heard_s = now_s
        self.state = BoardState.CONNECTED

    def _board_number(self) -> int:
        """A replayed HELLO must not revive the connection whose old acknowledgements may be replayed with it."""
        return (self._info.session + self._connections) & 0xFFFF_FFFF

    def _begin_again(self) -> None:
        """Sequence 0 is START of the first unacknowledged word."""
        self._origin = self._base = self._next = 0
        self._answering = Answering(self._network, self._info.pixel_bits)
        self._flights: dict[int, _Flight] = {}
        self._stamp = self._delivered_stamp = 0

    def _acknowledged(self, message: wire.Acknowledge) -> None:
        if not self._base <= message.consumed <= self._next:
            return
        for sequence, flight in self._flights.items():
            place = sequence - message.consumed
            if not flight.received and (place < 0 or message.received >> place & 1):
                flight.received = True
                self._delivered_stamp = max(self._delivered_stamp, flight.stamp)
        self._base = message.consumed
        for sequence in [known for known in self._flights if known < self._base]:
            del self._flights[sequence]
        self._forget(self._base - self._origin)

    def _forget(self, consumed: int) -> None:
        """Drop the words whose last message is among the first `consumed` messages."""
        for place in range(consumed - 1, -1, -1):
            if _ends_word(self._messages[place]):
                gone = self._messages[: place + 1]
                self.words_acknowledged += sum(isinstance(message, wire.Start) for message in gone)
                del self._messages[: place + 1]
                self._origin += place + 1
                return

    def _lost(self, now_s: float) -> int | None:
        """A frame to repeat: one overtaken by a frame sent after it, or one whose time has run out.

        The oldest is repeated even if it was received: its acknowledgement as consumed may have been lost.
        """
        for sequence, flight in self._flights.items():
            overtaken = not flight.received and flight.stamp < self._delivered_stamp
            if overtaken or (now_s >= flight.due_s and (not flight.received or sequence == self._base)):
                return sequence
        return None

    def _send(self, sequence: int, now_s: float) -> bytes:
        self._stamp += 1
        flight = self._flights.get(sequence)
        if flight is None:
            self._flights[sequence] = _Flight(self._stamp, now_s + repeat_pause_s(0))
            self._sent += 1
        else:
            flight.stamp = self._stamp
            flight.repeats += 1
            flight.due_s = now_s + repeat_pause_s(flight.repeats)
            self._repeated += 1
        return frame_of(self._messages[sequence - self._origin], self._token, sequence)


def _ends_word(message: WritingMessage) -> bool:
    return isinstance(message, wire.End | wire.Error)
