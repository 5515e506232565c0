"""A folder that only its owner can read -> the keys and counters of the boards provisioned here."""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

from firmware_bridge.trust.errors import BoardKeyExposedError, KeyStoreError
from firmware_bridge.trust.folder import BOARD_KEYS_VARIABLE, board_keys_folder
from firmware_bridge.wire import messages as wire

SUFFIX = ".key"
_LOCK = ".lock"
_ROOT = 0


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    session: int


@dataclass(frozen=True)
class BoardKey:
    """What a host keeps of a board that it provisioned: the key and the highest session seen."""

    key: bytes = field(repr=False)
    session: int = 0


class KeyStore:
    """A store of board keys: one file for each board, named after it; folder 0700, files 0600.

    Every method raises BoardKeyExposedError if anybody else could read or change the folder or a file, KeyStoreError if
    something cannot be read or written. A missing folder holds no keys.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or board_keys_folder()

    def load(self) -> dict[str, BoardKey]:
        """Return every board's key, by the board's name."""
        try:
            if not self.folder.exists():
                return {}
            self._check(self.folder)
            return {
                unquote(path.name.removesuffix(SUFFIX)): self._read(path)
                for path in sorted(self.folder.glob(f"*{SUFFIX}"))
            }
        except OSError as error:
            raise self._failed(error) from error

    def get(self, board: str) -> BoardKey | None:
        """Return the key of one board, None if the board is unknown."""
        path = self._path(board)
        try:
            if not path.exists():
                return None
        except OSError as error:
            raise self._failed(error) from error
        self._check(self.folder)
        return self._read(path)

    def put(self, board: str, key: bytes, session: int = 0) -> None:
        """Write the key to the disk, replacing an earlier one; call this before the key is used.

        `session` is the highest session seen of the board.
        """
        with self._locked():
            self._write(board, BoardKey(key, session))

    def remove(self, board: str) -> None:
        """Forget the board, if it is known."""
        with self._locked():
            try:
                self._path(board).unlink(missing_ok=True)
                self._sync_folder()
            except OSError as error:
                raise self._failed(error) from error

    def note(self, board: str, session: int) -> None:
        """Record that a session of the board was seen, so that no earlier one is accepted again.

        Does nothing for an unknown board or a session that is not higher.
        """
        with self._locked():
            known = self.get(board)
            if known is not None and session > known.session:
                self._write(board, BoardKey(known.key, session))

    def start_board(self, board: str) -> BoardKey:
        """Return what a virtual board is started with: its key and a new session, both already stored.

        The store stands for the memory that a virtual board lacks. At its first start the board gets a random key, and
        a random session, which no journal knows.
        """
        with self._locked():
            known = self.get(board)
            if known is None:
                known = BoardKey(secrets.token_bytes(wire.KEY_BYTES), secrets.randbits(31))
            started = BoardKey(known.key, known.session + 1)
            self._write(board, started)
            return started

    def _path(self, board: str) -> Path:
        # quote() leaves dots as they are; with the suffix, no name becomes "." or "..".
        return self.folder / f"{quote(board, safe=' ')}{SUFFIX}"

    def _read(self, path: Path) -> BoardKey:
        self._check(path)
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
            key = bytes.fromhex(stored.key)
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            raise KeyStoreError(f"{path}: no key of a board: {error}") from error
        if len(key) != wire.KEY_BYTES or not 0 <= stored.session < 1 << 32:
            raise KeyStoreError(f"{path}: no key of a board: {wire.KEY_BYTES} bytes and a session are needed")
        return BoardKey(key, stored.session)

    def _write(self, board: str, board_key: BoardKey) -> None:
        """Write the file whole or not at all; it is on the disk when this returns."""
        content = msgspec.json.encode(_Stored(board_key.key.hex(), board_key.session)) + b"\n"
        fresh = self._path(board).with_suffix(".fresh")  # only a killed writer leaves one behind: the lock admits one
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path(board))
            self._sync_folder()
        except OSError as error:
            raise self._failed(error) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Create the folder and hold the lock that admits one writer at a time, over all processes."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check(self.folder)
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._failed(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _check(self, path: Path) -> None:
        try:
            found = path.stat()
        except OSError as error:
            raise self._failed(error) from error
        if found.st_uid not in (os.geteuid(), _ROOT):
            raise BoardKeyExposedError(
                f"{path}: belongs to another user, who could read the keys: `sudo chown $USER {path}`"
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise BoardKeyExposedError(f"{path}: others can read or change the keys of boards: `chmod go= {path}`")

    def _failed(self, error: OSError) -> KeyStoreError:
        where = error.filename or self.folder
        return KeyStoreError(
            f"{where}: the key store cannot be used: {error.strerror}: ${BOARD_KEYS_VARIABLE} names another"
        )
