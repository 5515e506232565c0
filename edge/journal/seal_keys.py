"""A sealed journal -> the key of its next row, in a file apart from the journal."""

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from edge.errors import SealKeyError
from edge.journal.seal import Key
from firmware_bridge.trust.errors import KeyStoreError
from firmware_bridge.trust.folder import STATE_VARIABLE, state_folder
from firmware_bridge.trust.private_folder import PrivateFolder

FOLDER: Final = "seals"
_SUFFIX: Final = ".key"
_KEY_BYTES: Final = 32


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    file: str
    step: int
    key: str


class SealKeys:
    """Keys of seals in files, one for each seal, named after its id; folder 0700, files 0600.

    A file names the journal, too: another journal in the place of a sealed one is noticed. Every method raises
    SealKeyError if a file is exposed, damaged, or cannot be read or written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or state_folder() / FOLDER
        self._files = PrivateFolder(self.folder, "keys of seals", STATE_VARIABLE)

    def get(self, journal: str) -> Key | None:
        """Return the key of the next row, None if the seal is unknown here."""
        stored = self._read(f"{journal}{_SUFFIX}")
        return None if stored is None else Key(stored.step, bytes.fromhex(stored.key))

    def at(self, path: Path) -> list[str]:
        """Return the ids of the seals under which rows were recorded at this path.

        One that sealed no row yet may never have begun: a kill may come between. A file that cannot be read names no
        journal; that of another must stop nobody.
        """
        try:
            names = self._files.names(_SUFFIX)
        except KeyStoreError as error:
            raise SealKeyError(str(error)) from error
        found = []
        for name in names:
            with suppress(SealKeyError):
                stored = self._read(name)
                if stored is not None and stored.step > 0 and stored.file == _place(path):
                    found.append(name.removesuffix(_SUFFIX))
        return found

    def put(self, journal: str, path: Path, key: Key) -> None:
        """Replace the key by a later one, and erase the earlier; a key never goes back."""
        content = msgspec.json.encode(_Stored(_place(path), key.step, key.secret.hex())) + b"\n"
        try:
            with self._files.locked():
                before = self._read(f"{journal}{_SUFFIX}")
                if before is None or before.step < key.step:
                    self._files.write(f"{journal}{_SUFFIX}", content)
        except KeyStoreError as error:
            raise SealKeyError(str(error)) from error

    def remove(self, journal: str) -> None:
        """Erase the key of a seal: nothing more can be recorded under it."""
        try:
            with self._files.locked():
                self._files.remove(f"{journal}{_SUFFIX}")
        except KeyStoreError as error:
            raise SealKeyError(str(error)) from error

    def _read(self, name: str) -> _Stored | None:
        try:
            content = self._files.read(name)
            stored = None if content is None else msgspec.json.decode(content, type=_Stored)
            if stored is not None and (len(bytes.fromhex(stored.key)) != _KEY_BYTES or stored.step < 0):
                raise ValueError(f"a key has {_KEY_BYTES} bytes")
        except KeyStoreError as error:
            raise SealKeyError(str(error)) from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise SealKeyError(f"{self.folder / name}: no key of a seal: {error}; begin another journal") from error
        return stored


def _place(path: Path) -> str:
    return str(path.resolve())
