"""Questions to a board's network, one exchange at a time: carried out, repeated, ignored, refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from ends import BOARD, forge, greet, new_board, new_host, pixels

from firmware_bridge.session.board import BoardSession
from firmware_bridge.session.errors import (
    BoardRestartedError,
    BoardSilentError,
    CannotError,
    NetworkFailedError,
    ProtocolViolationError,
    UnansweredError,
)
from firmware_bridge.session.events import WordEnded
from firmware_bridge.session.exchange import ANSWER_TIMEOUT_S, RETRANSMIT_S, SILENCE_S, split_frame
from firmware_bridge.session.host import HostSession
from firmware_bridge.session.questions import Answer, Question, probes
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import sealing
from firmware_bridge.wire.framing import FrameReceiver, encode_frame
from firmware_bridge.wire.pixels import Pixels

INFO = wire.Info(wire.PROTOCOL_HASH, 77, 0, 0, wire.Kind.GATE, 1, BOARD, "gate", "1.2.3", b"")
pytestmark = pytest.mark.usefixtures("each_key")

IDENTITY = wire.Identity(bytes(range(32)), "hash", "hashlib", "1", "any")


class Memory:
    """A network whose logits are a hash of the word so far; it counts what it was given."""

    identity = IDENTITY

    def __init__(self, outputs: int = 11) -> None:
        self.steps = 0
        self.word = b""
        self.outputs = outputs

    def step(self, pixels: Pixels, first: bool) -> bytes:
        self.steps += 1
        self.word = (b"" if first else self.word) + pixels.tobytes()
        return (hashlib.sha256(self.word).digest() * 9)[: self.outputs]


class Failing(Memory):
    def step(self, pixels: Pixels, first: bool) -> bytes:
        raise NetworkFailedError("the interpreter failed:\n" + "x" * 100)


def connected(network: Memory | None, bits: int = 1) -> tuple[HostSession, BoardSession]:
    """Return a host that has read its board's clock, and the board, which has nothing more to send."""
    board, host = new_board(replace(INFO, pixel_bits=bits), 0.0, network=network), new_host(4711, 0.0)
    greet(host, board)
    assert host.next_frame(0.0) == board.next_frame(0.0) == b""
    return host, board


def exchange(host: HostSession, board: BoardSession, question: Question, now_s: float = 0.0) -> Answer | None:
    host.ask(question, now_s)
    board.receive(host.next_frame(now_s), now_s)
    host.receive(board.next_frame(now_s), now_s)
    return host.answer


def message(host: HostSession, frame: bytes) -> wire.Message:
    (content,) = FrameReceiver().feed(frame)
    plain = content if host._session_key is None else sealing.opened(host._session_key, wire.FROM_BOARD, content)
    assert plain is not None
    return wire.decode(plain[0], split_frame(plain)[1])


def question_by_hand(host: HostSession, number: int, asked: Question) -> bytes:
    return forge(asked, host, number)


def test_a_board_says_which_network_it_runs() -> None:
    host, board = connected(Memory())
    assert exchange(host, board, wire.Identify()) == IDENTITY


@pytest.mark.parametrize("bits", [1, 8])
def test_fragments_of_either_depth_reach_the_network_as_they_are(bits: int) -> None:
    network, direct = Memory(), Memory()
    host, board = connected(network, bits)
    rng = np.random.default_rng(1)
    for index in (0, 1, 2, 0):
        fragment = pixels(index) if bits == 1 else rng.integers(0, 256, (33, 33), dtype=np.uint8)
        answers = [exchange(host, board, probe) for probe in probes(index, fragment, bits)]
        assert answers[:-1] == [wire.Logits(b"")] * (0 if bits == 1 else 4)
        assert answers[-1] == wire.Logits(direct.step(fragment, index == 0))
    assert network.steps == 4


def test_a_question_that_comes_twice_is_carried_out_once_and_answered_twice() -> None:
    network = Memory()
    host, board = connected(network)
    (probe,) = probes(0, pixels(1), 1)
    host.ask(probe, 0.0)
    asked = host.next_frame(0.0)
    for _ in range(2):
        board.receive(asked, 0.0)
        assert isinstance(message(host, board.next_frame(0.0)), wire.Logits)
    assert network.steps == 1


