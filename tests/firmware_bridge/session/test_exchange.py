"""Both ends of the line, one exchange at a time: answers, refusals, repetitions, what is kept."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from ends import BOARD, drain, forge, greet, new_board, new_host, pixels

from firmware_bridge.session.board import BoardSession, BoardState
from firmware_bridge.session.errors import (
    BoardRestartedError,
    BoardSilentError,
    HostSilentError,
    NoAnswerError,
    OutboxFullError,
    PixelDepthError,
    ProtocolMismatchError,
    ProtocolViolationError,
    WritingError,
)
from firmware_bridge.session.events import BoardFault, Connected, FragmentReceived, WordEnded, WordStarted
from firmware_bridge.session.exchange import HELLO_TIMEOUT_S, SILENCE_S, frame_of, split_frame
from firmware_bridge.session.host import HostSession
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import sealing
from firmware_bridge.wire.framing import FrameReceiver, encode_frame
from firmware_bridge.wire.pixels import Pixels

INFO = wire.Info(wire.PROTOCOL_HASH, 77, 0, 0, wire.Kind.PEN, 1, BOARD, "virtual", "1.2.3", b"")
pytestmark = pytest.mark.usefixtures("each_key")


def connected(words: int = 1, length: int = 2, info: wire.Info = INFO) -> tuple[HostSession, BoardSession]:
    """Return a host that has read its board's clock, and the board with words to send; no other frame was sent."""
    board, host = new_board(info, 0.0), new_host(4711, 0.0)
    for word in range(words):
        board.start_word(0.0)
        for index in range(length):
            board.add_fragment(pixels(100 * word + index))
        board.end_word(0.0)
    greet(host, board)
    assert isinstance(host.next_event(0.0), Connected)
    assert isinstance(host.next_event(0.0), wire.Statistics)
    return host, board


def test_a_host_that_gets_no_answer_gives_up_within_five_seconds() -> None:
    host = new_host(1, 0.0)
    hellos = sum(bool(host.next_frame(step * 0.01)) for step in range(500))
    assert isinstance(host.failure, NoAnswerError)
    assert "inkgate ports" in str(host.failure)
    assert hellos == HELLO_TIMEOUT_S / 0.25


def test_noise_instead_of_an_answer_asks_about_the_baud_rate() -> None:
    host = new_host(1, 0.0)
    host.receive(b"\x99\x80\0\x13\x01\0", 0.1)
    host.next_frame(HELLO_TIMEOUT_S)
    assert "baud rate" in str(host.failure)


def test_a_silent_board_is_named_within_five_seconds() -> None:
    host, _ = connected()
    host.next_frame(SILENCE_S - 0.01)
    assert host.failure is None
    host.next_frame(SILENCE_S)
    assert isinstance(host.failure, BoardSilentError)
    assert BOARD in str(host.failure)


def test_a_board_without_host_stops_within_five_seconds_keeps_its_words_and_goes_on_when_it_is_back() -> None:
    host, board = connected()
    frames = []
    for step in range(600):
        while frame := board.next_frame(step * 0.01):
            frames.append(frame)
    assert board.state is BoardState.SILENT
    assert isinstance(board.failure, HostSilentError)
    assert board.next_frame(100.0) == b""
    assert board.unacknowledged() == [1]
    host.receive(b"".join(frames), 100.0)
    events = drain(host)
    assert isinstance(events[-1], wire.Statistics | WordEnded)
    board.receive(host.next_frame(100.0), 100.0)
    assert board.unacknowledged() == []
    assert board.failure is None


def test_a_frame_is_acknowledged_only_when_the_next_event_is_asked_for() -> None:
    host, board = connected(words=1, length=1)
    for _ in range(3):
        host.receive(board.next_frame(0.0), 0.0)
    assert isinstance(host.next_event(0.0), WordStarted)
    assert isinstance(host.next_event(0.0), FragmentReceived)
    assert isinstance(host.next_event(0.0), WordEnded)
    assert acknowledged(host) == 2, "END must not be acknowledged while its event is being taken care of"
    board.receive(host.next_frame(2.0), 2.0)
    assert board.unacknowledged() == [1]
    assert host.next_event(0.0) is None
    assert acknowledged(host) == 3


