"""A roster's id -> the highest version of it that was seen here, kept apart from file and key.

A roster has a version, encrypted in it, that grows with each writing. Who puts an older file back needs the older key
for it; who has that as well, from a copy of the whole folder of keys, is stopped by this.
"""

from pathlib import Path
from typing import Final

import msgspec

from edge.errors import RosterOlderError
from firmware_bridge.trust.errors import KeyStoreError
from firmware_bridge.trust.folder import STATE_VARIABLE, state_folder
from firmware_bridge.trust.private_folder import PrivateFolder

SUFFIX: Final = ".version"


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    place: str = ""


class Versions:
    """The versions in a folder, a file for each roster, named after its id; folder 0700, files 0600.

    folder: by default among the user's records. Every method raises KeyExposedError (exit code 4) if anybody else could
    read or change the folder or a file, KeyStoreError if one is damaged, or cannot be read or written.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or state_folder() / "rosters"
        self._files = PrivateFolder(self.folder, "versions of rosters", STATE_VARIABLE)

    def places(self) -> dict[bytes, Path]:
        """Return where each roster's file lay when it was last written, as far as that is known."""
        found = {}
        for name in self._files.names(SUFFIX):
            place = self._stored(bytes.fromhex(name.removesuffix(SUFFIX))).place
            if place:
                found[bytes.fromhex(name.removesuffix(SUFFIX))] = Path(place)
        return found

    def forget(self, roster: bytes) -> None:
        """Keep nothing of the roster any more."""
        with self._files.locked():
            self._files.remove(_name(roster))

    def note(self, roster: bytes, version: int, place: Path | None = None) -> None:
        """Keep the version for good if it is the highest of the roster, and where its file lies.

        RosterOlderError if a higher one was seen.
        """
        if self._check(roster, version):
            return
        with self._files.locked():
            if not self._check(roster, version):
                stored = _Stored(version, "" if place is None else str(place))
                self._files.write(_name(roster), msgspec.json.encode(stored) + b"\n")

    def _check(self, roster: bytes, version: int) -> bool:
        """Return whether just this version is the highest seen."""
        seen = self._stored(roster).version
        if version < seen:
            raise RosterOlderError(
                f"is an older copy, put back with its key: its version is {version}, and {seen} was seen here"
            )
        return version == seen

    def _stored(self, roster: bytes) -> _Stored:
        content = self._files.read(_name(roster))
        if content is None:
            return _Stored(0)
        try:
            return msgspec.json.decode(content, type=_Stored)
        except msgspec.MsgspecError as error:
            raise KeyStoreError(f"{self.folder / _name(roster)}: no version of a roster: {error}") from error


def _name(roster: bytes) -> str:
    return f"{roster.hex()}{SUFFIX}"
