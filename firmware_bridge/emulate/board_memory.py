"""What outlives a virtual board's power -> its key, and a session that it never used before."""

import secrets
from typing import Protocol

from firmware_bridge.trust.board_keys import KeyStore


class BoardMemory(Protocol):
    """What a real board has in its flash."""

    def start(self) -> tuple[bytes | None, int]:
        """The key, if there is one, and the session of this start, which is written down already."""

    def keep_key(self, key: bytes) -> bool:
        """Whether the key is written down."""


class Unprovisioned:
    """A board fresh from the factory. Its key, if it gets one, is as long-lived as this object."""

    def __init__(self, key: bytes | None = None) -> None:
        self.key = key
        # At random: a session that came twice would make the host take new words for old ones.
        self._session = secrets.randbits(31)

    def start(self) -> tuple[bytes | None, int]:
        self._session += 1
        return self.key, self._session

    def keep_key(self, key: bytes) -> bool:
        self.key = key
        return True


class SelfProvisioned:
    """A board of the same user's as the host: key and counter lie in the host's key store, made at the first start."""

    def __init__(self, keys: KeyStore, board: str) -> None:
        self._keys, self._board = keys, board

    def start(self) -> tuple[bytes | None, int]:
        started = self._keys.start_board(self._board)
        return started.key, started.session

    def keep_key(self, key: bytes) -> bool:
        return False
