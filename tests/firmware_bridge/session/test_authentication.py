"""What is sealed, and the rules of who may connect to whom."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2s

import pytest
from ends import pixels
from tapped import (
    BOARD,
    INFO,
    KEY,
    OTHER_KEY,
    Tap,
    a_conversation,
    answer,
    connected,
    content_in,
    new_board,
    new_host,
    refused,
    words_in,
)

from firmware_bridge.session.board import BoardSession
from firmware_bridge.session.errors import (
    AuthenticationError,
    BoardRestartedError,
    CounterError,
    DowngradeError,
    KeyMissingError,
    UnprovisionedError,
    WrongKeyError,
)
from firmware_bridge.session.exchange import HEARTBEAT_S, HELLO_TIMEOUT_S, frame_of
from firmware_bridge.session.host import HostSession
from firmware_bridge.trust.board_keys import BoardKey
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import sealing
from firmware_bridge.wire.pixels import pack

# What is sealed


def test_the_session_key_is_what_the_equation_says() -> None:
    """Compute it with hashlib's BLAKE2s."""
    nonce = bytes(range(16))
    info = replace(INFO, number=78, provisioned=1)
    greeting = b"\x01\x04\x03\x02\x01\0\0\0\0" + wire.PROTOCOL_HASH + nonce
    expected = blake2s(greeting + info.encode(), key=KEY).digest()
    assert sealing.session_key(KEY, 0x01020304, wire.Hello(wire.PROTOCOL_HASH, nonce), info) == expected


def test_every_frame_after_hello_is_sealed_by_its_sender_and_fits_in_a_frame() -> None:
    host, _, tap = a_conversation()
    key = host._session_key
    assert key is not None
    for frames, sender in ((tap.up, wire.FROM_BOARD), (tap.down[1:], wire.FROM_HOST)):
        assert len(frames) >= 2
        for frame in frames:
            assert len(frame) <= wire.MAX_WIRE_BYTES
            assert sealing.opened(key, sender, content_in(frame)) is not None
            assert sealing.opened(key, 3 - sender, content_in(frame)) is None
    largest = frame_of(wire.Fragment(0, 0, 0, 0, bytes(218)), 1, 1, sender=wire.FROM_BOARD, session_key=key)
    assert len(largest) <= wire.MAX_WIRE_BYTES


def test_no_writing_is_on_the_line_in_the_clear() -> None:
    """Find no eight bytes of any payload in any frame of a keyed board; in those of another they are found."""
    for key, found in ((KEY, False), (None, True)):
        host, board, tap = HostSession(bytes(16), 0.0, allow_unauthenticated=True), new_board(key=key), Tap()
        if key is not None:
            host = new_host()
        assert words_in(tap.talk(host, board)) == 1
        line = b"".join(content_in(frame) for frame in tap.up)
        packed = pack(pixels(0), 1)
        assert any(packed[at : at + 8] in line for at in range(len(packed) - 8)) is found


def test_a_host_without_the_key_gets_info_and_nothing_else_however_long_it_says_hello() -> None:
    board, session = new_board(words=3), 78
    heard = set()
    for step in range(1000):
        now_s = step * 0.05
        stranger = HostSession(step.to_bytes(16, "little"), now_s, allow_unauthenticated=True)
        board.receive(stranger.next_frame(now_s), now_s)
        board.receive(
            frame_of(wire.Acknowledge(0, 0, bytes(16)), stranger._number ^ ((session << 16) + step + 1), 1), now_s
        )
        while frame := board.next_frame(now_s):
            heard.add(content_in(frame)[0])
    assert heard == {wire.Info.ID}
    assert board.unacknowledged() == [1, 2, 3]


def test_the_same_nonce_never_seals_two_contents() -> None:
    """Run both ends over lines that lose, with restarts: a nonce under a key belongs to one content for ever."""
    seen: dict[tuple[bytes, bytes], bytes] = {}
    rng = random.Random(11)
    for session in range(40):
        board = new_board(words=3, session=session)
        for nonce in range(4):
            host, now_s = new_host(100 * session + nonce), 0.0
            board.receive(host.next_frame(now_s), now_s)
            for _ in range(60):
                now_s += rng.choice((0.0, 0.05, 0.3, 2.0))
                if rng.random() < 0.1 and host.info is not None:
                    host.ask(wire.Identify(), now_s)
                for end, other, sender in ((host, board, wire.FROM_HOST), (board, host, wire.FROM_BOARD)):
                    while frame := end.next_frame(now_s):
                        key, content = board._session_key, content_in(frame)
                        if key is not None and content[0] != wire.Hello.ID:
                            place = key, sealing.nonce_of(sender, content)
                            assert seen.setdefault(place, content) == content
                        if rng.random() < 0.7:
                            other.receive(frame, now_s)
                while host.next_event(now_s) is not None:
                    pass
    assert len(seen) > 2000


def test_a_one_bit_fragment_with_its_tag_is_one_frame() -> None:
    _, board, _ = connected()
    frames = [board.next_frame(0.0) for _ in range(4)]
    assert [content_in(frame)[0] for frame in frames] == [
        wire.Start.ID,
        wire.Fragment.ID,
        wire.Fragment.ID,
        wire.End.ID,
    ]


