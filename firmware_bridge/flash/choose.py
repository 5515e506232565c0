"""The options given and what is plugged in -> the method by which a board is flashed."""

from pathlib import Path

from firmware_bridge.boards import Board
from firmware_bridge.errors import BridgeError
from firmware_bridge.flash import uf2_drive
from firmware_bridge.flash.errors import FlashMethodError
from firmware_bridge.link.ports import find_board


def choose_method(board: Board, method: str | None, port: str | None, drive: Path | None, probe: str | None) -> str:
    """Choose the method: "uf2", "uart" or "swd". FlashMethodError if the board is not flashed by it.

    The first of these that applies:
      1. the method that was named
      2. uf2 if a drive was named
      3. swd if a probe was named
      4. uart if a port was named and the board has no boot drive
      5. the first of the board's methods by which something is found
      6. the board's first method
    """
    named = method or ("uf2" if drive else "swd" if probe else None)
    if named is None and port is not None and "uf2" not in board.methods:
        named = "uart"
    found = (each for each in board.methods if _is_there(board, each))
    chosen = named or next(found, next(iter(board.methods), ""))
    if chosen not in board.methods:
        ways = " or ".join(board.methods) or "no method, it exists in emulators only"
        raise FlashMethodError(f"{board.name} is flashed by {ways}")
    return chosen


def _is_there(board: Board, method: str) -> bool:
    """Return whether a probe (swd), a boot drive of the board (uf2) or a known port (uart) is found."""
    if method == "swd":
        from firmware_bridge.flash.swd import probe_is_there

        return probe_is_there()
    try:
        if method == "uf2":
            return bool(uf2_drive.find_drive(board, uf2_drive.mounted_folders()))
        return bool(find_board())
    except BridgeError:
        return False
