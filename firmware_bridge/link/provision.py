"""A port and a key store -> a board with a new key, which only it and this host know."""

import secrets

from firmware_bridge.link.inquiry import Inquiry
from firmware_bridge.link.transport import BAUD_RATE
from firmware_bridge.session.errors import CannotError, DowngradeError, ProvisionedError
from firmware_bridge.session.events import BoardInfo
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.wire import messages as wire


def provision(
    port: str,
    keys: KeyStore | None = None,
    *,
    again: bool = False,
    baud_rate: int = BAUD_RATE,
    connect_patience_s: float = 0.0,
) -> BoardInfo:
    """Give the board on `port` a new key, check that the board has it, and return the board's info.

    The key crosses the line in the clear: do it where nobody else listens. With `again`, a board that lost its key with
    its memory gets a new one although this host knows the old one.

    - ProvisionedError: the board and this host share a key already.
    - KeyMissingError: another host provisioned the board.
    - DowngradeError: the board lost its key, and `again` is false.
    - Any other BridgeError of the connection.
    """
    store = keys or KeyStore()

    def inquire(trust_anew: bool = False) -> Inquiry:
        return Inquiry(
            port, keys=store, trust_anew=trust_anew, baud_rate=baud_rate, connect_patience_s=connect_patience_s
        )

    try:
        with inquire() as inquiry:
            _give_key(inquiry, store)
    except DowngradeError:
        if not again:
            raise
        with inquire(trust_anew=True) as inquiry:
            _give_key(inquiry, store)
    with inquire() as inquiry:
        return inquiry.info


def _give_key(inquiry: Inquiry, keys: KeyStore) -> None:
    """Make a key, store it, and give it to the board.

    It is stored before the board gets it: a cable pulled in between must not leave a board with a key nobody knows.
    """
    info = inquiry.info
    if info.authenticated:
        raise ProvisionedError(f"{inquiry.port}: board {info.board} has a key and this host knows it: nothing to do")
    key = secrets.token_bytes(wire.KEY_BYTES)
    keys.put(info.board, key, info.session)
    try:
        inquiry.provision(key)
    except CannotError:
        keys.remove(info.board)  # The board has said that it did not take the key.
        raise
