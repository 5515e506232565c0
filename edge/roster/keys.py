"""A roster's id -> the secret keys that its file can be encrypted with, kept apart from it."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

import msgspec

from firmware_bridge.trust.errors import KeyStoreError
from firmware_bridge.trust.folder import ROSTER_KEYS_VARIABLE, roster_keys_folder
from firmware_bridge.trust.private_folder import PrivateFolder

KEY_BYTES: Final = 32
SUFFIX: Final = ".key"


class KeySource(Protocol):
    """Where keys of rosters are kept: files of the user, or an operating system's keyring, or a TPM.

    There is one key for a roster, and two while its file is being replaced. What `put` wrote is kept for good when it
    returns, what it replaced is gone. `locked` admits one writer at a time over all processes of the machine; `put` is
    called only inside of it.
    """

    def get(self, roster: bytes, /) -> tuple[bytes, ...]:
        """Return the roster's keys, none if it is unknown here."""
        ...

    def put(self, roster: bytes, keys: tuple[bytes, ...], /) -> None: ...
    def locked(self) -> AbstractContextManager[None]: ...


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    keys: tuple[str, ...]


class FileKeys:
    """Keys in files, one for each roster, named after its id; folder 0700, files 0600.

    Every method raises KeyExposedError (exit code 4) if anybody else could read or change the folder or a file,
    KeyStoreError if something cannot be read or written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or roster_keys_folder()
        self._files = PrivateFolder(self.folder, "keys of rosters", ROSTER_KEYS_VARIABLE)

    def get(self, roster: bytes) -> tuple[bytes, ...]:
        """Return the roster's keys, none if it is unknown here."""
        name = f"{roster.hex()}{SUFFIX}"
        content = self._files.read(name)
        if content is None:
            return ()
        try:
            keys = tuple(map(bytes.fromhex, msgspec.json.decode(content, type=_Stored).keys))
        except (msgspec.MsgspecError, ValueError) as error:
            raise KeyStoreError(f"{self.folder / name}: no keys of a roster: {error}") from error
        if any(len(key) != KEY_BYTES for key in keys):
            raise KeyStoreError(f"{self.folder / name}: no keys of a roster: a key has {KEY_BYTES} bytes")
        return keys

    def put(self, roster: bytes, keys: tuple[bytes, ...]) -> None:
        """Replace the roster's keys. Only while `locked`."""
        content = msgspec.json.encode(_Stored(tuple(key.hex() for key in keys))) + b"\n"
        self._files.write(f"{roster.hex()}{SUFFIX}", content)

    def forget(self, roster: bytes) -> None:
        """Erase the roster's keys: nobody can read it any more. Only while `locked`."""
        self._files.remove(f"{roster.hex()}{SUFFIX}")

    def locked(self) -> AbstractContextManager[None]:
        """Hold the lock that admits one writer of rosters at a time, over all processes of this user."""
        return self._files.locked()
