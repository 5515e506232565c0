"""The age of a word is never told less than it is, whoever holds up which frame, and little more on a good line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tapped import KEY, Tap, connected, content_in, new_board, new_host, words_in

from firmware_bridge.session.age import KEPT_S, PARTING, REMEMBERED, TICK_S, BoardClock
from firmware_bridge.session.board import BoardSession, BoardState
from firmware_bridge.session.errors import LinkError
from firmware_bridge.session.events import Connected, WordEnded, WordStarted
from firmware_bridge.session.exchange import HEARTBEAT_S, HELLO_REPEAT_S
from firmware_bridge.session.host import HostSession
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import sealing

EXACT_S = 1e-6
"""Rounding of sums of floats."""
WRITING = (wire.Start.ID, wire.Fragment.ID, wire.End.ID)


def write(board: BoardSession, now_s: float) -> None:
    board.start_word(now_s)
    board.end_word(now_s)


def met(began_s: float = 0.0, words: int = 0) -> tuple[HostSession, BoardSession]:
    """Return a host and a board that have met at `began_s`; the board was started at 0."""
    host, board = new_host(now_s=began_s), new_board(words=words)
    for _ in range(2):
        board.receive(host.next_frame(began_s), began_s)
        host.receive(board.next_frame(began_s), began_s)
    assert isinstance(host.next_event(began_s), Connected)
    return host, board


class Line:
    """A line on which somebody decides when each frame arrives; `true` is when each word began and ended."""

    def __init__(self, began_s: float) -> None:
        self.now_s = began_s
        self.host, self.board = met(began_s)
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.true: dict[int, float] = {}
        self.found: list[tuple[float, float]] = []

    def write(self) -> None:
        if len(self.board.unacknowledged()) < wire.OUTBOX_WORDS:
            write(self.board, self.now_s)
            self.true[self.board._word] = self.now_s

    def send(self) -> None:
        while frame := self.host.next_frame(self.now_s):
            self.down.append(frame)
        while frame := self.board.next_frame(self.now_s):
            self.up.append(frame)

    def arrive(self, up: int, down: int) -> None:
        for frame in self.up[:up]:
            self.host.receive(frame, self.now_s)
        for frame in self.down[:down]:
            self.board.receive(frame, self.now_s)
        del self.up[:up], self.down[:down]
        while (event := self.host.next_event(self.now_s)) is not None:
            if isinstance(event, WordStarted | WordEnded):
                assert event.age_s is not None
                self.found.append((event.age_s, self.now_s - self.true[event.word]))


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.013, 0.2, 0.9, 3.0, 4.4, 3600.0]), st.booleans(), st.integers(0, 9), st.integers(0, 9)
    ),
    max_size=40,
)


@given(st.sampled_from([0.0, 7.77, 86_400.0 * 60]), STEPS)
def test_an_age_is_never_less_than_it_is_whatever_is_held_up(
    began_s: float, steps: list[tuple[float, bool, int, int]]
) -> None:
    line = Line(began_s)
    for pause_s, writes, up, down in steps:
        line.now_s += pause_s
        if writes:
            line.write()
        line.send()
        line.arrive(up, down)
    line.arrive(len(line.up), len(line.down))
    assert all(told_s >= true_s - EXACT_S for told_s, true_s in line.found)


def test_on_a_good_line_an_age_is_told_to_a_second_or_so() -> None:
    line = Line(5.0)
    for step in range(300):
        line.now_s += 0.05
        if step % 7 == 0:
            line.write()
        line.send()
        line.arrive(99, 99)
    assert len(line.found) > 80
    assert max(told_s - true_s for told_s, true_s in line.found) < HEARTBEAT_S + 2 * TICK_S


def test_somebody_who_passes_heartbeats_and_holds_the_word_for_75_s_does_not_make_it_younger() -> None:
    host, board, _ = connected(words=0)
    write(board, 0.0)
    held: list[bytes] = []
    for step in range(750):
        now_s = step * 0.1
        while frame := host.next_frame(now_s):
            board.receive(frame, now_s)
        while frame := board.next_frame(now_s):
            if content_in(frame)[0] in WRITING:
                held.append(frame)
            else:
                host.receive(frame, now_s)
        while host.next_event(now_s) is not None:
            pass
    assert host.failure is None, "nobody notices"
    host.receive(b"".join(held), 75.0)
    ages = [event.age_s for event in iter(lambda: host.next_event(75.0), None) if isinstance(event, WordEnded)]
    assert len(ages) == 1
    assert ages[0] is not None
    assert 75.0 - EXACT_S <= ages[0] < 76.5


def test_what_waited_in_the_board_is_as_old_as_it_is_when_the_host_comes() -> None:
    host, board = met(began_s=3600.0, words=2)
    ages = [
        event.age_s
        for event in Tap().talk(host, board, 3600.0)
        if isinstance(event, WordEnded) and event.age_s is not None
    ]
    assert ages == pytest.approx([3600.0 + TICK_S] * 2)


def test_a_host_that_slept_with_the_word_in_its_port_knows_how_old_it_is() -> None:
    host, board, _ = connected(words=1)
    buffered = b""
    while frame := board.next_frame(0.0):
        buffered += frame
    host.receive(buffered, 7200.0)
    ended = [event for event in iter(lambda: host.next_event(7200.0), None) if isinstance(event, WordEnded)]
    assert ended[0].age_s == pytest.approx(7200.0 + TICK_S + PARTING * (7200.0 - KEPT_S))


def test_a_word_waits_until_its_age_can_be_told_and_the_host_asks_soon() -> None:
    host, board = new_host(), new_board()
    board.receive(host.next_frame(0.0), 0.0)
    host.receive(board.next_frame(0.0), 0.0)
    board.receive(host.next_frame(0.0), 0.0)
    assert board.next_frame(0.0), "the reading, which is lost"
    while frame := board.next_frame(0.0):
        host.receive(frame, 0.0)
    assert isinstance(host.next_event(0.0), Connected)
    assert host.next_event(0.0) is None
    assert host.next_frame(0.0), "what has arrived is acknowledged at once"
    assert host.wake_s() <= HELLO_REPEAT_S
    board.receive(host.next_frame(HELLO_REPEAT_S), HELLO_REPEAT_S)
    while frame := board.next_frame(HEARTBEAT_S):
        host.receive(frame, HEARTBEAT_S)
    assert isinstance(host.next_event(HEARTBEAT_S), wire.Statistics), "it says what the board remembers"
    assert isinstance(host.next_event(HEARTBEAT_S), WordStarted)


@given(st.floats(0.0, 5000.0), st.floats(0.0, 5000.0), st.floats(1 - PARTING, 1 + PARTING), st.booleans())
def test_an_age_is_not_told_less_where_readings_stop_or_come_late_and_the_clocks_part(
    held_s: float, waited_s: float, pace: float, again: bool
) -> None:
    clock, now_s = BoardClock(), held_s + waited_s
    clock.asked(1, 0.0)
    clock.read(0, 1, 0.0 if again else held_s)
    clock.asked(2, 0.0)
    clock.read(0, 2, held_s)
    for true_s in (0.0, now_s / 2):
        told_s = clock.age_s(int((now_s - true_s) * pace / TICK_S), now_s)
        assert told_s is not None
        assert told_s >= true_s - PARTING * KEPT_S - TICK_S - EXACT_S


def test_an_old_reading_that_is_played_again_is_refused() -> None:
    host, board, tap = connected(words=0)
    tap.talk(host, board, 3.0)
    before = host._clock._ahead_s
    for frame in tap.up:
        host.receive(frame, 60.0)
    assert (host._clock._ahead_s, host.failure) == (before, None)


def test_a_reading_with_a_smaller_bound_is_kept_for_a_while_and_memory_is_bounded() -> None:
    clock = BoardClock()
    for number in range(3 * REMEMBERED):
        clock.asked(number + 1, number * 0.001)
    assert len(clock._sent_s) == REMEMBERED
    clock.read(10, 1, 1.0)
    assert not clock.is_read, "that one was sent too long ago to be remembered"
    for number, now_s in ((5000, 10.0), (5001, 11.0), (5002, 10.0 + KEPT_S + 0.1)):
        clock.asked(number, now_s)
    clock.read(100, 5000, 10.0)
    assert clock.age_s(100, 10.0) == pytest.approx(TICK_S)
    clock.read(120, 5001, 11.0)
    assert clock.age_s(110, 11.0) == pytest.approx(TICK_S), "a slower answer"
    clock.read(220, 5002, 10.0 + KEPT_S + 0.1)
    assert clock.age_s(220, 10.0 + KEPT_S + 0.1) == pytest.approx(TICK_S), "the kept one has been kept long enough"
    assert list(clock._sent_s) == [5002]


def test_the_board_s_clock_says_the_same_before_and_after_four_days_and_counts_from_its_start() -> None:
    board = BoardSession(wire.Info(b"p" * 8, 1, 0, 0, wire.Kind.PEN, 1, "b", "m", "f", b""), 1000.0, key=KEY)
    for days in (0, 24.9, 49.8, 4000):
        assert board.statistics(1000.0 + days * 86_400 + 0.19).uptime_ds == round(days * 864_000) + 1


def test_a_connection_ends_before_a_number_comes_twice() -> None:
    host, board, tap = connected(words=1)
    board._origin = board._base = board._next = 0xFFFF_FFFD
    assert board.next_frame(0.0), "START"
    assert board.next_frame(0.0), "FRAGMENT, the last place"
    assert board.next_frame(0.0) == b""
    assert board.state is BoardState.SILENT
    assert words_in(tap.talk(new_host(nonce=2), board)) == 1, "another connection counts anew"
    host._acknowledgements = 0xFFFF_FFFE
    assert host.next_frame(HEARTBEAT_S)
    assert host.next_frame(2 * HEARTBEAT_S) == b""
    assert isinstance(host.failure, LinkError)
    assert "used up" in str(host.failure)


def test_the_stream_of_a_board_shows_nothing_of_a_word_but_how_long_its_frames_are() -> None:
    """Ids and numbers are in the clear; times and counts are not."""
    host, board, tap = connected(words=0)
    write(board, 0.0)
    tap.talk(host, board, 1.0)
    for frame in tap.up:
        content = content_in(frame)
        if content[0] in WRITING:
            assert board._session_key is not None
            plain = sealing.opened(board._session_key, wire.FROM_BOARD, content)
            assert plain is not None
            assert plain[wire.Header.SIZE :] != content[wire.Header.SIZE : -wire.TAG_BYTES]
