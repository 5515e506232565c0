"""Without gcc, zig builds every board's firmware, which runs in its emulator as gcc's does."""

import shutil
import socket
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from emulated import words_of
from received import PATIENCE_S, PENS, received

from firmware_bridge.build.compile import GCC, SOURCES, build
from firmware_bridge.build.errors import SymbolError
from firmware_bridge.emulate import qemu
from firmware_bridge.emulate.board_memory import SelfProvisioned, Unprovisioned
from firmware_bridge.emulate.emulated_board import EmulatedBoard
from firmware_bridge.emulate.power_on import name_of, power_on
from firmware_bridge.session.events import Connected
from firmware_bridge.trust.board_keys import KeyStore
from train.synthetic.board_input import write_texts

pytestmark = pytest.mark.needs("qemu-system-arm", "ziglang")


@pytest.fixture(autouse=True)
def _no_gcc(monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == GCC else which(name))


@pytest.mark.parametrize("board", PENS)
def test_every_boards_firmware_runs_as_zig_builds_it(board: str, tmp_path: Path) -> None:
    program = build(board, "pen", tmp_path)
    assert program.toolchain.name == "zig"
    written = write_texts([3], ["17"], np.random.default_rng(5))
    memory = SelfProvisioned(KeyStore(), name_of(board))
    with EmulatedBoard(power_on(program, memory), written, fast=True) as emulated:
        connected, word = received(emulated.start(), 1)
        assert emulated.wait(PATIENCE_S)
    assert isinstance(connected, Connected)
    assert connected.info.authenticated
    np.testing.assert_array_equal(word, words_of(written[0])[0])


def test_what_zig_links_does_not_say_where_it_was_built(tmp_path: Path) -> None:
    linked = build("nrf51", "pen", tmp_path).elf.read_bytes()
    assert b"ink_start" in linked
    for folder in (tmp_path, SOURCES, Path.home()):
        assert str(folder).encode() not in linked


@pytest.mark.parametrize(("board", "missing"), [("stm32f405", "ink_flash_erase"), ("nrf51", "ink_spis_packet")])
def test_a_program_without_names_is_refused_by_the_name_and_leaves_no_emulator(
    board: str, missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = build(board, "pen", tmp_path)
    nameless = bytearray(program.elf.read_bytes())
    struct.pack_into("<H", nameless, 48, 0)  # no sections, so no table of symbols; what is loaded is in segments
    program.elf.write_bytes(nameless)
    started: list[subprocess.Popen[bytes]] = []
    spawn = qemu.spawn

    def start(command: list[str], plugs: Sequence[socket.socket]) -> "subprocess.Popen[bytes]":
        started.append(spawn(command, plugs))
        return started[-1]

    monkeypatch.setattr(qemu, "spawn", start)
    with pytest.raises(SymbolError, match=missing) as refused:
        power_on(program, Unprovisioned())
    assert refused.value.exit_code == 2
    assert [process.poll() is not None for process in started] == [True]
