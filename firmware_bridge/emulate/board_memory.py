"""What a virtual board keeps without power -> its key, and a session that it never used before."""

import secrets
from typing import Protocol

from firmware_bridge.trust.board_keys import KeyStore


class BoardMemory(Protocol):
    """The memory of a virtual board that outlives its power, in a real board the flash."""

    def start(self) -> tuple[bytes | None, int]:
        """Return the key, None if there is none, and the session of this start, which is stored already."""


class Unprovisioned:
    """The memory of a board that this host gave no key: it has none, or that of another host."""

    def __init__(self, key: bytes | None = None) -> None:
        self.key = key
        # Random, because a repeated session would make the host take new words for old ones.
        self._session = secrets.randbits(31)

    def start(self) -> tuple[bytes | None, int]:
        self._session += 1
        return self.key, self._session


class SelfProvisioned:
    """The memory of a board of the host's own user.

    Its key and the counter of its starts lie in the host's key store, and are made at the first start.
    """

    def __init__(self, keys: KeyStore, board: str) -> None:
        self._keys, self._board = keys, board

    def start(self) -> tuple[bytes | None, int]:
        started = self._keys.start_board(self._board)
        return started.key, started.session
