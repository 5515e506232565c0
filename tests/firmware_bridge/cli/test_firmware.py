"""`inkgate firmware` by its command line: effects, refusals, exit codes."""

import json
import re
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from firmware_command import code, facts, inkgate, needs_gcc, own_key
from firmware_command import folder as folder  # a fixture: a user with an own folder for signing
from images import sealed

from firmware_bridge.boards import BOARDS, FIRMWARE_VERSION
from firmware_bridge.build.compile import SOURCES
from firmware_bridge.cli import monitor as cli_monitor
from firmware_bridge.emulate import virtual_board
from firmware_bridge.emulate.board_memory import Unprovisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.installing import install_package
from firmware_bridge.link.ports import KNOWN_BOARDS
from firmware_bridge.session import host
from firmware_bridge.session.events import Event
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.messages import PROTOCOL_HASH, Kind

STM32, RP2040 = BOARDS["stm32f405"], BOARDS["rp2040"]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waits: boards of this file are threads of this process and answer at once."""
    monkeypatch.setattr(host, "HELLO_TIMEOUT_S", 0.5)


@needs_gcc
@pytest.mark.parametrize(("board", "app"), [("stm32f405", "pen"), ("rp2040", "camera")])
def test_what_is_built_is_signed_and_taken(board: str, app: str, folder: Path) -> None:
    own_key()
    built = facts(inkgate("build", board, app, "--out", folder / "out", "--json"))
    told = facts(inkgate("info", built["image"], "--json"))
    assert (told["board"], told["app"], told["version"]) == (board, app, FIRMWARE_VERSION)
    assert (told["protocol"], told["fits_this_inkgate"]) == (PROTOCOL_HASH.hex(), True)
    assert told["sha256"] == built["sha256"]


@needs_gcc
def test_building_twice_and_elsewhere_gives_one_hash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = facts(inkgate("build", "rp2040", "pen", "--out", folder / "a", "--json"))
    shutil.copytree(SOURCES, folder / "another place" / "firmware")
    monkeypatch.setattr("firmware_bridge.build.compile.SOURCES", folder / "another place" / "firmware")
    again = facts(inkgate("build", "rp2040", "pen", "--out", folder / "b", "--json"))
    assert first["sha256"] == again["sha256"]
    for name in ("rp2040-pen.uf2", "rp2040-pen.img", "rp2040-pen.elf"):
        assert (folder / "a" / name).read_bytes() == (folder / "b" / name).read_bytes()


@needs_gcc
def test_without_a_key_nothing_is_signed_and_no_key_is_made(folder: Path) -> None:
    first = inkgate("build", "nrf51", "pen", "--out", folder, "--json")
    assert facts(first)["signed_by"] is None
    assert "inkgate keys create --for images" in first.stderr
    assert not (folder / "signing" / "firmware.key").exists()
    key = own_key()
    again = inkgate("build", "nrf51", "pen", "--out", folder, "--json")
    assert facts(again)["signed_by"] == key.key_id.hex()
    assert "unsigned" not in again.stderr


def test_where_no_compiler_is_the_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.build.compile.toolchains", list)
    result = inkgate("build", "rp2040", "pen", "--unsigned", "--out", folder)
    assert code(result) == 2
    assert "apt-get install --no-install-recommends gcc-arm-none-eabi" in str(result.exception)
    assert install_package("ziglang") in str(result.exception)


@pytest.mark.parametrize("arguments", [(), ("rp2040", "pen", "--all"), ("rp2040", "camera obscura"), ("rp2041", "pen")])
def test_a_board_or_app_that_is_not_there_is_a_usage_error(arguments: tuple[str, ...], folder: Path) -> None:
    assert code(inkgate("build", *arguments, "--unsigned", "--out", folder)) == 2


def test_monitor_shows_every_symbol_of_a_word(folder: Path) -> None:
    word = np.zeros((2, 33, 33), np.uint8)
    word[0, 5:9, 7] = 255
    with VirtualBoard([word], memory=Unprovisioned(), baud_rate=None) as board:
        shown = inkgate("monitor", "--port", board.path, "--words", 1, "--json")
        assert code(shown) == 0, shown.exception
    events = [json.loads(line) for line in shown.stdout.splitlines()]
    kinds = [event["event"] for event in events if event["event"] != "Statistics"]
    assert kinds == ["Connected", "WordStarted", "Fragment", "Fragment", "WordEnded"]
    assert events[0]["authenticated"] is False
    drawn = next(event["pixels"] for event in events if event["event"] == "Fragment")
    assert [bytes.fromhex(row) for row in drawn] == [bytes(row) for row in word[0]]


def test_every_event_has_a_name_in_json() -> None:
    names = [cli_monitor._JSON_NAMES[kind] for kind in get_args(Event)]
    assert sorted(names) == [
        "BoardFault", "Connected", "Fragment", "LinkLost", "LinkNotice", "Statistics", "WordEnded", "WordStarted",
    ]  # fmt: skip


def test_monitor_draws_for_people(folder: Path) -> None:
    word = np.zeros((1, 33, 33), np.uint8)
    word[0, 0:2, 3], word[0, 32, 32] = 255, 255
    with VirtualBoard([word], memory=Unprovisioned(), baud_rate=None) as board:
        shown = inkgate("monitor", "--port", board.path, "--words", 1)
    lines = shown.stderr.splitlines()
    assert any("anybody on the line could say this" in line for line in lines)
    first = next(number for number, line in enumerate(lines) if "symbol 0" in line) + 1
    assert lines[first] == " " * 3 + "\u2588" + " " * 29
    assert lines[first + 16] == " " * 32 + "\u2580"


def test_nobody_on_the_line_is_exit_code_3(folder: Path) -> None:
    for command in ("info", "monitor"):
        assert code(inkgate(command, "--port", "socket://127.0.0.1:9")) == 3


def test_the_udev_rules_name_every_usb_device_that_is_known() -> None:
    rules = inkgate("udev").stdout
    found = re.findall(r'ATTRS\{idVendor\}=="([0-9a-f]{4})", ATTRS\{idProduct\}=="([0-9a-f]{4})"', rules)
    named = {(int(vendor, 16), int(product, 16)) for vendor, product in found}
    assert set(KNOWN_BOARDS) <= named
    assert (0x2E8A, 0x0003) in named
    assert "@" not in rules


def test_an_image_and_a_port_are_not_asked_at_once(folder: Path) -> None:
    assert code(inkgate("info")) == 2
    assert code(inkgate("info", folder / "a.img", "--port", "x")) == 2


@pytest.mark.parametrize(
    ("model", "kind", "command"),
    [
        ("rp2040", Kind.CAMERA, "`inkgate firmware provision --board rp2040 --again --port {port}` gives it another"),
        ("nrf51", Kind.PEN, "`inkgate firmware provision --board nrf51 --again --port {port}` gives it another"),
        ("mps2-an386", Kind.PEN, "or erase its memory"),
    ],
)
def test_what_a_board_of_another_host_says_of_itself_is_shown(
    model: str, kind: Kind, command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_board, "MODEL", model)
    with VirtualBoard([], kind=kind, board="theirs", memory=Unprovisioned(bytes(32))) as board:
        shown = inkgate("info", "--port", board.path, "--json")
        assert command.format(port=board.path) in str(shown.exception)
    assert code(shown) == 4
    said = json.loads(shown.stdout)
    assert (said["board"], said["model"], said["kind"]) == ("theirs", model, kind.name.lower())
    assert (said["firmware"], said["authenticated"]) == (virtual_board.FIRMWARE, False)
    assert "nothing of this is proved" in shown.stderr


def test_what_a_board_of_another_protocol_says_of_itself_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual_board, "MODEL", "stm32f405")
    with VirtualBoard([], board="old", memory=Unprovisioned()) as board:
        monkeypatch.setattr(wire, "PROTOCOL_HASH", bytes(range(8)))
        shown = inkgate("info", "--port", board.path, "--json")
        monkeypatch.undo()
    assert code(shown) == 3
    said = json.loads(shown.stdout)
    assert (said["board"], said["protocol"], said["authenticated"]) == ("old", PROTOCOL_HASH.hex(), False)
    assert "`inkgate firmware build stm32f405 pen`" in str(shown.exception)


def test_a_missing_key_names_the_command_that_helps(folder: Path) -> None:
    (folder / "a.img").write_bytes(sealed(STM32))
    untrusted = inkgate("info", folder / "a.img", "--trust", folder / "nope.pub")
    assert code(untrusted) == 2
    assert "inkgate keys show" in str(untrusted.exception)
    unsigned = inkgate("build", "rp2040", "pen", "--key", folder / "nope.key", "--out", folder)
    assert code(unsigned) == 2
    assert f"openssl genpkey -algorithm ed25519 -out {folder / 'nope.key'}" in str(unsigned.exception)
