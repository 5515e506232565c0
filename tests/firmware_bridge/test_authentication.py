"""What an adversary can send down the line to either end, and that nothing comes of it but a counter."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2s

import pytest
from ends import pixels

from firmware_bridge import tags, wire
from firmware_bridge.errors import (
    AuthenticationError,
    BoardRestartedError,
    BoardSilentError,
    CounterError,
    DowngradeError,
    KeyMissingError,
    ProtocolMismatchError,
    UnprovisionedError,
    WrongKeyError,
)
from firmware_bridge.events import Connected, WordEnded
from firmware_bridge.framing import FrameCounters, FrameReceiver, encode_frame
from firmware_bridge.session import HELLO_TIMEOUT_S, content_of, frame_of, split_frame
from firmware_bridge.session_board import BoardSession, BoardState
from firmware_bridge.session_host import BoardKey, HostSession

BOARD = "pen-1"
INFO = wire.Info(wire.PROTOCOL_HASH, 77, 0, 0, wire.Kind.PEN, 1, BOARD, "virtual", "1.2.3", b"")
KEY, OTHER_KEY = bytes(range(32)), bytes(32)
TAGGED_FROM_HOST = (wire.Acknowledge.ID, wire.Identify.ID, wire.Probe.ID, wire.Provision.ID)


def new_host(nonce: int = 1, now_s: float = 0.0, key: bytes | None = KEY, session: int = 0) -> HostSession:
    keys = {} if key is None else {BOARD: BoardKey(key, session)}
    return HostSession(nonce.to_bytes(16, "little"), now_s, keys=keys, counters=FrameCounters())


def new_board(words: int = 1, key: bytes | None = KEY, session: int = 77, first: int = 0) -> BoardSession:
    board = BoardSession(replace(INFO, session=session), 0.0, key=key)
    for word in range(words):
        board.start_word()
        for index in range(2):
            board.add_fragment(pixels(100 * (first + word) + index))
        board.end_word()
    return board


class Tap:
    """A line on which somebody listens: all frames, by direction, in order."""

    def __init__(self) -> None:
        self.up: list[bytes] = []
        self.down: list[bytes] = []

    def talk(self, host: HostSession, board: BoardSession, now_s: float = 0.0, rounds: int = 8) -> list[object]:
        """Let both ends say all they have, some times; the events that came of it."""
        events: list[object] = []
        for _ in range(rounds):
            while frame := host.next_frame(now_s):
                self.down.append(frame)
                board.receive(frame, now_s)
            while frame := board.next_frame(now_s):
                self.up.append(frame)
                host.receive(frame, now_s)
            while (event := host.next_event()) is not None:
                events.append(event)
        return events


def content_in(frame: bytes) -> bytes:
    (content,) = FrameReceiver().feed(frame)
    return content


def refused(host: HostSession) -> int:
    return host._receiver.counters.refused


def words_in(events: list[object]) -> int:
    return sum(isinstance(event, WordEnded) for event in events)


def connected(**options: int) -> tuple[HostSession, BoardSession, Tap]:
    """Both ends after INFO, and not a frame further."""
    host, board, tap = new_host(), new_board(**options), Tap()
    tap.down.append(host.next_frame(0.0))
    board.receive(tap.down[0], 0.0)
    tap.up.append(board.next_frame(0.0))
    host.receive(tap.up[0], 0.0)
    assert isinstance(host.next_event(), Connected)
    return host, board, tap


def a_conversation() -> tuple[HostSession, BoardSession, Tap]:
    """A word, a question and their answers went over the line, and all is acknowledged."""
    host, board, tap = connected()
    assert words_in(tap.talk(host, board)) == 1
    host.ask(wire.Identify(), 0.0)
    board.receive(host.next_frame(0.0), 0.0)
    tap.up.append(board.next_frame(0.0))
    assert board.unacknowledged() == []
    return host, board, tap


# What a tag is


def test_keys_and_tags_are_what_the_equations_say() -> None:
    """Written out with hashlib's BLAKE2s, and pinned, so that the firmware can be held against the same bytes."""
    nonce = bytes(range(16))
    info = replace(INFO, number=78, provisioned=1)
    greeting = b"\x01\x04\x03\x02\x01\0\0\0\0" + wire.PROTOCOL_HASH + nonce
    expected = blake2s(greeting + info.encode(), key=KEY).digest()
    found = tags.session_key(KEY, 0x01020304, wire.Hello(wire.PROTOCOL_HASH, nonce), info)
    assert found == expected
    content = content_of(wire.Acknowledge(3, 1), 7, 9)
    for sender in (wire.FROM_HOST, wire.FROM_BOARD):
        expected = blake2s(bytes((sender,)) + content, key=found, digest_size=16).digest()
        assert tags.tag(found, sender, content) == expected
        assert tags.untagged(found, sender, content + expected) == content
    pinned = tags.tag(KEY, wire.FROM_BOARD, b"inkgate")
    assert pinned.hex() == "8e1e6a5b250e868dec0352437cbdb2c0"


