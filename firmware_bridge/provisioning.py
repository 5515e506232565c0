"""A board without a key on a port -> a key that the board and this host share, kept by both before it is used."""

import secrets

from firmware_bridge import wire
from firmware_bridge.errors import CannotError, KeyMissingError, ProvisionedError, WrongKeyError
from firmware_bridge.events import BoardInfo
from firmware_bridge.inquiry import Inquiry
from firmware_bridge.keys import KeyStore

_CONNECT_S = 2.0


def provision(port: str, store: KeyStore, *, again: bool = False) -> BoardInfo:
    """Give the board a key at random and let it prove that it has it; what it says of itself then.

    ProvisionedError if it has a key. DowngradeError if this host knows a key of it, unless `again`: then the old key is
    forgotten. The key crosses the line in the clear, once.
    """
    try:
        inquiry = Inquiry(port, keys=store, trust_anew=again, connect_patience_s=_CONNECT_S)
    except KeyMissingError as error:
        raise ProvisionedError(f"{error}: see `inkgate firmware flash --erase-key`") from error
    with inquiry:
        board = inquiry.info.board
        if inquiry.info.authenticated:
            raise ProvisionedError(f"{port}: board {board} has a key already, and this host knows it: nothing to do")
        before, key = store.get(board), secrets.token_bytes(wire.KEY_BYTES)
        # First here: a board with a key that no host knows would have to be erased.
        store.put(board, key)
        try:
            inquiry.provision(key)
        except CannotError:
            if before is None:
                store.remove(board)
            else:
                store.put(board, before.key, before.session)
            raise
    with Inquiry(port, keys=store, connect_patience_s=_CONNECT_S) as inquiry:
        if not inquiry.info.authenticated or inquiry.info.board != board:
            raise WrongKeyError(f"{port}: {inquiry.info.board} answers, and does not prove that it is {board}")
        return inquiry.info
