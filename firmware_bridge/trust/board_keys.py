"""A folder that its owner alone can read -> the keys of the boards that this host provisioned, and their counters."""

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

from firmware_bridge.trust.errors import KeyExposedError, KeyStoreError
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
    """What a host knows of a board that it provisioned: its key, and the highest session seen of it."""

    key: bytes = field(repr=False)
    session: int = 0


class KeyStore:
    """One file for each board, by its name. Folder 0700, files 0600.

    Every method raises KeyExposedError if anybody else could read or change the folder or a file, and KeyStoreError if
    something cannot be read or written. A folder that is not there holds no keys.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or board_keys_folder()

    def load(self) -> dict[str, BoardKey]:
        """By name, every board."""
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
        """One board."""
        path = self._path(board)
        try:
            if not path.exists():
                return None
        except OSError as error:
            raise self._failed(error) from error
        self._check(self.folder)
        return self._read(path)

    def put(self, board: str, key: bytes, session: int = 0) -> None:
        """Keep the key, in place of an earlier one, before it is used. `session`: the highest that was seen."""
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
        """A session of the board was seen: none before it will be taken again."""
        with self._locked():
            known = self.get(board)
            if known is not None and session > known.session:
                self._write(board, BoardKey(known.key, session))

    def start_board(self, board: str) -> BoardKey:
        """What a virtual board, which has no memory of its own, is started with: its key and a new session, written
        down before. At its first start it gets a key at random, and a session that no journal knows."""
        with self._locked():
            known = self.get(board)
            if known is None:
                known = BoardKey(secrets.token_bytes(wire.KEY_BYTES), secrets.randbits(31))
            started = BoardKey(known.key, known.session + 1)
            self._write(board, started)
            return started

    def _path(self, board: str) -> Path:
        # A dot is not quoted, but no name is "." or ".." with the suffix.
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
        """Whole or not at all, and on the disk before it returns."""
        content = msgspec.json.encode(_Stored(board_key.key.hex(), board_key.session)) + b"\n"
        fresh = self._path(board).with_suffix(".fresh")  # one writer at a time: what is there is of one that was killed
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
        """One writer at a time, over all processes."""
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
            raise KeyExposedError(
                f"{path}: belongs to another user, who could read the keys: `sudo chown $USER {path}`"
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise KeyExposedError(f"{path}: others can read or change the keys of boards: `chmod go= {path}`")

    def _failed(self, error: OSError) -> KeyStoreError:
        where = error.filename or self.folder
        return KeyStoreError(
            f"{where}: the key store cannot be used: {error.strerror}: ${BOARD_KEYS_VARIABLE} names another"
        )
