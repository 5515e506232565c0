"""A board's name and app -> its firmware, built and running in an emulator, with a key in its flash."""

import secrets
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from firmware_bridge.boards import FIRMWARE_VERSION
from firmware_bridge.build import board_store, image
from firmware_bridge.build.board_store import Kept, encode
from firmware_bridge.build.compile import Built, build
from firmware_bridge.build.elf import with_flash
from firmware_bridge.build.settings import Settings
from firmware_bridge.emulate.board_memory import BoardMemory
from firmware_bridge.emulate.errors import EmulatorError
from firmware_bridge.emulate.qemu import Emulator, QemuBoard
from firmware_bridge.emulate.rp2040 import PicoBoard
from firmware_bridge.wire.messages import PROTOCOL_HASH

EMULATORS: dict[str, Callable[..., Emulator]] = {"qemu": QemuBoard, "rp2040py": PicoBoard}
"""Emulators by their names in board.toml."""

NUMBER = 0
"""The number of every emulated board with a key, hence its name MODEL-00000000.

A board without a key is a new board, with a random number, at each start.
"""


def name_of(board: str) -> str:
    """Return the name that an emulated board of a model gives itself if it has a key."""
    return board_store.name_of(board, NUMBER)


def power_on(built: Built, memory: BoardMemory) -> Emulator:
    """Start a built program in its board's emulator, with the key and the session that `memory` gives.

    Raises ToolMissingError if the emulator is not installed, EmulatorError if no emulator has the board.
    """
    emulation = built.board.emulator
    if emulation is None:
        raise EmulatorError(f"{built.board.name}: no emulator has it: its board.toml has no table emulator")
    key, session = memory.start()
    number = NUMBER if key is not None else secrets.randbits(31) + 1
    store = encode(Kept(number, key, session - 1), built.board.store.size)
    flashed = with_header(built)
    return EMULATORS[emulation.program](flashed, store=store)


def with_header(built: Built) -> Built:
    """Return a built program as a flashed board holds it: with the header that says which image it is."""
    version = image.parse_version(FIRMWARE_VERSION)
    content = image.seal(built.bin.read_bytes(), built.board, built.app, version, PROTOCOL_HASH)
    elf, binary = built.elf.with_suffix(".flashed.elf"), built.bin.with_suffix(".flashed.bin")
    elf.write_bytes(with_flash(built.elf.read_bytes(), built.board, content))
    binary.write_bytes(content)
    return replace(built, elf=elf, bin=binary)


def build_and_power_on(
    board: str, app: str, memory: BoardMemory, settings: Settings = MappingProxyType({})
) -> Emulator:
    """Build the firmware from its sources and start it; raises the errors of `build` and `power_on`."""
    with tempfile.TemporaryDirectory() as folder:
        return power_on(build(board, app, Path(folder), settings=settings), memory)
