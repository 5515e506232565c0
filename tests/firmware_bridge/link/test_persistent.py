"""A link that its owner alone ends: forged frames, other names, lines that alter bytes, no port at all."""

import contextlib
import dataclasses
import os
import pty
import select
import threading
import tty
from collections.abc import Callable
from pathlib import Path

import pytest
from linked import make_words
from linked import open_link as open_unproved

from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link import ports
from firmware_bridge.link.errors import PortMissingError
from firmware_bridge.link.link import open_link
from firmware_bridge.link.ports import PortInfo
from firmware_bridge.session.errors import KeyMissingError, NoAnswerError, ProtocolMismatchError
from firmware_bridge.session.events import Connected, Event, LinkLost, LinkNotice, WordEnded
from firmware_bridge.session.exchange import frame_of, split_frame
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.framing import FrameReceiver

OTHER_PROTOCOL = wire.Info(bytes(8), 1, 5, 1, wire.Kind.PEN, 1, "stranger", "rp2040", "1", bytes(16))
UNKNOWN = dataclasses.replace(OTHER_PROTOCOL, protocol_hash=wire.PROTOCOL_HASH)
FORGED = [OTHER_PROTOCOL, UNKNOWN]


def board_with_key(link: Path | None = None, words: int = 3) -> VirtualBoard:
    return VirtualBoard(
        make_words(words, 4), baud_rate=None, link=link, memory=SelfProvisioned(KeyStore(), "virtual-pen")
    )


class Between:
    """Somebody on the line between host and board, who alters what the board sends, and answers HELLO himself."""

    def __init__(self, board: str, alter: Callable[[bytes], bytes] = bytes, forge: wire.Info | None = None) -> None:
        self._master, self._slave = pty.openpty()
        self._board = os.open(board, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        for descriptor in (self._slave, self._board):
            tty.setraw(descriptor)
        self.port = os.ttyname(self._slave)
        self._alter, self._forge, self._stop = alter, forge, threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def __enter__(self) -> "Between":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for descriptor in (self._master, self._slave, self._board):
            os.close(descriptor)

    def _carry(self) -> None:
        heard = FrameReceiver()
        while not self._stop.is_set():
            ready, _, _ = select.select([self._master, self._board], [], [], 0.05)
            if self._board in ready:
                with contextlib.suppress(OSError):
                    os.write(self._master, self._alter(os.read(self._board, 4096)))
            if self._master in ready:
                data = os.read(self._master, 4096)
                for content in heard.feed(data):
                    header, payload = split_frame(content)
                    if self._forge is not None and header.message == wire.Hello.ID:
                        number = int.from_bytes(wire.Hello.decode(payload).nonce[:4], "little")
                        os.write(self._master, frame_of(self._forge, number))
                os.write(self._board, data)


@pytest.mark.parametrize("forged", FORGED, ids=["other protocol", "unknown board"])
def test_a_forged_greeting_beside_the_real_board_is_a_notice_and_every_word_comes(forged: wire.Info) -> None:
    with board_with_key() as board, Between(board.path or "", forge=forged) as line:
        with open_link(line.port, idle_timeout_s=1.0, persistent=True) as link:
            events = list(link.events())
        assert board.wait(1.0)
    assert sum(isinstance(event, WordEnded) for event in events) == 3
    assert [event.info.board for event in events if isinstance(event, Connected)] == ["virtual-pen"]
    [notice] = [event for event in events if isinstance(event, LinkNotice)]
    assert notice.text.startswith("refused, beside the board: ")
    assert line.port in notice.text


def shut(forged: wire.Info) -> tuple[int, threading.Thread, threading.Event]:
    """Answer every HELLO with a forged INFO alone; return the slave end."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    stop = threading.Event()

    def answer() -> None:
        heard = FrameReceiver()
        while not stop.is_set():
            if select.select([master], [], [], 0.05)[0]:
                for content in heard.feed(os.read(master, 4096)):
                    nonce = wire.Hello.decode(split_frame(content)[1]).nonce
                    os.write(master, frame_of(forged, int.from_bytes(nonce[:4], "little")))
        os.close(master)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return slave, thread, stop


@pytest.mark.parametrize(
    ("forged", "error"),
    [(OTHER_PROTOCOL, ProtocolMismatchError), (UNKNOWN, KeyMissingError)],
    ids=lambda each: str(each),
)
def test_where_nobody_else_is_at_the_start_the_refusal_is_told_and_then_ends_it(
    forged: wire.Info, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.session.host.HELLO_TIMEOUT_S", 0.3)
    slave, thread, stop = shut(forged)
    events: list[Event] = []
    try:
        with open_link(os.ttyname(slave), persistent=True, connect_patience_s=1.5) as link, pytest.raises(error):
            events.extend(link.events())
    finally:
        stop.set()
        thread.join()
        os.close(slave)


def test_a_stranger_in_the_boards_place_is_told_once_and_the_board_is_heard_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.session.host.HELLO_TIMEOUT_S", 0.3)
    path, board = tmp_path / "pen", board_with_key(tmp_path / "pen")
    slave, thread, stop = shut(UNKNOWN)
    events: list[Event] = []
    board.start()
    with open_link(str(path), persistent=True, connect_patience_s=1.5) as link:
        for event in link.events():
            events.append(event)
            ended = sum(isinstance(each, WordEnded) for each in events)
            if isinstance(event, WordEnded) and ended == 1:
                board.unplug()
                path.symlink_to(os.ttyname(slave))
            elif isinstance(event, LinkNotice):

                def exchange() -> None:
                    path.unlink()
                    board.start()

                threading.Timer(2.0, exchange).start()
            elif ended == 3:
                break
    stop.set()
    thread.join()
    os.close(slave)
    board.kill()
    assert sum(isinstance(event, Connected) for event in events) == 2
    [notice] = [event for event in events if isinstance(event, LinkNotice)]
    assert notice.text.startswith("refused: ")


def usb(path: str, serial_number: str | None) -> PortInfo:
    return PortInfo(path, "board", 0x2E8A, 0x000A, serial_number, "Pico")


@pytest.mark.parametrize("serial_number", ["E6614", None])
def test_a_board_that_comes_back_under_another_name_is_found(
    serial_number: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What USB says is invented, for a pty has no USB; ports and board are real."""
    present: list[PortInfo] = [usb(str(tmp_path / "other"), "another")] if serial_number else []
    monkeypatch.setattr(ports, "list_ports", lambda: present)
    board = board_with_key(tmp_path / "ttyACM0")
    moved = VirtualBoard(make_words(2, 4), baud_rate=None, link=tmp_path / "ttyACM1", memory=board._memory)
    present.append(usb(str(tmp_path / "ttyACM0"), serial_number))
    events: list[Event] = []
    board.start()
    with open_link(str(tmp_path / "ttyACM0"), persistent=True, idle_timeout_s=3.0) as link:
        for event in link.events():
            events.append(event)
            if isinstance(event, WordEnded) and event.word == 3 and not any(isinstance(e, LinkLost) for e in events):
                board.kill()
                present[-1] = usb(str(tmp_path / "ttyACM1"), serial_number)
                moved.start()
    moved.kill()
    assert sum(isinstance(event, WordEnded) for event in events) == 5
    assert [event.text for event in events if isinstance(event, LinkNotice)] == [
        f"what was at {tmp_path / 'ttyACM0'} is at {tmp_path / 'ttyACM1'} now"
    ]


def test_of_two_alike_without_serial_numbers_none_is_taken_for_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "list_ports", lambda: [usb("/dev/a", None), usb("/dev/b", None)])
    assert ports.find_plug(usb("/dev/c", None)) is None


