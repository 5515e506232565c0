"""A folder that only its owner can read -> the keys and counters of the boards provisioned here."""

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

from firmware_bridge.trust.errors import BoardKeyExposedError, KeyDamagedError
from firmware_bridge.trust.folder import BOARD_KEYS_VARIABLE, board_keys_folder
from firmware_bridge.trust.private_folder import PrivateFolder
from firmware_bridge.wire import messages as wire

SUFFIX = ".key"
_RENEW = "remove the file and provision the board anew, or put a copy of it back"


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    session: int
    word: int = 0


@dataclass(frozen=True)
class BoardKey:
    """What a host keeps of a board that it provisioned: the key and the highest session seen.

    word: the last word of that session that was accepted, 0 if none was.
    """

    key: bytes = field(repr=False)
    session: int = 0
    word: int = 0


class KeyStore:
    """A store of board keys: one file for each board, named after it; folder 0700, files 0600.

    Every method raises BoardKeyExposedError if anybody else could read or change the folder or a file, KeyStoreError if
    something cannot be read or written. A missing folder holds no keys.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or board_keys_folder()
        self._files = PrivateFolder(self.folder, "keys of boards", BOARD_KEYS_VARIABLE, BoardKeyExposedError)

    def load(self) -> dict[str, BoardKey]:
        """Return every board's key, by the board's name.

        A damaged one is left out, so that it stops no other board; `get` says what is wrong with it.
        """
        found = {}
        for name in self._files.names(SUFFIX):
            with suppress(KeyDamagedError):
                found[unquote(name.removesuffix(SUFFIX))] = self._read(name)
        return {board: key for board, key in found.items() if key is not None}

    def get(self, board: str) -> BoardKey | None:
        """Return the key of one board, None if the board is unknown."""
        return self._read(_name(board))

    def knows(self, board: str) -> bool:
        """Return whether there is a key of the board, be it a damaged one."""
        return _name(board) in self._files.names(SUFFIX)

    def put(self, board: str, key: bytes, session: int = 0) -> None:
        """Write the key to the disk, replacing an earlier one; call this before the key is used.

        `session` is the highest session seen of the board.
        """
        with self._files.locked():
            self._write(board, BoardKey(key, session))

    def remove(self, board: str) -> None:
        """Forget the board, if it is known."""
        with self._files.locked():
            self._files.remove(_name(board))

    def note(self, board: str, session: int) -> None:
        """Record that a session of the board was seen, so that no earlier one is accepted again.

        Does nothing for an unknown board or a session that is not higher.
        """
        with self._files.locked():
            known = self.get(board)
            if known is not None and session > known.session:
                self._write(board, BoardKey(known.key, session))

    def accept(self, board: str, session: int, word: int) -> None:
        """Record that a word of a board was accepted, so that neither it nor one before it is accepted again.

        Does nothing for an unknown board, an earlier session or a word that is not higher.
        """
        with self._files.locked():
            known = self.get(board)
            if known is not None and (session, word) > (known.session, known.word):
                self._write(board, BoardKey(known.key, session, word))

    def accepted(self) -> dict[str, tuple[int, int]]:
        """Return, by board, its session and the last word of it that was accepted."""
        return {board: (key.session, key.word) for board, key in self.load().items() if key.word}

    def start_board(self, board: str) -> BoardKey:
        """Return what a virtual board is started with: its key and a new session, both already stored.

        The store stands for the memory that a virtual board lacks. At its first start the board gets a random key, and
        a random session, which no journal knows.
        """
        with self._files.locked():
            known = self.get(board)
            if known is None:
                known = BoardKey(secrets.token_bytes(wire.KEY_BYTES), secrets.randbits(31))
            started = BoardKey(known.key, known.session + 1)
            self._write(board, started)
            return started

    def _read(self, name: str) -> BoardKey | None:
        content, path = self._files.read(name), self.folder / name
        if content is None:
            return None
        try:
            stored = msgspec.json.decode(content, type=_Stored)
            key = bytes.fromhex(stored.key)
        except (msgspec.MsgspecError, ValueError) as error:
            raise KeyDamagedError(f"{path}: no key of a board: {error}; {_RENEW}") from error
        if len(key) != wire.KEY_BYTES or not 0 <= stored.session < 1 << 32 or stored.word < 0:
            raise KeyDamagedError(f"{path}: no key of a board: {wire.KEY_BYTES} bytes and a session; {_RENEW}")
        return BoardKey(key, stored.session, stored.word)

    def _write(self, board: str, board_key: BoardKey) -> None:
        content = msgspec.json.encode(_Stored(board_key.key.hex(), board_key.session, board_key.word)) + b"\n"
        self._files.write(_name(board), content)


def _name(board: str) -> str:
    # quote() leaves dots as they are; with the suffix, no name becomes "." or "..".
    return f"{quote(board, safe=' ')}{SUFFIX}"
