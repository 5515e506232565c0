"""Which ports are boards, what `auto` means, and `inkgate ports`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from serial.tools import list_ports as serial_list_ports

from firmware_bridge.cli.ports import ports
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link import link
from firmware_bridge.link.errors import PortMissingError
from firmware_bridge.link.ports import find_board, list_ports

open_link = partial(link.open_link, allow_unauthenticated=True)
"""A link that takes boards without keys; test_provision.py and session/test_authentication.py have keys."""

MODEM = SimpleNamespace(device="/dev/ttyS0", description="n/a", vid=None, pid=None, serial_number=None)
PICO = SimpleNamespace(device="/dev/ttyACM1", description="Pico", vid=0x2E8A, pid=0x000A, serial_number="E66")
FTDI = SimpleNamespace(device="/dev/ttyUSB0", description="FT232R", vid=0x0403, pid=0x6001, serial_number="A5")
EVIL = SimpleNamespace(device="/dev/ttyACM9", description="\x1b[2Jrm\n" + "x" * 999, vid=1, pid=2, serial_number="\0")


def plug(monkeypatch: pytest.MonkeyPatch, *found: SimpleNamespace) -> None:
    monkeypatch.setattr(serial_list_ports, "comports", lambda: list(found))


def test_boards_come_first_and_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, MODEM, PICO, FTDI)
    found = list_ports()
    assert [port.path for port in found] == ["/dev/ttyACM1", "/dev/ttyUSB0", "/dev/ttyS0"]
    assert [port.board for port in found] == ["Raspberry Pi Pico", "FTDI FT232R adapter", None]


def test_auto_is_the_one_known_board(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, MODEM, PICO)
    assert find_board() == "/dev/ttyACM1"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ((), ["no known board", "inkgate ports"]),
        ((MODEM,), ["no known board", "/dev/ttyS0", "inkgate ports"]),
        ((PICO, FTDI), ["2 boards", "/dev/ttyACM1 (Raspberry Pi Pico [2e8a:000a])", "/dev/ttyUSB0", "--port"]),
    ],
)
def test_auto_with_no_board_or_several_names_the_candidates(
    found: Sequence[SimpleNamespace], said: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plug(monkeypatch, *found)
    with open_link("auto") as link, pytest.raises(PortMissingError) as caught:
        next(link.events())
    assert all(words in str(caught.value) for words in said)


def test_a_link_to_auto_opens_the_board_that_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with VirtualBoard([]) as board:
        plug(monkeypatch, MODEM, SimpleNamespace(**{**vars(PICO), "device": board.start()}))
        with open_link("auto") as link:
            assert next(link.events())


def test_nothing_that_a_device_says_steers_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, EVIL)
    (port,) = list_ports()
    assert port.description.startswith("?[2Jrm?xxx")
    assert len(port.description) == 64
    assert port.serial_number == "?"


def test_the_command_lists_for_programs_and_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, MODEM, PICO)
    listed = [json.loads(line) for line in CliRunner().invoke(ports, ["--json"]).stdout.splitlines()]
    assert listed[0] == {
        "path": "/dev/ttyACM1",
        "description": "Pico",
        "vid": 0x2E8A,
        "pid": 0x000A,
        "serial_number": "E66",
        "board": "Raspberry Pi Pico",
    }
    shown = CliRunner().invoke(ports, [])
    assert shown.stdout == ""
    assert "Raspberry Pi Pico" in shown.stderr
    plug(monkeypatch)
    assert "inkgate simulate pen" in CliRunner().invoke(ports, []).stderr