def acknowledged(host: HostSession) -> int:
    """Return `consumed` of the next ACKNOWLEDGE."""
    (content,) = FrameReceiver().feed(host.next_frame(1.0))
    if host._session_key is not None:
        plain = sealing.opened(host._session_key, wire.FROM_HOST, content)
        assert plain is not None
        content = plain
    return wire.Acknowledge.decode(split_frame(content)[1]).consumed


def test_a_word_whose_end_was_not_acknowledged_comes_again_whole_to_the_next_host() -> None:
    host, board = connected(words=1, length=3)
    for _ in range(5):
        host.receive(board.next_frame(0.0), 0.0)
    for _ in range(4):
        host.next_event(0.0)
    board.receive(host.next_frame(0.0), 0.0)  # all but END are consumed
    again = new_host(4712, 1.0)
    greet(again, board, 1.0)
    while frame := board.next_frame(1.0):
        again.receive(frame, 1.0)
    kinds = [type(event) for event in drain(again) if not isinstance(event, wire.Statistics)]
    assert kinds[:6] == [Connected, WordStarted, FragmentReceived, FragmentReceived, FragmentReceived, WordEnded]


def test_a_word_that_was_consumed_to_its_end_comes_no_more_in_this_session_but_in_another() -> None:
    for session, expected in ((77, 0), (78, 1)):
        _, board = connected(words=1)
        again = new_host(4712, 1.0, delivered={BOARD: (session, 1)})
        greet(again, board, 1.0)
        while frame := board.next_frame(1.0):
            again.receive(frame, 1.0)
        assert sum(isinstance(event, WordEnded) for event in drain(again)) == expected
        board.receive(again.next_frame(1.0), 1.0)
        assert board.unacknowledged() == []


def test_another_protocol_is_refused_with_the_command_that_helps() -> None:
    board, host = new_board(replace(INFO, protocol_hash=b"otherone"), 0.0), new_host(1, 0.0)
    board.receive(host.next_frame(0.0), 0.0)
    host.receive(board.next_frame(0.0), 0.0)
    assert isinstance(host.failure, ProtocolMismatchError)
    assert b"otherone".hex() in str(host.failure)
    assert "inkgate firmware flash" in str(host.failure)


def test_an_info_of_another_protocol_is_named_even_if_nothing_after_the_hash_can_be_read() -> None:
    host = new_host(1, 0.0)
    host.receive(encode_frame(wire.Header(wire.Info.ID, 1, 0).encode() + b"otherone" + b"\xff" * 50), 0.0)
    assert isinstance(host.failure, ProtocolMismatchError)


def test_a_board_answers_a_hello_of_another_protocol_but_sends_no_word() -> None:
    board = new_board(INFO, 0.0)
    board.start_word(0.0)
    board.receive(frame_of(wire.Hello(b"otherone", bytes(16)), 1), 0.0)
    assert board.next_frame(0.0)
    assert board.next_frame(0.0) == b""
    assert board.state is BoardState.WAITING


def test_a_board_of_another_pixel_depth_is_refused() -> None:
    info = replace(INFO, pixel_bits=8, model="rp2040", kind=wire.Kind.CAMERA)
    board, host = new_board(info, 0.0), new_host(1, 0.0, pixel_bits=1)
    board.receive(host.next_frame(0.0), 0.0)
    host.receive(board.next_frame(0.0), 0.0)
    assert isinstance(host.failure, PixelDepthError)
    assert "`inkgate firmware build rp2040 camera --set pixel_bits=1`" in str(host.failure)


def test_a_host_that_asks_again_after_a_reset_never_goes_on_with_the_connection_of_before() -> None:
    tokens = []
    for session in (77, 78, 79):
        for others in range(5):
            board, host = new_board(replace(INFO, session=session), 0.0), new_host(1, 0.0)
            for number in range(2, 2 + others):
                board.receive(new_host(number, 0.0).next_frame(0.0), 0.0)
            board.receive(host.next_frame(0.0), 0.0)
            host.receive(board.next_frame(0.0), 0.0)
            tokens.append(host._token)
    assert len(set(tokens)) == len(tokens) == 15


def test_a_board_that_was_restarted_is_found_out_by_the_next_sign_of_life() -> None:
    host, _ = connected()
    reborn = new_board(replace(INFO, session=78), 1.0)
    reborn.receive(host.next_frame(1.0), 1.0)
    host.receive(reborn.next_frame(1.0), 1.0)
    assert host.failure is None, "anybody could have said so"
    reborn.receive(host.next_frame(1.0), 1.0)
    host.receive(reborn.next_frame(1.0), 1.0)
    assert isinstance(host.failure, BoardRestartedError)