def test_a_port_that_never_was_is_an_error_at_the_idle_timeout(tmp_path: Path) -> None:
    with (
        open_link(str(tmp_path / "none"), idle_timeout_s=0.3, connect_patience_s=15.0) as link,
        pytest.raises(PortMissingError, match="no such port"),
    ):
        list(link.events())


ALTERED: dict[str, Callable[[bytes], bytes]] = {
    "XON/XOFF": lambda data: data.replace(b"\x11", b"").replace(b"\x13", b""),
    "doubles bytes 0xff": lambda data: data.replace(b"\xff", b"\xff\xff"),
    "turns LF into CR LF": lambda data: data.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("named", ALTERED)
def test_a_line_that_alters_bytes_after_the_greeting_is_named(named: str) -> None:
    board = VirtualBoard(make_words(8, 12), baud_rate=None)
    with (
        board,
        Between(board.path or "", alter=ALTERED[named]) as line,
        open_unproved(line.port, idle_timeout_s=6.0, persistent=True) as link,
    ):
        notice = next(event for event in link.events() if isinstance(event, LinkNotice))
    assert named in notice.text
    assert notice.altered
    assert f"stty -F {line.port}" in notice.text


@pytest.mark.parametrize("persistent", [False, True])
def test_a_port_where_nobody_answers_is_an_error_at_the_idle_timeout(persistent: bool) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    with (
        open_link(os.ttyname(slave), idle_timeout_s=0.5, connect_patience_s=15.0, persistent=persistent) as link,
        pytest.raises(NoAnswerError, match="nothing answered"),
    ):
        list(link.events())
    os.close(master)
    os.close(slave)
