"""Questions over real pyserial: noise, and boards that stop, restart, cannot answer or keep silent."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.emulate.virtual_board import VirtualBoard, Word
from firmware_bridge.errors import BridgeError
from firmware_bridge.link import link
from firmware_bridge.link.errors import PortBusyError, PortLostError, PortMissingError
from firmware_bridge.link.inquiry import Inquiry
from firmware_bridge.session.board import BoardSession
from firmware_bridge.session.errors import (
    BoardRestartedError,
    BoardSilentError,
    CannotError,
    NoAnswerError,
    UnansweredError,
)
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.pixels import Pixels

open_link = partial(link.open_link, allow_unauthenticated=True)
"""A link that takes boards without keys; test_provision.py and session/test_authentication.py have keys."""

IDENTITY = wire.Identity(bytes(range(32)), "hash", "hashlib", "1", "any")


class Memory:
    """A network whose logits are a hash of the word so far."""

    identity = IDENTITY

    def __init__(self) -> None:
        self.word = b""

    def step(self, pixels: Pixels, first: bool) -> bytes:
        self.word = (b"" if first else self.word) + pixels.tobytes()
        return hashlib.sha256(self.word).digest()[:11]


def gate(bits: int = 1, words: tuple[Word, ...] = (), **options: float | Path | None) -> VirtualBoard:
    network = Memory()
    return VirtualBoard(
        words,
        kind=wire.Kind.GATE,
        pixel_bits=bits,
        baud_rate=None,
        network=network,
        **options,  # type: ignore[arg-type] # by name
    )


def writing(count: int, bits: int = 1) -> Word:
    rng = np.random.default_rng(4)
    if bits == 8:
        return rng.integers(0, 256, (count, 33, 33), dtype=np.uint8)
    return (rng.random((count, 33, 33)) < 0.3).astype(np.uint8) * np.uint8(255)


def first_error(port: str) -> BridgeError:
    with pytest.raises(BridgeError) as caught, Inquiry(port) as inquiry:
        inquiry.identify()
    assert str(caught.value).startswith(f"{port}: ")
    assert caught.value.exit_code == 3
    return caught.value


@pytest.mark.parametrize(("bits", "loss", "corrupt"), [(1, 0.0, 0.0), (1, 0.1, 0.1), (8, 0.05, 0.05)])
def test_every_answer_is_right_over_a_line_that_loses_and_damages_frames(
    bits: int, loss: float, corrupt: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.wire.messages.RETRANSMIT_MS", 30)
    with gate(bits, loss=loss, corrupt=corrupt, seed=3) as board, Inquiry(board.start()) as inquiry:
        assert inquiry.identify() == IDENTITY
        direct = Memory()
        for place, pixels in enumerate(writing(48, bits)):
            assert inquiry.step(place % 6, pixels) == direct.step(pixels, place % 6 == 0)
        assert (min(board.spoiled) > 0) == (loss > 0)


def test_a_board_that_is_asked_in_between_still_delivers_every_word() -> None:
    word = writing(12)
    with gate(words=(word, word)) as board:
        with Inquiry(board.start()) as inquiry:
            assert inquiry.identify() == IDENTITY
            assert inquiry.step(0, word[0]) == Memory().step(word[0], True)
        assert board.acknowledged == []
        with open_link(board.start(), idle_timeout_s=1.0) as link:
            list(link.events())
        assert len(board.acknowledged) == 2


def test_a_board_without_a_network_is_a_device_error_said_at_once() -> None:
    with VirtualBoard([writing(3)]) as board:
        began_s = time.monotonic()
        error = first_error(board.start())
    assert isinstance(error, CannotError)
    assert "no network" in str(error)
    assert time.monotonic() - began_s < 3.0


def test_a_board_that_stops_in_mid_word_is_named() -> None:
    with gate() as board, Inquiry(board.start()) as inquiry:
        inquiry.step(0, writing(1)[0])
        board.kill()
        with pytest.raises(PortLostError):
            inquiry.step(1, writing(1)[0])


def test_a_board_that_falls_silent_in_mid_word_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.session.host.SILENCE_S", 0.4)
    with gate() as board, Inquiry(board.start()) as inquiry:
        inquiry.step(0, writing(1)[0])
        monkeypatch.setattr(BoardSession, "receive", lambda _self, _data, _now_s: None)
        monkeypatch.setattr(BoardSession, "next_frame", lambda _self, _now_s: b"")
        with pytest.raises(BoardSilentError, match="virtual-gate has been silent"):
            inquiry.step(1, writing(1)[0])


def test_a_board_that_only_sends_its_heartbeat_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.session.questions.ANSWER_TIMEOUT_S", 0.6)
    monkeypatch.setattr("firmware_bridge.session.questions.Answering.take", lambda *_arguments: (False, False))
    with gate() as board:
        error = first_error(board.start())
    assert isinstance(error, UnansweredError)


def test_a_board_that_was_reset_in_mid_word_is_named_and_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind an adapter the port stays when the board loses power: only its new session shows it."""
    with gate() as board, Inquiry(board.start()) as inquiry:
        inquiry.step(0, writing(1)[0])
        session = board._session
        assert session is not None
        session.__init__(  # type: ignore[misc] # the power comes back in the same place
            wire.Info(wire.PROTOCOL_HASH, 5, 0, 0, wire.Kind.GATE, 1, "virtual-gate", "virtual", "1", b""),
            time.monotonic(),
            network=Memory(),
        )
        with pytest.raises(BoardRestartedError, match="was restarted"):
            inquiry.step(1, writing(1)[0])


@pytest.fixture
def silent_pty() -> Iterator[str]:
    """Yield a pty with nobody behind it."""
    master, slave = os.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_a_line_with_nobody_on_it_and_a_port_that_is_not_there_are_named(
    silent_pty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.session.host.HELLO_TIMEOUT_S", 0.3)
    assert isinstance(first_error(silent_pty), NoAnswerError)
    assert isinstance(first_error("/dev/ttyNONE"), PortMissingError)


def test_a_port_that_another_program_holds_is_named() -> None:
    with gate() as board, Inquiry(board.start()):
        assert board.path is not None
        assert isinstance(first_error(board.path), PortBusyError)


def test_a_board_may_come_later(tmp_path: Path) -> None:
    board = gate(link=tmp_path / "pi")
    timer = threading.Timer(0.3, board.start)
    timer.start()
    try:
        with Inquiry(str(tmp_path / "pi"), connect_patience_s=10.0) as inquiry:
            assert inquiry.info.board == "virtual-gate"
    finally:
        timer.join()
        board.kill()


def test_an_inquiry_gives_its_port_back_however_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.session.host.HELLO_TIMEOUT_S", 0.2)
    with gate() as board:
        port = board.start()
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(3):
            with Inquiry(port) as inquiry:
                inquiry.identify()
        with monkeypatch.context() as patch:
            patch.setattr(BoardSession, "next_frame", lambda _self, _now_s: b"")
            with pytest.raises(NoAnswerError):
                Inquiry(port)
        assert len(list(Path("/proc/self/fd").iterdir())) == before