def test_an_intact_frame_against_the_rules_ends_the_connection_by_name() -> None:
    for payload in (wire.End(3, 1, 0).encode(), b"\xff"):
        host, _ = connected()
        content = wire.Header(wire.End.ID, host._token, 0).encode() + payload
        key = host._session_key
        host.receive(encode_frame(sealing.seal(key, wire.FROM_BOARD, content) if key else content), 0.0)
        assert isinstance(host.failure, ProtocolViolationError)


def test_a_fault_in_mid_word_is_delivered_and_the_next_word_is_whole() -> None:
    host, board = connected(words=0)
    board.start_word(0.0)
    board.add_fragment(pixels(1))
    board.fail(wire.Fault.WORD_ABORTED, "pen lifted off")
    board.start_word(0.0)
    board.end_word(0.0)
    while frame := board.next_frame(0.0):
        host.receive(frame, 0.0)
    events = [event for event in drain(host) if not isinstance(event, wire.Statistics)]
    assert events[0] == WordStarted(77, 1)
    assert events[2:] == [BoardFault("word_aborted", "pen lifted off", 77, 1), WordStarted(77, 2), WordEnded(77, 2, 0)]


def test_a_board_keeps_no_more_words_than_it_has_room_for_and_takes_only_writing() -> None:
    board = new_board(INFO, 0.0, capacity_words=2)
    for _ in range(2):
        board.start_word(0.0)
        with pytest.raises(WritingError):
            board.start_word(0.0)
        board.end_word(0.0)
    with pytest.raises(OutboxFullError):
        board.start_word(0.0)
    with pytest.raises(OutboxFullError):
        board.fail(wire.Fault.SENSOR_FAILED, "")
    for act in (lambda: board.end_word(0.0), lambda: board.add_fragment(pixels(1))):
        with pytest.raises(WritingError):
            act()


def test_any_bytes_leave_both_ends_alive() -> None:
    rng = random.Random(3)
    host, board = connected()
    for _ in range(300):
        garbage = rng.randbytes(rng.randrange(300))
        framed = encode_frame(rng.randbytes(rng.randrange(60)))
        for end in (host, board):
            end.receive(garbage + b"\0" + framed, 0.0)
    while frame := board.next_frame(0.0):
        host.receive(frame, 0.0)
    assert sum(isinstance(event, WordEnded) for event in drain(host)) == 1


def test_frames_from_outside_the_window_are_not_kept() -> None:
    host, board = connected(words=3)
    frames = [board.next_frame(0.0) for _ in range(wire.WINDOW_FRAMES)]
    for _ in range(2):
        host.receive(b"".join(frames), 0.0)  # old ones, the second time
        assert len(drain(host)) in (wire.WINDOW_FRAMES, 0)
        assert host._held == {}
    for ahead in (2 * wire.WINDOW_FRAMES - 1, 2 * wire.WINDOW_FRAMES, 0xFFFF_FFFF):
        host.receive(forge(wire.Start(9, 0), host, ahead, sender=wire.FROM_BOARD), 0.0)
    assert list(host._held) == [2 * wire.WINDOW_FRAMES - 1]


def test_an_acknowledgement_of_what_was_never_sent_or_is_long_past_changes_nothing() -> None:
    host, board = connected(words=1)
    board.next_frame(0.0)
    for number, consumed in enumerate((2, 4, 0xFFFF_FFFF), 1):
        board.receive(forge(wire.Acknowledge(consumed, 0xFF, bytes(16)), host, number), 0.0)
        assert board.unacknowledged() == [1]
    while board.next_frame(0.0):
        pass
    for number, consumed in ((9, 3), (10, 1), (8, 4), (9, 4)):
        board.receive(forge(wire.Acknowledge(consumed, 0, bytes(16)), host, number), 0.0)
    assert board.under_way == 1
    assert board._base == 3


def deliver_all(board: BoardSession, host: HostSession, now_s: float = 0.0) -> list[bytes]:
    """Deliver all due frames both ways, let the host take all events; return the board's frames."""
    frames = []
    while frame := board.next_frame(now_s):
        frames.append(frame)
        host.receive(frame, now_s)
    drain(host)
    while frame := host.next_frame(now_s):
        board.receive(frame, now_s)
    return frames


