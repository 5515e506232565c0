"""Host, board and a bad line, with restarts of either, agree with a plain model after every step.

The line drops, duplicates, damages and reorders. The model is what was written and what the consumer journalled:

- What is journalled is what was written, in order, each word once.
- A word leaves the board only for the journal.
- Once the line is good again, every word that the board kept arrives.
- An answer belongs to the question asked. The logits depend on every fragment since the word began, so they show that
  the network was given each fragment exactly once.

Boards with a key are attacked too: altered and forged frames, and those of another board, reach either end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from line_model import BOARD, FATES, LineModel, WordKey, numbered, times_of

from firmware_bridge.session.board import BoardSession
from firmware_bridge.session.errors import CannotError, ProtocolViolationError
from firmware_bridge.session.events import WordEnded
from firmware_bridge.session.exchange import content_of, frame_of
from firmware_bridge.session.host import HostSession
from firmware_bridge.session.questions import Question, probes
from firmware_bridge.trust.board_keys import BoardKey
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import sealing
from firmware_bridge.wire.framing import FrameReceiver, encode_frame
from firmware_bridge.wire.pixels import Pixels

INFO = wire.Info(wire.PROTOCOL_HASH, 0, 0, 0, wire.Kind.PEN, 1, BOARD, "virtual", "1", b"")
CAPACITY_WORDS = 4
LOGITS = 11
DRAIN_S = 60.0
HISTORY_FRAMES = 100
FAULTS = [None, None, None, wire.Fault.WORD_ABORTED]
LIES = [
    wire.Acknowledge(3, 0xFF, bytes(16)),
    wire.Acknowledge(0, 0, bytes(16)),
    wire.Start(1, 0),
    wire.End(1, 0, 0),
    wire.Error(wire.Fault.WORD_ABORTED, "lies"),
    wire.Statistics(*[0] * 10, bytes(16)),
    wire.Identify(),
    wire.Probe(0, 0, bytes(137)),
    wire.Logits(bytes(11)),
    wire.Cannot(wire.Obstacle.NETWORK_FAILED, "lies"),
]


class Memory:
    """A network whose logits are a hash of the word so far."""

    identity = wire.Identity(bytes(range(32)), "hash", "hashlib", "1", "any")

    def __init__(self) -> None:
        self.word: list[bytes] = []

    def step(self, pixels: Pixels, first: bool) -> bytes:
        self.word = [*([] if first else self.word), pixels.tobytes()]
        return self.logits(self.word)

    @staticmethod
    def logits(word: list[bytes]) -> bytes:
        return hashlib.sha256(b"".join(word)).digest()[:LOGITS]


class Line(LineModel):
    @initialize(bits=st.sampled_from([1, 8]), key=st.sampled_from([None, bytes(range(32))]))
    def begin(self, bits: int, key: bytes | None) -> None:
        self.keys = {} if key is None else {BOARD: BoardKey(key)}
        self.now_s = 0.0
        self.info = replace(INFO, pixel_bits=bits)
        self.sessions = self.connections = self.fragments = self.answered = 0
        self.start_line()
        self.open_word: WordKey | None = None
        self.forged = 0
        self.start_board()
        self.start_host(remembers=True)

    def start_board(self) -> None:
        self.sessions += 1
        self.open_word = None
        self.board = BoardSession(
            replace(self.info, session=1000 * self.sessions),
            self.now_s,
            key=self.keys[BOARD].key if self.keys else None,
            capacity_words=CAPACITY_WORDS,
            network=Memory(),
        )

    def start_host(self, remembers: bool) -> None:
        self.connections += 1
        self.remembers = remembers
        self.reading: list[int] | None = None
        self.host = HostSession(
            (self.connections << 16).to_bytes(16, "little"),
            self.now_s,
            keys=self.keys,
            allow_unauthenticated=not self.keys,
            delivered=self.last if remembers else {},
        )
        self.questions = self.exam()
        self.expected: wire.Identity | wire.Logits | None = None

    def exam(self) -> Iterator[tuple[Question, wire.Identity | wire.Logits]]:
        """Yield endless questions with their right answers: words of 1 to 3 fragments, none equal to another."""
        number = 1 << 31
        while True:
            yield wire.Identify(), Memory.identity
            word: list[bytes] = []
            for index in range(number % 3 + 1):
                number += 1
                pixels = numbered(number)
                word.append(pixels.tobytes())
                *chunks, last = probes(index, pixels, self.info.pixel_bits)
                yield from ((chunk, wire.Logits(b"")) for chunk in chunks)
                yield last, wire.Logits(Memory.logits(word))

    @rule(counts=st.lists(st.integers(0, 3), min_size=1, max_size=4), fault=st.sampled_from(FAULTS), ends=st.booleans())
    def the_pen_writes(self, counts: list[int], fault: wire.Fault | None, ends: bool) -> None:
        """Write words; without `ends` the last one stays open for the next call."""
        for place, count in enumerate(counts):
            if self.open_word is None:
                if len(self.board.unacknowledged()) == CAPACITY_WORDS:
                    return
                self.open_word = (1000 * self.sessions, self.board.start_word(self.now_s))
                self.written[self.open_word] = []
            for _ in range(count):
                self.fragments += 1
                self.board.add_fragment(numbered(self.fragments), *times_of(self.fragments))
                self.written[self.open_word].append(self.fragments)
            if ends or place < len(counts) - 1:
                self.end_word(fault)

    def end_word(self, fault: wire.Fault | None) -> None:
        assert self.open_word is not None
        if fault is None:
            self.board.end_word(self.now_s)
        else:
            self.board.fail(fault, "lifted")
            self.aborted.add(self.open_word)
        self.open_word = None

    @precondition(lambda self: self.host.info is not None and self.expected is None)
    @rule()
    def somebody_asks(self) -> None:
        """Ask a question; after its answer, `the_line_is_busy` asks the next one."""
        self.ask()

    def ask(self) -> None:
        question, self.expected = next(self.questions)
        self.host.ask(question, self.now_s)

    @rule(fates=st.lists(st.sampled_from(FATES), min_size=4, max_size=24), takes=st.integers(0, 12))
    def the_line_is_busy(self, fates: list[str], takes: int) -> None:
        """Carry frames both ways, each to its fate; then let the consumer take some events."""
        for fate in fates:
            if self.host.answer is not None:
                self.an_answer_is_the_one_to_the_question_asked()
                self.answered += 1
                self.ask()
            if frame := self.board.next_frame(self.now_s):
                self.sent_to_host = [*self.sent_to_host, frame][-HISTORY_FRAMES:]
                self.carry(frame, fate, self.to_host, self.late_to_host)
            if frame := self.host.next_frame(self.now_s):
                self.sent_to_board = [*self.sent_to_board, frame][-HISTORY_FRAMES:]
                self.carry(frame, fate, self.to_board, self.late_to_board)
            self.now_s += 0.02
        self.the_consumer_takes(takes)

    def to_host(self, data: bytes) -> None:
        self.host.receive(data, self.now_s)

    def to_board(self, data: bytes) -> None:
        self.board.receive(data, self.now_s)

    @rule(takes=st.integers(0, 12))
    def the_past_is_replayed(self, takes: int) -> None:
        """Deliver the last frames of both ends again, while both go on."""
        for place in range(max(len(self.sent_to_board), len(self.sent_to_host))):
            for sent, end in ((self.sent_to_board, self.board), (self.sent_to_host, self.host)):
                if place < len(sent):
                    end.receive(sent[place], self.now_s)
            self.board.next_frame(self.now_s)
            self.host.next_frame(self.now_s)
            self.now_s += 0.02
        self.the_consumer_takes(takes)

    @precondition(lambda self: self.keys)
    @rule(up=st.booleans(), place=st.integers(0, 99), at=st.integers(0, 249), flip=st.integers(1, 255))
    def somebody_alters_a_frame(self, up: bool, place: int, at: int, flip: int) -> None:
        """Alter a byte of any frame heard before, with a CRC that fits."""
        heard = self.sent_to_host if up else self.sent_to_board
        if not heard:
            return
        (content,) = FrameReceiver().feed(heard[place % len(heard)])
        altered = bytearray(content)
        altered[at % len(altered)] ^= flip
        self.attack(up, bytes(altered))

    @precondition(lambda self: self.keys)
    @rule(
        up=st.booleans(),
        message=st.sampled_from(LIES),
        sequence=st.integers(0, 9),
        key=st.sampled_from([None, bytes(32), bytes(range(32))]),
    )
    def somebody_lies(self, up: bool, message: wire.Message, sequence: int, key: bytes | None) -> None:
        """Send a harmful message in this connection, with the best tag possible without the session key."""
        token = self.host._token if up else self.board._token
        content = content_of(message, token, sequence)
        sender = wire.FROM_BOARD if up else wire.FROM_HOST
        self.attack(up, content if key is None else sealing.seal(key, sender, content))

    @precondition(lambda self: self.keys)
    @rule(same_name=st.booleans())
    def another_board_answers(self, same_name: bool) -> None:
        other = BoardSession(
            replace(self.info, session=1, board=BOARD if same_name else "pen-2"), self.now_s, key=bytes(32)
        )
        other.start_word(self.now_s)
        other.end_word(self.now_s)
        other.receive(frame_of(wire.Hello(wire.PROTOCOL_HASH, self.host._hello.nonce), self.host._number), self.now_s)
        other._hear(round(1000 * self.now_s))  # against the rules: no frame of the host was proved to it
        other.next_frame(self.now_s)  # skip INFO: that another name is refused is tested elsewhere
        while frame := other.next_frame(self.now_s):
            self.host.receive(frame, self.now_s)

    def attack(self, up: bool, content: bytes) -> None:
        """Send a content: it may change no state, except that HELLO and INFO may begin a connection again."""
        end = self.host if up else self.board
        before = self.state()
        end.receive(encode_frame(content), self.now_s)
        if content[0] not in (wire.Hello.ID, wire.Info.ID):
            assert self.state() == before
            self.forged += 1

    def state(self) -> tuple[object, ...]:
        host, board = self.host, self.board
        board_state = (board._base, board._next, board._acknowledgements, board._heard_ms, board._key, board._token)
        host_state = (host._expected, host._consumed, dict(host._held), len(host._ready), host._statistics)
        rest = (host._heard_s, host.answer, host.failure, board.unacknowledged(), board._answering._number)
        return (*board_state, *host_state, *rest)

    @rule(count=st.integers(1, 12))
    def the_consumer_takes(self, count: int) -> None:
        for _ in range(count):
            self.take()
        self.an_answer_is_the_one_to_the_question_asked()
        if self.host.failure is not None:
            while self.take():
                pass
            self.start_host(remembers=True)

    def now_s_of_host(self) -> float:
        return self.now_s

    def journalise(self, event: WordEnded) -> None:
        key = (event.session, event.word)
        assert self.reading is not None
        assert len(self.reading) == event.count
        if key in self.journal:
            assert not self.remembers, "the word came twice"
        else:
            assert all(word < event.word for session, word in self.journal if session == event.session), "out of order"
        self.journal[key] = self.reading
        self.remember(key)

    def remember(self, key: WordKey) -> None:
        """Keep what a restarted host reads from its journal: the last word of the latest session."""
        session, word = self.last.get(BOARD, (0, 0))
        self.last = {BOARD: (key[0], max(key[1], word) if key[0] == session else key[1])}

    @rule(seconds=st.sampled_from([0.01, 0.2, 1.0, 5.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @precondition(lambda self: self.host.info is not None)
    @rule(remembers=st.booleans())
    def the_host_restarts(self, remembers: bool) -> None:
        self.start_host(remembers)

    @precondition(lambda self: self.journal)
    @rule()
    def the_board_restarts(self) -> None:
        self.start_board()

    @precondition(lambda self: hasattr(self, "board"))
    @invariant()
    def a_word_leaves_the_board_only_for_the_journal(self) -> None:
        self.nothing_is_lost(1000 * self.sessions, self.board.unacknowledged())

    @precondition(lambda self: hasattr(self, "board"))
    @invariant()
    def an_answer_is_the_one_to_the_question_asked(self) -> None:
        assert self.host.answer in (None, self.expected)
        assert not isinstance(self.host.failure, CannotError | ProtocolViolationError)

    @precondition(lambda self: hasattr(self, "board"))
    @invariant()
    def both_ends_stay_small(self) -> None:
        assert len(self.host._held) <= wire.WINDOW_FRAMES
        assert len(self.board._flights) <= wire.WINDOW_FRAMES
        assert len(self.board._answering._partial) < wire.GREY_FRAGMENT_BYTES

    def teardown(self) -> None:
        """Mend the line: everything that the board kept arrives, and questions are answered."""
        if not hasattr(self, "board"):
            return
        if self.open_word is not None:
            self.end_word(None)
        limit_s = self.now_s + DRAIN_S
        while self.board.unacknowledged():
            assert self.now_s < limit_s, f"stuck with {self.board.unacknowledged()}: {self.host.failure}"
            self.the_line_is_busy(["arrives"] * 12, takes=20)
        self.a_word_leaves_the_board_only_for_the_journal()
        answered = self.answered
        while self.answered < answered + 8:
            assert self.now_s < limit_s + DRAIN_S, f"no answer: {self.host.failure}"
            if self.host.info is not None and self.expected is None:
                self.ask()
            self.the_line_is_busy(["arrives"] * 12, takes=20)
            self.an_answer_is_the_one_to_the_question_asked()


TestLine = pytest.mark.slow("300 conversations of 50 steps with all their faults")(Line.TestCase)
TestLine.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
