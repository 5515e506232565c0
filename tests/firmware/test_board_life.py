"""A board's life by `inkgate firmware` alone: build, sign, flash, run, provision, reset."""

from dataclasses import replace
from pathlib import Path

import pytest
from chips.an3155 import BootLoader, PtyServer
from emulated import needs_tools
from firmware_command import code, facts, inkgate, own_key
from firmware_command import folder as folder  # a fixture: a user with an own folder for signing

from firmware_bridge.boards import BOARDS, FIRMWARE_VERSION
from firmware_bridge.build import elf
from firmware_bridge.build.compile import build
from firmware_bridge.emulate.board_memory import Unprovisioned
from firmware_bridge.emulate.emulated_board import EmulatedBoard
from firmware_bridge.emulate.power_on import build_and_power_on, name_of
from firmware_bridge.emulate.qemu import QemuBoard
from firmware_bridge.link.errors import TerminalMissingError
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.wire import messages as wire

BOARD = BOARDS["stm32f405"]

pytestmark = needs_tools


def test_a_board_is_flashed_runs_gets_its_key_and_has_it_after_a_reset(folder: Path) -> None:
    own_key()
    out = folder / "out"
    built = facts(inkgate("build", "stm32f405", "pen", "--out", out, "--json"))
    loader = BootLoader()
    with PtyServer(loader) as server:
        facts(inkgate("flash", built["image"], "--port", server.port, "--json"))

    running = build("stm32f405", "pen", out)
    (out / "flashed.elf").write_bytes(elf.with_flash(running.elf.read_bytes(), BOARD, bytes(loader.flash)))
    running = replace(running, elf=out / "flashed.elf")
    with EmulatedBoard(QemuBoard(running), [], fast=True) as board:
        first = facts(inkgate("info", "--port", board.path, "--json"))
        assert (first["firmware"], first["protocol"]) == (built["firmware"], built["protocol"])
        assert first["authenticated"] is False
        given = facts(inkgate("provision", "--port", board.path, "--json"))
        assert (given["board"], given["authenticated"]) == (first["board"], True)
        assert code(inkgate("provision", "--port", board.path)) == 2
        board.reset()
        later = facts(inkgate("info", "--port", board.path, "--json"))
    assert later["authenticated"] is True
    assert int(str(later["starts"])) > int(str(first["starts"]))


def test_a_program_that_lies_in_no_image_has_a_version_only(folder: Path) -> None:
    running = build("nrf51", "pen", folder / "out")
    with EmulatedBoard(QemuBoard(running), [], fast=True) as board:
        assert facts(inkgate("info", "--port", board.path, "--json"))["firmware"] == FIRMWARE_VERSION


@pytest.mark.parametrize(("board", "app"), [("nrf51", "pen"), ("rp2040", "camera"), ("mps2-an386", "pen")])
def test_an_emulated_board_says_which_image_it_runs(board: str, app: str, folder: Path) -> None:
    signed = facts(inkgate("build", board, app, "--out", folder / "out", "--json"))
    emulator = build_and_power_on(board, app, Unprovisioned())
    with EmulatedBoard(emulator, [], fast=True) as running:
        said = facts(inkgate("info", "--port", running.path, "--json"))
    assert (said["model"], said["kind"]) == (board, app)
    assert said["firmware"] == signed["firmware"] == f"{FIRMWARE_VERSION}+{str(signed['sha256'])[:8]}"


def test_an_emulated_board_without_a_key_is_nobody_whose_key_was_lost(folder: Path) -> None:
    KeyStore().put(name_of("nrf51"), bytes(wire.KEY_BYTES))
    names = {name_of("nrf51")}
    for _ in range(2):
        with EmulatedBoard(build_and_power_on("nrf51", "pen", Unprovisioned()), [], fast=True) as running:
            said = facts(inkgate("info", "--port", running.path, "--json"))
        assert said["authenticated"] is False
        names.add(str(said["board"]))
    assert len(names) == 3


def test_without_a_pseudo_terminal_the_emulator_is_ended_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError("out of pty devices")

    emulator = QemuBoard(build("nrf51", "pen", folder / "out"))
    monkeypatch.setattr("pty.openpty", none_left)
    with (
        pytest.raises(TerminalMissingError, match=r"out of pty devices.*/dev/pts") as failure,
        EmulatedBoard(emulator, []),
    ):
        pass
    assert failure.value.exit_code == 3
    assert emulator.host.fileno() == -1
