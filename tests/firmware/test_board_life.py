"""A board's life by `inkgate firmware` alone: built, signed, flashed, running what was flashed, given a key, reset."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from an3155 import BootLoader, PtyServer
from test_cli_firmware import code, facts, inkgate
from test_cli_firmware import folder as folder  # a fixture: a user with an own folder for signing

from firmware_bridge import build, elf, emulator
from firmware_bridge.boards import BOARDS, FIRMWARE_VERSION
from firmware_bridge.emulated_board import EmulatedBoard
from firmware_bridge.emulator import QemuBoard

BOARD = BOARDS["stm32f405"]

pytestmark = pytest.mark.skipif(
    shutil.which(build.GCC) is None or shutil.which(emulator.QEMU) is None,
    reason="needs gcc-arm-none-eabi and qemu-system-arm",
)


def with_flash(program: Path, flash: bytes) -> Path:
    """The ELF with every byte that is loaded into the flash as it is in there; QEMU has symbols from it besides."""
    data = program.read_bytes()
    for segment in elf.read_segments(data):
        if segment.data:
            start = segment.load - BOARD.flash.origin
            assert data.count(segment.data) == 1
            data = data.replace(segment.data, flash[start : start + len(segment.data)])
    flashed = program.with_suffix(".flashed.elf")
    flashed.write_bytes(data)
    return flashed


def test_a_board_is_flashed_runs_gets_its_key_and_has_it_after_a_reset(folder: Path) -> None:
    (folder / "signing" / "firmware.pub").unlink()
    out = folder / "out"
    built = facts(inkgate("build", "stm32f405", "pen", "--out", out, "--json"))
    loader = BootLoader()
    with PtyServer(loader) as server:
        facts(inkgate("flash", built["image"], "--port", server.port, "--json"))

    running = build.build("stm32f405", "pen", out)
    running = replace(running, elf=with_flash(running.elf, bytes(loader.flash)))
    with EmulatedBoard(QemuBoard(running), [], fast=True) as board:
        first = facts(inkgate("info", "--port", board.path, "--json"))
        assert (first["firmware"], first["protocol"]) == (FIRMWARE_VERSION, built["protocol"])
        assert first["authenticated"] is False
        given = facts(inkgate("provision", "--port", board.path, "--json"))
        assert (given["board"], given["authenticated"]) == (first["board"], True)
        assert code(inkgate("provision", "--port", board.path)) == 2
        board.reset()
        later = facts(inkgate("info", "--port", board.path, "--json"))
    assert later["authenticated"] is True
    assert int(str(later["starts"])) > int(str(first["starts"]))