def test_a_lost_question_and_a_lost_answer_are_made_good_by_the_same_repetition() -> None:
    network = Memory()
    host, board = connected(network)
    (probe,) = probes(0, pixels(1), 1)
    host.ask(probe, 0.0)
    assert host.next_frame(0.0)  # lost
    assert host.next_frame(0.9 * RETRANSMIT_S) == b""
    board.receive(host.next_frame(RETRANSMIT_S), RETRANSMIT_S)
    assert board.next_frame(RETRANSMIT_S)  # lost
    board.receive(host.next_frame(2 * RETRANSMIT_S), 2 * RETRANSMIT_S)
    host.receive(board.next_frame(2 * RETRANSMIT_S), 2 * RETRANSMIT_S)
    assert host.answer == wire.Logits(Memory().step(pixels(1), True))
    assert network.steps == 1


def test_a_late_answer_is_not_taken_for_the_answer_to_the_next_question() -> None:
    host, board = connected(Memory())
    (first,), (second,) = probes(0, pixels(1), 1), probes(1, pixels(2), 1)
    host.ask(first, 0.0)
    board.receive(host.next_frame(0.0), 0.0)
    late = board.next_frame(0.0)
    host.receive(late, 0.0)
    host.ask(second, 0.0)
    host.receive(late, 0.0)
    assert host.answer is None
    board.receive(host.next_frame(0.0), 0.0)
    host.receive(board.next_frame(0.0), 0.0)
    assert host.answer is not None


def test_a_late_question_neither_runs_the_network_nor_holds_up_the_answer_that_is_due() -> None:
    network = Memory()
    host, board = connected(network)
    host.ask(next(iter(probes(0, pixels(1), 1))), 0.0)
    late = host.next_frame(0.0)
    board.receive(late, 0.0)
    host.receive(board.next_frame(0.0), 0.0)
    host.ask(wire.Identify(), 0.0)
    board.receive(host.next_frame(0.0) + late, 0.0)
    assert message(host, board.next_frame(0.0)) == IDENTITY
    assert board.next_frame(0.0) == b""
    assert network.steps == 1


def test_a_question_ahead_of_its_time_is_passed_over() -> None:
    host, board = connected(Memory())
    board.receive(question_by_hand(host, 2, wire.Identify()), 0.0)
    assert board.next_frame(0.0) == b""
    assert exchange(host, board, wire.Identify()) == IDENTITY


def test_a_new_connection_counts_from_one_and_forgets_the_fragment_begun() -> None:
    network = Memory()
    host, board = connected(network, bits=8)
    grey = np.full((33, 33), 7, np.uint8)
    begun = list(probes(0, grey, 8))
    for probe in begun[:3]:
        exchange(host, board, probe)
    again = new_host(4712, 1.0)
    board.receive(again.next_frame(1.0), 1.0)
    again.receive(board.next_frame(1.0), 1.0)
    assert exchange(again, board, begun[3], 1.0) is None
    assert isinstance(again.failure, CannotError)
    assert network.steps == 0


def test_a_board_without_a_network_says_that_it_cannot_and_keeps_its_words() -> None:
    host, board = connected(None)
    board.start_word(0.0)
    board.add_fragment(pixels(1))
    board.end_word(0.0)
    assert exchange(host, board, wire.Identify()) is None
    assert isinstance(host.failure, CannotError)
    assert "no network runs on this board" in str(host.failure)
    assert host.failure.exit_code == 3
    assert board.unacknowledged() == [1]


def test_questions_take_no_word_from_a_board_and_the_next_host_gets_it_whole() -> None:
    host, board = connected(Memory())
    board.start_word(0.0)
    for index in range(20):
        board.add_fragment(pixels(index))
    board.end_word(0.0)
    for step in range(30):
        assert exchange(host, board, wire.Identify(), step * 0.1) is not None
        while frame := board.next_frame(step * 0.1):
            host.receive(frame, step * 0.1)
        while frame := host.next_frame(step * 0.1):
            board.receive(frame, step * 0.1)
    assert board.unacknowledged() == [1]
    taker = new_host(4712, 4.0)
    board.receive(taker.next_frame(4.0), 4.0)
    ended = []
    for _ in range(10):
        while frame := board.next_frame(4.0):
            taker.receive(frame, 4.0)
        while (event := taker.next_event(0.0)) is not None:
            ended.append(event)
        board.receive(taker.next_frame(4.0), 4.0)
    assert WordEnded(77, 1, 20) in ended


