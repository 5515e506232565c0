"""A port and a key store -> the board there has a key that this host knows and nobody else."""

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
    """Give the board on `port` a new key, and prove that it has it; what the board then says of itself.

    The key crosses the line in the clear: do it where nobody else listens. With `again` a board whose key this host
    knows, and which lost it with its memory, gets a new one. ProvisionedError if the board and this host share a key
    already; other BridgeErrors as they come, of which KeyMissingError says that another host provisioned the board.
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
    """The key is in the store before the board has it: a cable pulled in between costs no board its key."""
    info = inquiry.info
    if info.authenticated:
        raise ProvisionedError(f"{inquiry.port}: board {info.board} has a key and this host knows it: nothing to do")
    key = secrets.token_bytes(wire.KEY_BYTES)
    keys.put(info.board, key, info.session)
    try:
        inquiry.provision(key)
    except CannotError:
        keys.remove(info.board)  # The board has said that it has none.
        raise
