"""A board's flash and a key store -> a new key in both, which crossed nothing but the flashing cable."""

import secrets
from pathlib import Path

from firmware_bridge.boards import Board
from firmware_bridge.build import board_store, uf2
from firmware_bridge.build.board_store import SLOT_BYTES, Kept
from firmware_bridge.flash import uf2_drive
from firmware_bridge.flash.errors import FlashError, ProvisionedError, ReadBackError
from firmware_bridge.flash.install import Programmer, Progress, require_board
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.wire import messages as wire


def provision(programmer: Programmer, keys: KeyStore, *, again: bool = False, progress: Progress) -> str:
    """Give the board at the programmer a new key, start it, and return its name.

    Nothing but the store is written. Raises WrongBoardError, FlashError if the board has no program of inkgate,
    ProvisionedError as `plan` does, ReadBackError if the store does not hold the key afterwards, and the FlashErrors of
    `programmer`.
    """
    if require_board(programmer) is None:
        name = programmer.board.name
        raise FlashError(
            f"{programmer.where}: the board holds no program of inkgate, so nothing of it may be overwritten: "
            f"`inkgate firmware flash build/firmware/{name}-{programmer.board.apps[0]}.img --provision` does both"
        )
    name = give(programmer, plan(programmer, keys, again=again, progress=progress), keys, progress)
    programmer.start()
    return name


def provision_by_drive(board: Board, drive: Path, keys: KeyStore, progress: Progress) -> str:
    """Give the board whose boot drive this is a new key and a new name; return the name.

    A boot drive can be written only: which board it is, and whether it has a key, cannot be known. FlashError as
    uf2_drive.copy raises it; the key stays in the store all the same, for the board may have it.
    """
    assert board.uf2_family is not None
    kept = draw(board, keys)
    name = remember(board, kept, keys)
    store = board_store.encode(kept, board.store.size)
    uf2_drive.copy(uf2.encode(store, board.store.origin, board.uf2_family), drive, progress)
    return name


def draw(board: Board, keys: KeyStore) -> Kept:
    """Return a new key for a board that gets a new number, hence a name that this host does not know."""
    while True:
        number = secrets.randbits(31) + 1
        if keys.get(board_store.name_of(board.name, number)) is None:
            return Kept(number, secrets.token_bytes(wire.KEY_BYTES), 0)


def plan(programmer: Programmer, keys: KeyStore, *, again: bool = False, progress: Progress) -> Kept:
    """Return what the store is to hold: a new key, the board's number, no start that was seen before.

    ProvisionedError if the board has a key, unless `again`.
    """
    board, before = programmer.board, read_store(programmer, progress)
    if before is None:
        return draw(board, keys)
    name = board_store.name_of(board.name, before.number)
    known = keys.get(name)
    if before.key is not None and not again:
        same = known is not None and known.key == before.key
        has = "and this host knows it: nothing to do" if same else "that this host does not know"
        other = f"`inkgate firmware provision --board {board.name} --again`"
        raise ProvisionedError(f"{programmer.where}: board {name} has a key, {has}; {other} gives it another")
    seen = 0 if known is None else known.session
    return Kept(before.number, secrets.token_bytes(wire.KEY_BYTES), max(before.session, seen))


def give(programmer: Programmer, kept: Kept, keys: KeyStore, progress: Progress) -> str:
    """Put `kept` into the board's store and its key into `keys`; return the board's name.

    In this order: the store is erased, the key is stored here, the store is written. Wherever that is broken off, the
    board has no key that this host does not know.
    """
    programmer.erase_store()
    name = remember(programmer.board, kept, keys)
    programmer.write_store(board_store.encode_slot(kept), progress)
    if read_store(programmer, progress) != kept:
        raise ReadBackError(
            f"{programmer.where}: the flash does not hold the key that was written: give the command again; if that "
            "does not help, the flash is write-protected, worn out, or its supply bad"
        )
    return name


def remember(board: Board, kept: Kept, keys: KeyStore) -> str:
    """Store the key of a board here and return the board's name."""
    assert kept.key is not None
    name = board_store.name_of(board.name, kept.number)
    keys.put(name, kept.key, kept.session)
    return name


def read_store(programmer: Programmer, progress: Progress) -> Kept | None:
    """Return what the board keeps, None if nothing.

    A board fills each half of its store from the start, so that each is read up to its first erased slot.
    """
    store = programmer.board.store
    half, held = store.size // 2, b""
    for begin in (store.origin, store.origin + half):
        for address in range(begin, begin + half, SLOT_BYTES):
            slot = programmer.read(address, SLOT_BYTES, _quiet)
            if not slot.strip(b"\xff"):
                break
            held += slot
            progress("reading", len(held), store.size)
    return board_store.decode(held)


def _quiet(what: str, done: int, total: int) -> None:
    """Tell nothing."""