def test_every_frame_after_hello_ends_in_the_tag_of_its_sender_and_fits_in_a_frame() -> None:
    host, _, tap = a_conversation()
    key = host._session_key
    assert key is not None
    for frames, sender in ((tap.up, wire.FROM_BOARD), (tap.down[1:], wire.FROM_HOST)):
        assert len(frames) >= 2
        for frame in frames:
            assert len(frame) <= wire.MAX_WIRE_BYTES
            assert tags.untagged(key, sender, content_in(frame)) is not None
            assert tags.untagged(key, 3 - sender, content_in(frame)) is None
    largest = frame_of(wire.Fragment(0, 0, bytes(220)), 1, 1, sender=wire.FROM_BOARD, session_key=key)
    assert len(largest) <= wire.MAX_WIRE_BYTES


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


# Alteration and forgery


def test_no_altered_frame_of_a_board_is_taken() -> None:
    """Every byte of every frame, altered, with a CRC that fits."""
    rng = random.Random(1)
    _, _, tap = a_conversation()
    for frame in tap.up[1:]:
        content = content_in(frame)
        for place in range(len(content)):
            host, _, _ = connected()
            altered = bytearray(content)
            altered[place] ^= rng.randint(1, 255)
            host.receive(encode_frame(bytes(altered)), 0.0)
            assert host.next_event() is None
            assert host.failure is None
            assert (refused(host), host._expected, host._held) == (1, 0, {})
        host.receive(frame, 0.0)
        assert host.failure is None


def test_no_altered_frame_of_a_host_is_taken() -> None:
    rng = random.Random(2)
    _, _, tap = a_conversation()
    for frame in [frame for frame in tap.down if content_in(frame)[0] in TAGGED_FROM_HOST]:
        content = content_in(frame)
        for place in range(len(content)):
            _, board, _ = connected()
            while board.next_frame(0.0):
                pass
            altered = bytearray(content)
            altered[place] ^= rng.randint(1, 255)
            board.receive(encode_frame(bytes(altered)), 0.0)
            assert board.unacknowledged() == [1]
            assert (board._base, board._acknowledgements) == (0, 0)
            if altered[0] != wire.Hello.ID:
                assert board.statistics(0.0).refused == 1


def test_an_altered_info_connects_nobody() -> None:
    _, _, tap = connected()
    content = content_in(tap.up[0])
    for place in range(len(content)):
        host = new_host()
        host.next_frame(0.0)
        altered = bytearray(content)
        altered[place] ^= 0x15
        host.receive(encode_frame(bytes(altered)), 0.0)
        assert host.info is None
        assert host.next_event() is None
        assert isinstance(host.failure, ProtocolMismatchError | KeyMissingError | UnprovisionedError | None)


@pytest.mark.parametrize(
    "forgery", ["no tag", "zeros", "half", "another key", "the other direction", "the board's key"]
)
def test_no_forged_frame_is_taken(forgery: str) -> None:
    host, board, _ = connected()
    while board.next_frame(0.0):
        pass
    key, token = host._session_key, host._token
    assert key is not None

    def forge(message: wire.Message, sequence: int, sender: int) -> bytes:
        content = content_of(message, token, sequence)
        forged = {
            "no tag": b"",
            "zeros": bytes(16),
            "half": tags.tag(key, sender, content)[:8],
            "another key": tags.tag(OTHER_KEY, sender, content),
            "the other direction": tags.tag(key, 3 - sender, content),
            "the board's key": tags.tag(KEY, sender, content),
        }
        return encode_frame(content + forged[forgery])

    for message in (wire.Start(1), wire.Error(wire.Fault.WORD_ABORTED, ""), board.statistics(0.0), wire.Logits(b"")):
        host.receive(forge(message, 0, wire.FROM_BOARD), 0.0)
    assert (refused(host), host.next_event(), host.failure) == (4, None, None)
    for question in (wire.Acknowledge(4, 0), wire.Identify(), wire.Provision(OTHER_KEY)):
        board.receive(forge(question, 1, wire.FROM_HOST), 0.0)
    assert board.statistics(0.0).refused == 3
    assert (board.next_frame(0.0), board.unacknowledged()) == (b"", [1])