def write_word(board: BoardSession, *fragments: Pixels) -> None:
    board.start_word(0.0)
    for fragment in fragments:
        board.add_fragment(fragment)
    board.end_word(0.0)


def test_frames_of_an_earlier_connection_are_not_taken_for_frames_of_this_one() -> None:
    host, board = connected(words=1)
    old = deliver_all(board, host)
    assert board.unacknowledged() == []
    again = new_host(4712, 1.0)
    greet(again, board, 1.0)
    again.receive(b"".join(old), 1.0)
    assert [type(event) for event in drain(again)] == [Connected, wire.Statistics]


def test_a_replayed_connection_makes_a_board_forget_nothing() -> None:
    board, first = new_board(INFO, 0.0), new_host(4711, 0.0)
    write_word(board, pixels(1))
    hello = first.next_frame(0.0)
    board.receive(hello, 0.0)
    first.receive(board.next_frame(0.0), 0.0)
    board.receive(first.next_frame(0.0), 0.0)
    while frame := board.next_frame(0.0):
        first.receive(frame, 0.0)
    drain(first)
    consumed_all = first.next_frame(0.0)
    board.receive(consumed_all, 0.0)
    assert board.unacknowledged() == []
    board.receive(new_host(4712, 1.0).next_frame(1.0), 1.0)
    write_word(board, pixels(2))
    board.receive(hello, 1.0)
    while board.next_frame(1.0):
        pass
    board.receive(consumed_all, 1.0)
    assert board.unacknowledged() == [2]


def test_an_acknowledgement_of_another_connection_is_answered_but_not_believed() -> None:
    host, board = connected(words=1)
    token = host._token
    while board.next_frame(0.0):
        pass
    host._token ^= 1
    board.receive(forge(wire.Acknowledge(4, 0, bytes(16)), host, 1), 0.0)
    host._token = token
    assert board.unacknowledged() == [1]
    (content,) = FrameReceiver().feed(board.next_frame(0.0))
    assert split_frame(content)[0] == wire.Header(wire.Info.ID, token ^ 1, 0)
    board.receive(forge(wire.Acknowledge(4, 0, bytes(16)), host, 2), 0.0)
    assert board.unacknowledged() == []


def test_a_hello_that_was_answered_already_disturbs_nothing() -> None:
    board, host = new_board(INFO, 0.0), new_host(4711, 0.0)
    write_word(board, pixels(1))
    hellos = [host.next_frame(0.0), host.next_frame(0.3)]
    board.receive(hellos[0], 0.3)
    host.receive(board.next_frame(0.3), 0.3)
    board.receive(host.next_frame(0.3), 0.3)
    for _ in range(3):
        host.receive(board.next_frame(0.3), 0.3)
    board.receive(hellos[1], 0.3)
    deliver_all(board, host, 0.3)
    assert host.failure is None
    assert board.unacknowledged() == []


def test_a_lost_frame_is_repeated_as_soon_as_a_later_one_was_acknowledged() -> None:
    host, board = connected(words=1)
    lost = board.next_frame(0.0)
    host.receive(board.next_frame(0.0), 0.0)
    board.receive(host.next_frame(0.0), 0.0)
    assert board.next_frame(0.001) == lost
    assert board.next_frame(0.001) != lost, "once is enough until more is known"


def test_a_lost_acknowledgement_of_the_last_frame_is_asked_for_again() -> None:
    host, board = connected(words=1)
    while frame := board.next_frame(0.0):
        host.receive(frame, 0.0)
    board.receive(host.next_frame(0.0), 0.0)  # received, not consumed
    drain(host)
    assert host.next_frame(0.0), "consumed; and lost"
    assert board.next_frame(0.1) == b""
    deliver_all(board, host, 0.2)
    assert board.unacknowledged() == []


def test_a_board_whose_frames_have_all_arrived_but_are_not_consumed_sleeps_between_its_questions() -> None:
    host, board = connected(words=1)
    while frame := board.next_frame(0.0):
        host.receive(frame, 0.0)
    board.receive(host.next_frame(0.0), 0.0)
    for step in range(1, 440):
        now_s = step * 0.01
        while board.next_frame(now_s):
            pass
        assert board.wake_s() > now_s
    assert 1 <= board.statistics(4.4).frames_repeated <= 9