def test_no_two_connections_of_a_board_have_one_session_key() -> None:
    keys = set()
    for session in (77, 78):
        board = new_board(session=session)
        for nonce in (1, 2, 1, 2):  # a host that uses a nonce twice, or somebody who replays its HELLO
            host = new_host(nonce)
            board.receive(host.next_frame(0.0), 0.0)
            host.receive(board.next_frame(0.0), 0.0)
            keys.add(host._session_key)
    assert len(keys) == 8


def test_a_host_number_that_comes_twice_is_another_connection_if_the_nonce_is_another() -> None:
    board = new_board()
    for nonce in (b"same" + bytes(12), b"same" + bytes(range(12))):
        host = HostSession(nonce, 0.0, keys={BOARD: BoardKey(KEY)})
        board.receive(host.next_frame(0.0), 0.0)
        host.receive(board.next_frame(0.0), 0.0)
        assert host.info is not None


# Who may connect


def test_an_unprovisioned_board_is_refused_at_once_with_both_ways_out() -> None:
    host = answer(new_host(key=None), new_board(key=None))
    assert isinstance(host.failure, UnprovisionedError)
    assert host.failure.exit_code == 4
    assert "`inkgate firmware provision --board rp2040 --port PORT`" in str(host.failure)
    assert "--allow-unauthenticated" in str(host.failure)


def test_an_unprovisioned_board_that_may_do_without_says_so() -> None:
    for key, authenticated in ((None, False), (KEY, True)):
        host = HostSession(bytes(16), 0.0, keys={BOARD: BoardKey(key)} if key else {}, allow_unauthenticated=True)
        answer(host, new_board(key=key))
        assert host.info is not None
        assert host.info.authenticated is authenticated


def test_a_board_whose_key_this_host_does_not_know_is_refused_even_if_it_may_do_without() -> None:
    for allowed in (True, False):
        host = answer(HostSession(bytes(16), 0.0, allow_unauthenticated=allowed), new_board())
        assert isinstance(host.failure, KeyMissingError)
        assert "`inkgate firmware provision --board rp2040 --again --port PORT`" in str(host.failure)


@pytest.mark.parametrize(
    ("board", "expected", "help_"),
    [
        (lambda: new_board(key=None), DowngradeError, "provision --board rp2040 --port PORT"),
        (lambda: new_board(key=OTHER_KEY), WrongKeyError, "another host provisioned it"),
    ],
)
def test_who_has_the_name_of_a_known_board_and_not_its_key_is_refused_in_the_end(
    board: Callable[[], BoardSession], expected: type[AuthenticationError], help_: str
) -> None:
    host = HostSession(bytes(16), 0.0, keys={BOARD: BoardKey(KEY)}, allow_unauthenticated=True)
    answer(host, board())
    assert (host.info, host.failure) == (None, None)
    host.next_frame(HELLO_TIMEOUT_S)
    assert isinstance(host.failure, expected)
    assert host.failure.exit_code == 4
    assert help_ in str(host.failure)
    assert refused(host) == 0, "it is the board that is refused, and that has been said"
    assert words_in(Tap().talk(host, board())) == 0


def test_an_impostor_that_answers_first_does_not_keep_the_board_out() -> None:
    for impostor in (new_board(key=None), new_board(key=OTHER_KEY)):
        host, board = new_host(), new_board()
        hello = host.next_frame(0.0)
        for end in (impostor, board):
            end.receive(hello, 0.0)
            host.receive(end.next_frame(0.0), 0.0)
        assert host.info is not None
        assert host.info.authenticated
        assert words_in(Tap().talk(host, board)) == 1
        assert refused(host) == 1


def test_a_board_whose_counter_went_back_is_refused() -> None:
    for seen, taken in ((76, True), (77, True), (78, False)):
        host = answer(new_host(session=seen), new_board(session=77))
        assert (host.info is not None) is taken
        assert isinstance(host.failure, CounterError) is not taken


def test_a_hint_that_the_board_was_restarted_is_believed_only_with_a_proof() -> None:
    host, board, _ = connected()
    hint = frame_of(replace(INFO, session=99, provisioned=1), host._token)
    impostor = frame_of(replace(INFO, session=99, provisioned=1, tag=bytes(16)), host._number)
    for forged in (hint, impostor, frame_of(replace(INFO, session=99), host._number)):
        host.receive(forged, 0.0)
        assert host.failure is None
    assert words_in(Tap().talk(host, board)) == 1
    reborn = new_board(session=78)
    reborn.receive(host.next_frame(1.0), 1.0)
    host.receive(reborn.next_frame(1.0), 1.0)
    answer(host, reborn)
    assert isinstance(host.failure, BoardRestartedError)


def test_a_stranger_who_greets_the_board_delays_its_words_and_takes_none() -> None:
    host, board, tap = connected(words=3)
    stranger = HostSession(b"a stranger's own", 0.0, allow_unauthenticated=True)
    board.receive(stranger.next_frame(0.0), 0.0)
    stranger.receive(board.next_frame(0.0), 0.0)
    assert isinstance(stranger.failure, KeyMissingError)
    board.receive(frame_of(wire.Acknowledge(12, 0, bytes(16)), board._token, 1), 0.0)
    assert board.unacknowledged() == [1, 2, 3]
    tap.talk(host, board, now_s=HEARTBEAT_S)
    assert isinstance(host.failure, BoardRestartedError)
    assert words_in(tap.talk(new_host(nonce=9), board)) == 3