def test_what_is_refused_is_no_sign_of_life() -> None:
    host, board, tap = connected()
    tap.talk(host, board)
    old = [frame for frame in tap.up if content_in(frame)[0] == wire.Statistics.ID]
    acknowledgements = [frame for frame in tap.down if content_in(frame)[0] == wire.Acknowledge.ID]
    assert old
    assert acknowledgements
    for step in range(1, 60):
        now_s = step * 0.1
        host.receive(b"".join(tap.up), now_s)
        board.receive(b"".join(acknowledgements), now_s)
        board.next_frame(now_s)
        host.next_frame(now_s)
    assert isinstance(host.failure, BoardSilentError)
    assert board.state is BoardState.SILENT
    assert refused(host) >= len(old) * 40
    assert board.statistics(6.0).refused >= len(acknowledgements) * 40


# Replay


def orders(frames: list[bytes]) -> list[list[bytes]]:
    """All of them, a part of them, and in other orders."""
    rng = random.Random(5)
    shuffled = [rng.sample(frames, len(frames)) for _ in range(20)]
    return [frames, frames[1:], frames[::2], frames[::-1], frames * 3, *shuffled]


@pytest.mark.parametrize("same_board", [True, False], ids=["the-board-goes-on", "the-board-was-restarted"])
def test_a_recorded_board_writes_nothing_to_a_new_host(same_board: bool) -> None:
    _, board, tap = a_conversation()
    for replay in orders(tap.up):
        host = new_host(nonce=2)
        live = board if same_board else new_board(words=0, session=78)
        live.receive(host.next_frame(0.0), 0.0)
        for frame in replay:
            host.receive(frame, 0.0)
        assert host.info is None
        if not same_board:
            played = new_host(nonce=2)
            played.next_frame(0.0)
            played.receive(b"".join(replay), 0.0)
            played.next_frame(HELLO_TIMEOUT_S)
            assert "play a recording" in str(played.failure)
        host.receive(live.next_frame(0.0), 0.0)
        for frame in replay:
            host.receive(frame, 0.0)
        assert isinstance(host.next_event(), Connected)
        assert (host.next_event(), host.failure) == (None, None)
        assert refused(host) == 2 * len(replay)


def test_a_recording_whose_connection_was_made_to_fit_is_refused_as_the_work_of_an_impostor() -> None:
    _, _, tap = a_conversation()
    host = new_host(nonce=2)
    host.next_frame(0.0)
    for frame in tap.up:
        header, payload = split_frame(content_in(frame))
        fitting = wire.Header(
            header.message, host._number if header.message == wire.Info.ID else 78 ^ 2, header.sequence
        )
        host.receive(encode_frame(fitting.encode() + payload), 0.0)
    # INFO is not among those that were refused: it is what the failure is about.
    assert (host.info, host.next_event(), refused(host)) == (None, None, len(tap.up) - 1)
    host.next_frame(HELLO_TIMEOUT_S)
    assert isinstance(host.failure, WrongKeyError)


def test_a_recorded_board_does_not_answer_the_very_hello_that_it_answered_then() -> None:
    """Not even if a host's nonces came again: then the session says that it is over, or that nothing is new."""
    _, _, tap = a_conversation()
    host = HostSession((1).to_bytes(16, "little"), 0.0, keys={BOARD: BoardKey(KEY, 78)})
    host.receive(b"".join(tap.up), 0.0)
    assert isinstance(host.failure, CounterError)


@pytest.mark.parametrize("session", [77, 78], ids=["the-board-goes-on", "the-board-was-restarted"])
def test_a_recorded_host_makes_a_board_forget_nothing(session: int) -> None:
    _, old, tap = a_conversation()
    for nonce, replay in enumerate(orders(tap.down), 3):
        board = old if session == 77 else new_board(words=0, session=session)
        kept = board.unacknowledged()
        board.start_word()
        board.add_fragment(pixels(5))
        board.end_word()
        for frame in replay:
            board.receive(frame, 0.0)
            while board.next_frame(0.0):
                pass
        for frame in replay:
            board.receive(frame, 0.0)
        assert board.unacknowledged() == [*kept, (kept or [board._word - 1])[-1] + 1]
        host = new_host(nonce)
        assert words_in(Tap().talk(host, board, rounds=12)) == len(kept) + 1


def test_what_another_board_wrote_is_not_taken() -> None:
    """Of another name with its own key, or of the same name with another key."""
    for info, key in (
        (replace(INFO, board="pen-2"), OTHER_KEY),
        (INFO, OTHER_KEY),
        (replace(INFO, board="pen-2"), KEY),
    ):
        host, board = new_host(), new_board()
        other = BoardSession(info, 0.0, key=key)
        other.start_word()
        other.end_word()
        hello = host.next_frame(0.0)
        board.receive(hello, 0.0)
        host.receive(board.next_frame(0.0), 0.0)
        other.receive(hello, 0.0)
        while frame := other.next_frame(0.0):
            host.receive(frame, 0.0)
        assert isinstance(host.next_event(), Connected)
        assert host.next_event() is None
        assert refused(host) >= 2