@pytest.mark.parametrize(
    ("network", "asked", "obstacle"),
    [
        (Memory(), wire.Probe(1, 0, bytes(137)), wire.Obstacle.OUT_OF_ORDER),
        (Memory(), wire.Probe(0, 1, bytes(136)), wire.Obstacle.OUT_OF_ORDER),
        (Memory(outputs=221), wire.Probe(0, 0, bytes(137)), wire.Obstacle.TOO_MANY_OUTPUTS),
        (Memory(), wire.Probe(0, 0, bytes(136) + b"\x01"), wire.Obstacle.NOT_A_FRAGMENT),
        (Memory(), wire.Probe(0, 0, bytes(138)), wire.Obstacle.NOT_A_FRAGMENT),
        (Failing(), wire.Probe(0, 0, bytes(137)), wire.Obstacle.NETWORK_FAILED),
    ],
)
def test_what_a_board_cannot_answer_is_named(network: Memory, asked: Question, obstacle: wire.Obstacle) -> None:
    host, board = connected(network)
    exchange(host, board, asked)
    assert isinstance(host.failure, CannotError)
    assert f"({obstacle.name.lower()})" in str(host.failure)


def test_217_users_and_the_stranger_fit_in_an_answer() -> None:
    host, board = connected(Memory(outputs=218))
    answer = exchange(host, board, wire.Probe(0, 0, bytes(137)))
    assert isinstance(answer, wire.Logits)
    assert len(answer.values) == 218


def test_an_answer_of_another_kind_than_the_question_is_against_the_rules() -> None:
    host, _ = connected(Memory())
    host.ask(wire.Identify(), 0.0)
    host.next_frame(0.0)
    host.receive(forge(wire.Logits(b""), host, 1, sender=wire.FROM_BOARD), 0.0)
    assert isinstance(host.failure, ProtocolViolationError)
    assert "LOGITS came as the answer to IDENTIFY" in str(host.failure)


def test_a_board_that_lives_and_does_not_answer_is_told_from_one_that_is_gone() -> None:
    for beats, expected in ((True, UnansweredError), (False, BoardSilentError)):
        host, board = connected(Memory())
        host.ask(wire.Identify(), 0.0)
        now_s = 0.0
        while host.failure is None:
            now_s += 0.1
            while host.next_frame(now_s):
                pass  # every question is lost
            if beats:
                beat = forge(board.statistics(now_s), host, round(now_s * 1000), sender=wire.FROM_BOARD)
                host.receive(beat, now_s)
        assert isinstance(host.failure, expected)
        limit_s = ANSWER_TIMEOUT_S if beats else SILENCE_S
        assert limit_s <= now_s < limit_s + 0.2


def test_a_board_that_was_restarted_between_questions_is_found_out() -> None:
    host, board = connected(Memory())
    exchange(host, board, wire.Identify())
    reborn = new_board(replace(INFO, session=78), 0.0, network=Memory())
    host.ask(wire.Identify(), 0.1)
    for _ in range(2):  # the question, which brings a hint; HELLO, which brings the proof
        reborn.receive(host.next_frame(0.1), 0.1)
        host.receive(reborn.next_frame(0.1), 0.1)
    assert isinstance(host.failure, BoardRestartedError)


def test_bytes_that_are_no_question_change_nothing() -> None:
    network = Memory()
    host, board = connected(network)
    header = wire.Header(wire.Probe.ID, host._token, 1)
    for payload in (b"", b"\0", bytes(2) + b"\xff\xff" + bytes(137), bytes(4 + 221)):
        board.receive(encode_frame(header.encode() + payload), 0.0)
        assert board.next_frame(0.0) == b""
    assert exchange(host, board, wire.Identify()) == IDENTITY
    assert network.steps == 0
