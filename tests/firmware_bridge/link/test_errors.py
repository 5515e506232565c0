"""Ports that cannot be opened and boards that cannot be used: the error says which, and what helps."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from linked import make_words, open_descriptors, open_link

from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.errors import BridgeError
from firmware_bridge.link import transport
from firmware_bridge.link.errors import PortBusyError, PortMissingError
from firmware_bridge.session.errors import NoAnswerError, PixelDepthError, ProtocolMismatchError
from firmware_bridge.wire.errors import PixelsError


def first_error(port: str, **options: float | int) -> BridgeError:
    with open_link(port, **options) as link, pytest.raises(BridgeError) as caught:  # type: ignore[arg-type] # by name
        list(link.events())
    return caught.value


@pytest.fixture
def silent_pty() -> Iterator[str]:
    """Yield a pty with nobody behind it."""
    master, slave = os.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def test_a_port_that_does_not_exist_is_named_with_the_command_that_helps() -> None:
    for port in ("/dev/ttyNONE", "socket://127.0.0.1:1", "nonsense://x", "socket://nowhere"):
        error = first_error(port)
        assert isinstance(error, PortMissingError)
        assert port in str(error)
        assert "inkgate ports" in str(error)
        assert error.exit_code == 3


def test_why_a_port_cannot_be_opened_is_said_once_and_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for port, reason in [
        ("/dev/ttyNONE", "no such port: No such file or directory: "),
        (str(tmp_path / "file"), "no such port: Inappropriate ioctl for device: "),
        ("socket://127.0.0.1:1", "nobody answers (Connection refused): "),
        ("socket://nowhere", "not of the form socket://HOST:PORT: "),
        ("rfc2217://127.0.0.1:1", "nobody answers"),
        ("rfc2217://127.0.0.1", "not of the form rfc2217://HOST:PORT"),
        ("rfc2217://127.0.0.1:1?logging=debug", "options are ign_set_control"),
        ("rfc2217://127.0.0.1:1?timeout=nan", "options are ign_set_control"),
        ("loop://", "loop:// is not served; name a serial port"),
        ("spy:///dev/null", "spy:// is not served; name a serial port"),
    ]:
        assert str(first_error(port)).startswith(f"{port}: {reason}")


def test_a_port_in_use_is_named(silent_pty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_link(silent_pty, idle_timeout_s=0.2) as holder:
        with pytest.raises(NoAnswerError):
            list(holder.events())
        events = holder.events()

        def listen() -> None:
            with contextlib.suppress(NoAnswerError):
                list(events)

        thread = threading.Thread(target=listen)
        thread.start()
        time.sleep(0.05)
        error = first_error(silent_pty)
        thread.join()
    assert isinstance(error, PortBusyError)
    assert error.exit_code == 3


def test_a_line_without_a_board_is_named_after_the_hello_timeout(
    silent_pty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_bridge.session.host.HELLO_TIMEOUT_S", 0.3)
    error = first_error(silent_pty)
    assert isinstance(error, NoAnswerError)
    assert silent_pty in str(error)


def test_a_board_of_another_protocol_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    board = VirtualBoard(make_words(1, 1))
    board._info = replace(board._info, protocol_hash=b"otherone")
    began_s = time.monotonic()
    with board:
        error = first_error(board.start(), connect_patience_s=20.0)
    assert time.monotonic() - began_s < 10.0
    assert isinstance(error, ProtocolMismatchError)
    assert "inkgate firmware flash" in str(error)


def test_a_board_of_another_pixel_depth_is_refused_at_once() -> None:
    began_s = time.monotonic()
    with VirtualBoard(make_words(1, 1), pixel_bits=8) as board:
        error = first_error(board.start(), pixel_bits=1, connect_patience_s=20.0)
    assert time.monotonic() - began_s < 10.0
    assert isinstance(error, PixelDepthError)


def test_a_virtual_board_refuses_what_is_no_word_and_no_link(tmp_path: Path) -> None:
    with pytest.raises(PixelsError, match="float64"):
        VirtualBoard([np.zeros((2, 33, 33))])  # type: ignore[list-item] # what is refused
    with pytest.raises(PixelsError, match=r"\[2, 28, 28\]"):
        VirtualBoard([np.zeros((2, 28, 28), np.uint8)])
    (tmp_path / "file").write_text("mine")
    before = open_descriptors()
    board = VirtualBoard([], link=tmp_path / "file")
    with pytest.raises(PortBusyError, match="not a link"):
        board.start()
    assert (tmp_path / "file").read_text() == "mine"
    assert open_descriptors() == before
    assert transport.BAUD_RATE == 115_200