def test_an_acknowledgement_counts_once_and_never_backwards() -> None:
    host, board, tap = connected(words=3)
    tap.talk(host, board, rounds=3)
    done = board.statistics(0.0)
    for frame in orders([frame for frame in tap.down if content_in(frame)[0] == wire.Acknowledge.ID])[3]:
        board.receive(frame, 0.0)
    after = board.statistics(0.0)
    assert (after.words, after.frames_repeated) == (done.words, done.frames_repeated)
    assert after.refused - done.refused == after.frames_received - done.frames_received > 0


# Who may connect


def answer(host: HostSession, board: BoardSession) -> HostSession:
    board.receive(host.next_frame(0.0), 0.0)
    host.receive(board.next_frame(0.0), 0.0)
    return host


def test_an_unprovisioned_board_is_refused_at_once_with_both_ways_out() -> None:
    host = answer(new_host(key=None), new_board(key=None))
    assert isinstance(host.failure, UnprovisionedError)
    assert host.failure.exit_code == 4
    assert "inkgate firmware provision" in str(host.failure)
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
        assert "inkgate firmware provision" in str(host.failure)


@pytest.mark.parametrize(
    ("board", "expected", "help_"),
    [
        (lambda: new_board(key=None), DowngradeError, "provision --port PORT --again"),
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
    board.receive(frame_of(wire.Acknowledge(12, 0), board._token, 1), 0.0)
    assert board.unacknowledged() == [1, 2, 3]
    tap.talk(host, board)
    assert isinstance(host.failure, BoardRestartedError)
    assert words_in(tap.talk(new_host(nonce=9), board)) == 3


# Provisioning


def provisioning() -> tuple[BoardSession, HostSession, list[bytes]]:
    written: list[bytes] = []
    board = BoardSession(INFO, 0.0, keep_key=lambda key: written.append(key) or True)  # type: ignore[func-returns-value]
    board.start_word()
    board.end_word()
    host = answer(HostSession(bytes(16), 0.0, allow_unauthenticated=True), board)
    return board, host, written


def put(host: HostSession, board: BoardSession, question: wire.Provision) -> None:
    host.ask(question, 0.0)
    board.receive(host.next_frame(0.0), 0.0)
    while frame := board.next_frame(0.0):
        host.receive(frame, 0.0)


def test_a_board_without_a_key_takes_one_and_from_then_on_proves_it() -> None:
    board, host, written = provisioning()
    put(host, board, wire.Provision(KEY))
    assert isinstance(host.answer, wire.Provisioned)
    assert written == [KEY]
    again = new_host(nonce=2)
    assert words_in(Tap().talk(again, board)) == 1
    assert again.info is not None
    assert again.info.authenticated


def test_a_board_that_has_just_got_its_key_writes_and_believes_nothing_until_it_is_greeted_anew() -> None:
    board, host, _ = provisioning()
    put(host, board, wire.Provision(KEY))
    token = host._token
    board.receive(frame_of(wire.Acknowledge(0, 0), token, 5), 0.0)
    assert board.statistics(0.0).refused == 1
    assert board.next_frame(1.0) == b""
    board.receive(frame_of(wire.Hello(wire.PROTOCOL_HASH, bytes(16)), host._number), 1.0)  # no new one
    assert content_in(board.next_frame(1.0))[0] == wire.Info.ID
    assert board.next_frame(1.0) == b""
    assert board.unacknowledged() == [1]


def test_a_board_with_a_key_takes_no_other_not_even_from_its_host() -> None:
    board, host, written = provisioning()
    put(host, board, wire.Provision(KEY))
    put(host, board, wire.Provision(OTHER_KEY))
    assert "has a key already" in str(host.failure)
    owner = answer(new_host(nonce=2), board)
    put(owner, board, wire.Provision(OTHER_KEY))
    assert "has a key already" in str(owner.failure)
    assert written == [KEY]


@pytest.mark.parametrize("keep_key", [None, lambda key: False], ids=["cannot", "fails"])
def test_a_key_that_could_not_be_written_down_is_not_used(keep_key: Callable[[bytes], bool] | None) -> None:
    board = BoardSession(INFO, 0.0, keep_key=keep_key)
    host = answer(HostSession(bytes(16), 0.0, allow_unauthenticated=True), board)
    put(host, board, wire.Provision(KEY))
    assert "(not_stored)" in str(host.failure)
    again = answer(HostSession(bytes((2,) * 16), 0.0, allow_unauthenticated=True), board)
    assert again.info is not None


def test_a_key_that_was_asked_for_twice_is_written_down_once() -> None:
    board, host, written = provisioning()
    host.ask(wire.Provision(KEY), 0.0)
    asked = host.next_frame(0.0)
    for _ in range(3):
        board.receive(asked, 0.0)
        assert content_in(board.next_frame(0.0))[0] == wire.Provisioned.ID
    assert written == [KEY]
