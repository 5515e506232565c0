"""Keys over a real pty: boards that prove theirs, and boards that are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.emulate.board_memory import SelfProvisioned, Unprovisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard, Word
from firmware_bridge.errors import BridgeError
from firmware_bridge.link.inquiry import Inquiry
from firmware_bridge.link.link import open_link
from firmware_bridge.session.errors import (
    CounterError,
    DowngradeError,
    KeyMissingError,
    UnprovisionedError,
    WrongKeyError,
)
from firmware_bridge.session.events import BoardInfo, Connected, FragmentReceived, WordEnded
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.trust.errors import BoardKeyExposedError, KeyDamagedError
from firmware_bridge.wire import messages as wire

PEN = "virtual-pen"
KEY = bytes(range(32))


class Fixed:
    """A board's memory that a test can turn back."""

    def __init__(self, key: bytes, session: int) -> None:
        self.key, self.session = key, session

    def start(self) -> tuple[bytes, int]:
        return self.key, self.session


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.session.host.HELLO_TIMEOUT_S", 0.4)


def writing(count: int, length: int) -> list[Word]:
    rng = np.random.default_rng(9)
    return [(rng.random((length, 33, 33)) < 0.3).astype(np.uint8) * np.uint8(255) for _ in range(count)]


def pen(memory: Unprovisioned | SelfProvisioned | Fixed, words: int = 1, **options: float) -> VirtualBoard:
    return VirtualBoard(writing(words, 4), baud_rate=None, memory=memory, **options)  # type: ignore[arg-type] # by name


def connect(board: VirtualBoard, store: KeyStore, allow_unauthenticated: bool = False) -> BoardInfo:
    """Connect a first host to the board and return what it learns."""
    with board, open_link(board.start(), keys=store, allow_unauthenticated=allow_unauthenticated) as link:
        first = next(link.events())
    assert isinstance(first, Connected)
    return first.info


def refusal(board: VirtualBoard, store: KeyStore, allow_unauthenticated: bool = False) -> BridgeError:
    with board:
        port = board.start()
        with (
            open_link(port, keys=store, allow_unauthenticated=allow_unauthenticated, connect_patience_s=30.0) as link,
            pytest.raises(BridgeError) as caught,
        ):
            list(link.events())
    assert str(caught.value).startswith(f"{port}: ")
    assert board.acknowledged == []
    return caught.value


def test_a_damaged_key_stops_its_own_board_and_no_other(store: KeyStore) -> None:
    memory = SelfProvisioned(store, PEN)
    store.put("another", KEY)
    (store.folder / "another.key").write_bytes(b"{")
    assert connect(pen(memory), store).authenticated
    for secret in (KEY, b""):  # it proves a key that cannot be read here, or says that it has none
        other = VirtualBoard(writing(1, 4), baud_rate=None, board="another", memory=Unprovisioned(secret or None))
        with (
            other,
            open_link(other.start(), keys=store, allow_unauthenticated=True) as link,
            pytest.raises(KeyDamagedError, match=r"another\.key"),
        ):
            list(link.events())
        assert other.acknowledged == []


def test_a_board_with_a_key_delivers_every_word_over_a_line_with_5_percent_damaged_frames(store: KeyStore) -> None:
    board = pen(SelfProvisioned(store, PEN), words=20, corrupt=0.05, seed=3)
    got: list[Word] = []
    fragments: list[Word] = []
    with board, open_link(board.start(), keys=store, idle_timeout_s=1.0) as link:
        for event in link.events():
            if isinstance(event, Connected):
                assert event.info.authenticated
            elif isinstance(event, FragmentReceived):
                fragments.append(event.pixels)
            elif isinstance(event, WordEnded):
                got.append(np.array(fragments))
                fragments = []
    assert all(map(np.array_equal, got, writing(20, 4)))
    assert len(board.acknowledged) == len(got) == 20


def test_a_board_without_a_key_is_refused_at_once_and_keeps_its_words(store: KeyStore) -> None:
    error = refusal(pen(Unprovisioned()), store)
    assert isinstance(error, UnprovisionedError)
    assert error.exit_code == 4
    assert not connect(pen(Unprovisioned()), store, allow_unauthenticated=True).authenticated
    assert store.load() == {}


@pytest.mark.usefixtures("_impatient")
def test_a_known_name_without_the_right_key_is_refused_even_if_boards_may_do_without(store: KeyStore) -> None:
    store.put(PEN, KEY)
    for memory, expected in ((Unprovisioned(), DowngradeError), (Unprovisioned(bytes(32)), WrongKeyError)):
        error = refusal(pen(memory), store, allow_unauthenticated=True)
        assert isinstance(error, expected)
        assert error.exit_code == 4


def test_a_session_is_written_down_before_its_words_are_taken_and_none_before_it_comes_again(store: KeyStore) -> None:
    store.put(PEN, KEY, 3)
    for session in (5, 5):
        assert connect(pen(Fixed(KEY, session)), store).session == session
        known = store.get(PEN)
        assert known is not None
        assert known.session == session
    assert isinstance(refusal(pen(Fixed(KEY, 4)), store), CounterError)


def test_a_key_store_that_others_can_read_stops_the_run(store: KeyStore) -> None:
    board = pen(SelfProvisioned(store, PEN))
    with board:
        port = board.start()
        store.folder.chmod(0o750)
        with open_link(port, keys=store, connect_patience_s=30.0) as link, pytest.raises(BoardKeyExposedError):
            list(link.events())


def test_a_board_with_a_key_proves_it_again_after_its_power_was_cut_and_to_no_other_host(store: KeyStore) -> None:
    store.put(PEN, KEY)
    board = pen(Unprovisioned(KEY), words=2)
    with board:
        with open_link(board.start(), keys=store) as link:
            first = next(link.events())
        board.kill()
        with open_link(board.start(), keys=store, idle_timeout_s=1.0) as link:
            events = list(link.events())
    assert isinstance(first, Connected)
    assert first.info.authenticated
    assert sum(isinstance(event, WordEnded) for event in events) == 2 - len(board.lost) >= 1
    assert isinstance(refusal(pen(Unprovisioned(KEY)), KeyStore(store.folder / "of another host")), KeyMissingError)


def test_questions_are_answered_with_a_key_and_without_and_the_answer_says_which(store: KeyStore) -> None:
    class Deaf:
        identity = wire.Identity(bytes(32), "none", "none", "1", "any")

        def step(self, pixels: Word, first: bool) -> bytes:
            return b"\1"

    for memory in (Unprovisioned(), SelfProvisioned(store, "virtual-gate")):
        board = VirtualBoard([], kind=wire.Kind.GATE, network=Deaf(), memory=memory, baud_rate=None)
        with board, Inquiry(board.start(), keys=store) as inquiry:
            assert inquiry.info.authenticated is isinstance(memory, SelfProvisioned)
            assert inquiry.step(0, writing(1, 1)[0][0]) == b"\1"
