"""A board's name and app -> its firmware, built and running in an emulator, with a key of this user's in its flash."""

import tempfile
from pathlib import Path
from types import MappingProxyType

from firmware_bridge.build import Built, build
from firmware_bridge.emulator import Emulator, QemuBoard
from firmware_bridge.flash_store import Kept, encode
from firmware_bridge.memory import BoardMemory
from firmware_bridge.pico import PicoBoard
from firmware_bridge.settings import Settings

NUMBER = 0
"""Of every emulated board: they are named MODEL-00000000."""


def name_of(board: str) -> str:
    """What an emulated board of that model calls itself."""
    return f"{board}-{NUMBER:08x}"


def power_on(built: Built, memory: BoardMemory) -> Emulator:
    """The board begins the session that `memory` gives, with its key. ToolMissingError if there is no emulator."""
    key, session = memory.start()
    store = encode(Kept(NUMBER, key, session - 1), built.board.store.size)
    return QemuBoard(built, store=store) if built.board.machine else PicoBoard(built, store=store)


def build_and_power_on(
    board: str, app: str, memory: BoardMemory, settings: Settings = MappingProxyType({})
) -> Emulator:
    """The same for what the sources are now, with these settings. Errors of `build` and of `power_on`."""
    with tempfile.TemporaryDirectory() as folder:
        return power_on(build(board, app, Path(folder), settings=settings), memory)
