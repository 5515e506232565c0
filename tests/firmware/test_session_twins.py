"""A board in C, a board in Python and a plain model agree after every call of a random machine.

The line feeds, splits, drops, damages, duplicates, delays and replays; either end restarts; the board's memory fails;
an adversary forges. Both boards must send the same bytes and be in the same state: twin_session.py checks after each
call. The model is what was written, what the board's memory holds and what the host's consumer has taken: a word leaves
the board only for the consumer, comes out as it was written, once, in order; forged and replayed frames change nothing.
"""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from line_model import BOARD, FATES, LineModel, WordKey, numbered, times_of
from twin_session import OUTBOX_FRAGMENTS, Memory, TwinBoard

from firmware_bridge.session.events import WordEnded
from firmware_bridge.session.host import HostSession
from firmware_bridge.session.questions import Question
from firmware_bridge.trust.board_keys import BoardKey
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import sealing
from firmware_bridge.wire.framing import encode_frame

STEPS = 10_000
HISTORY_FRAMES = 60
DRAIN_MS = 60_000
QUESTIONS = [wire.Identify(), wire.Probe(0, 0, bytes(137)), wire.Probe(3, 218, b"")]
KEY = bytes(range(100, 132))


class Line(LineModel):
    steps = 0
    """Steps of all machines together."""

    @initialize(bits=st.sampled_from([1, 1, 8]), key=st.sampled_from([None, KEY]))
    def begin(self, bits: int, key: bytes | None) -> None:
        self.bits, self.key = bits, key
        self.now_ms = self.sessions = self.connections = self.fragments = 0
        self.start_line()
        self.memory = Memory(bits, key)
        self.start_board()
        self.start_host()

    # Both ends

    def start_board(self) -> None:
        """Start the board from its memory alone, as a reset does."""
        self.sessions += 1
        self.open_word: WordKey | None = None
        self.board = TwinBoard(self.memory, self.now_ms, pixel_bits=self.bits)

    def start_host(self) -> None:
        self.connections += 1
        self.reading: list[int] | None = None
        self.asked: wire.Message | None = None
        nonce = hashlib.sha256(self.connections.to_bytes(4, "big")).digest()[:16]
        self.key = self.memory.key  # a host stores a key before it sends it, because the answer may be lost
        keys = {} if self.key is None else {BOARD: BoardKey(self.key)}
        self.host = HostSession(
            nonce, self.now_ms / 1000, keys=keys, allow_unauthenticated=self.key is None, delivered=self.last
        )

    @precondition(lambda self: self.fragments > 0 and self.memory.works)
    @rule()
    def the_board_is_reset(self) -> None:
        self.start_board()

    @precondition(lambda self: self.host.info is not None)
    @rule()
    def the_host_restarts(self) -> None:
        self.start_host()

    @rule(broken=st.booleans())
    def the_memory_breaks_or_is_mended(self, broken: bool) -> None:
        self.memory.break_down(broken)

    # Writing

    @rule(
        counts=st.lists(st.integers(0, 3), min_size=1, max_size=3),
        fault=st.sampled_from([None, None, 0, 1, 2]),
        ends=st.booleans(),
    )
    def the_pen_writes(self, counts: list[int], fault: int | None, ends: bool) -> None:
        """Write words while there is room; without `ends` the last one stays open for the next call."""
        for place, count in enumerate(counts):
            if self.open_word is None:
                if not self.board.start_word():
                    assert len(self.board.python._messages) > 0
                    return
                self.open_word = (self.sessions, self.board.python._word)
                self.written[self.open_word] = []
            for _ in range(count):
                room = self.board.python._fragments < OUTBOX_FRAGMENTS
                assert self.board.add_fragment(numbered(self.fragments + 1), *times_of(self.fragments + 1)) is room
                if room:
                    self.fragments += 1
                    self.written[self.open_word].append(self.fragments)
            if ends or place < len(counts) - 1:
                self.end_word(fault)

    def end_word(self, fault: int | None) -> None:
        assert self.open_word is not None
        if fault is None:
            assert self.board.end_word()
        else:
            assert self.board.fail(wire.Fault.WORD_ABORTED, fault)
            self.aborted.add(self.open_word)
        self.open_word = None

    @rule(call=st.integers(0, 3))
    def a_call_comes_out_of_turn(self, call: int) -> None:
        if self.open_word is not None and call == 0:
            assert not self.board.start_word()
        elif self.open_word is None and call in (1, 2):
            assert not (self.board.end_word() if call == 1 else self.board.add_fragment(numbered(1)))
        elif self.open_word is None:
            self.board.fail(wire.Fault.SENSOR_FAILED, 1)

    # The line

    @rule(fates=st.lists(st.sampled_from([*FATES, "halves"]), min_size=4, max_size=24), takes=st.integers(0, 12))
    def the_line_is_busy(self, fates: list[str], takes: int) -> None:
        """Carry frames both ways, each to its fate; then let the consumer take some events."""
        for fate in fates:
            if frame := self.board.next_frame(self.now_ms):
                self.sent_to_host = [*self.sent_to_host, frame][-HISTORY_FRAMES:]
                self.carry(frame, fate, self.to_host, self.late_to_host)
            if frame := self.host.next_frame(self.now_ms / 1000):
                self.sent_to_board = [*self.sent_to_board, frame][-HISTORY_FRAMES:]
                self.carry(frame, fate, self.to_board, self.late_to_board)
            self.now_ms += 20
        self.the_consumer_takes(takes)

    def to_host(self, data: bytes) -> None:
        self.host.receive(data, self.now_ms / 1000)

    def to_board(self, data: bytes) -> None:
        self.board.receive(data, self.now_ms)

    @rule(seed=st.integers(0, 2**32 - 1), shuffled=st.booleans())
    def the_past_is_replayed(self, seed: int, shuffled: bool) -> None:
        """Deliver earlier frames of both ends again, in order or shuffled, while both go on."""
        frames = [(frame, self.to_host) for frame in self.sent_to_host]
        frames += [(frame, self.to_board) for frame in self.sent_to_board]
        if shuffled:
            random.Random(seed).shuffle(frames)
        for frame, to in frames[: seed % 40]:
            to(frame)
            self.board.next_frame(self.now_ms)
            self.now_ms += 3

    @rule(data=st.binary(max_size=600))
    def garbage_comes(self, data: bytes) -> None:
        """Send garbage between delimiters: only counters may change."""
        assert self.changed_by(b"\0" + data + b"\0") <= {"crc_errors", "cobs_errors", "oversize", "held"}

    def changed_by(self, data: bytes) -> set[str]:
        """Give the board bytes and return the names of the state's fields that changed."""
        before = self.board.state(self.now_ms)
        self.to_board(data)
        after = self.board.state(self.now_ms)
        assert before.keys() == after.keys()
        return {name for name in before if before[name] != after[name]}

    @precondition(lambda self: self.board.python._session_key is not None)
    @rule(
        consumed=st.integers(0, 40),
        received=st.integers(0, 255),
        number=st.sampled_from([1, 2, 50, 2**32 - 1]),
        how=st.integers(0, 4),
    )
    def an_acknowledgement_is_forged(self, consumed: int, received: int, number: int, how: int) -> None:
        """Forge without the key: untagged, mistagged, tagged with the wrong key, or as the board's own."""
        token = self.board.python._token
        consumed += self.board.python._base
        content = wire.Header(wire.Acknowledge.ID, token, number).encode()
        content += wire.Acknowledge(consumed, received, bytes(16)).encode()
        right = self.board.python._session_key
        assert right is not None
        content = (
            content,
            content + bytes(16),
            sealing.seal(KEY, wire.FROM_HOST, content),
            sealing.seal(right, wire.FROM_BOARD, content),
            sealing.seal(right, wire.FROM_HOST, content)[:-1],
        )[how]
        changed = self.changed_by(b"\0" + encode_frame(content))
        # A frame half received before is cut off and counted too.
        assert {"refused", "frames"} <= changed <= {"refused", "frames", "crc_errors", "cobs_errors", "held"}

    @rule(head=st.sampled_from([bytes(16), b"\1" * 16, b"\2" * 16]))
    def the_hosts_journal_has_another_row(self, head: bytes) -> None:
        """Tell the board another head with every acknowledgement; zeros tell it nothing."""
        self.host.head = head

    @precondition(lambda self: self.board.python._host is not None)
    @rule(ahead=st.sampled_from([1, 2, 50, -1, -9]), question=st.booleans())
    def a_host_that_has_the_key_says_what_cannot_be(self, ahead: int, question: bool) -> None:
        """Acknowledge what was never sent or was acknowledged already; ask a question out of turn."""
        board = self.board.python
        place = (board._next if ahead > 0 else board._base) + ahead
        if question:
            number = board._answering._number + 1 + abs(ahead)
            content = wire.Header(wire.Identify.ID, board._token, number).encode()
        elif place >= 0:
            content = wire.Header(wire.Acknowledge.ID, board._token, board._acknowledgements + 1).encode()
            content += wire.Acknowledge(place, 255, bytes(16)).encode()
        else:
            return
        if board._session_key is not None:
            content = sealing.seal(board._session_key, wire.FROM_HOST, content)
        changed = self.changed_by(b"\0" + encode_frame(content))
        assert {"refused", "frames"} <= changed <= {"refused", "frames", "crc_errors", "cobs_errors", "held"}

    @rule(hash_=st.booleans(), nonce=st.integers(0, 3), connection=st.integers(0, 3))
    def a_stranger_says_hello(self, hash_: bool, nonce: int, connection: int) -> None:
        """Say HELLO: the board begins again or says that it speaks another protocol; it loses nothing."""
        protocol = wire.PROTOCOL_HASH if hash_ else bytes(8)
        content = wire.Header(wire.Hello.ID, connection, 0).encode()
        self.to_board(b"\0" + encode_frame(content + wire.Hello(protocol, bytes([nonce]) * 16).encode()))

    @precondition(lambda self: self.host.info is not None and self.asked is None)
    @rule(question=st.sampled_from(QUESTIONS))
    def somebody_asks(self, question: Question) -> None:
        self.asked = question
        self.host.ask(question, self.now_ms / 1000)

    @rule(ms=st.sampled_from([1, 10, 149, 200, 1000, 4499, 5000, 10 * 86_400_000]))
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms
        self.board.next_frame(self.now_ms)

    # The model

    @rule(count=st.integers(1, 12))
    def the_consumer_takes(self, count: int) -> None:
        for _ in range(count):
            self.take()
        if self.host.answer is not None:
            self.asked = None
        if self.host.failure is not None:
            while self.take():
                pass
            self.start_host()

    def now_s_of_host(self) -> float:
        return self.now_ms / 1000

    def journalise(self, event: WordEnded) -> None:
        key = (event.session, event.word)
        assert key not in self.journal, "the word came twice"
        assert all(known < key for known in self.journal), "out of order"
        assert self.reading is not None
        self.journal[key] = self.reading
        self.remember(key)

    def remember(self, key: WordKey) -> None:
        self.last = {BOARD: key}

    @precondition(lambda self: hasattr(self, "board"))
    @invariant()
    def a_word_leaves_the_board_only_for_the_journal(self) -> None:
        Line.steps += 1
        self.nothing_is_lost(self.sessions, self.board.python.unacknowledged())

    def teardown(self) -> None:
        """Mend the line: everything that the board kept arrives."""
        if not hasattr(self, "board"):
            return
        if self.open_word is not None:
            self.end_word(None)
        limit_ms = self.now_ms + DRAIN_MS
        while self.board.python._messages:
            assert self.now_ms < limit_ms, f"stuck: {self.host.failure}"
            self.the_line_is_busy(["arrives"] * 12, takes=20)
        self.a_word_leaves_the_board_only_for_the_journal()


@pytest.mark.slow("10,000 steps, after each of which two boards are compared whole")
def test_c_python_and_the_model_agree_for_10_000_steps() -> None:
    Line.steps = 0
    # A machine makes some 41 steps.
    every = settings(max_examples=STEPS // 33, stateful_step_count=50, report_multiple_bugs=False)
    run_state_machine_as_test(Line, settings=every)
    assert Line.steps >= STEPS


def test_what_waits_for_its_repetition_waits_on_however_long_the_host_is_silent() -> None:
    """A difference of 32-bit times changes its sign after 2^31 ms, 25 days."""
    line = Line()
    line.begin(bits=1, key=None)
    line.the_line_is_busy(fates=["arrives"] * 4, takes=0)
    line.a_call_comes_out_of_turn(call=0)
    for _ in range(8):
        line.time_passes(ms=10 * 86_400_000)
