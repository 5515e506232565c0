"""A path and a network -> the roster in the file there, read and replaced as a whole."""

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edge.errors import ForeignRosterError, RosterError, RosterKeyError, RosterRefusedError
from edge.roster.keys import KEY_BYTES, FileKeys, KeySource
from edge.roster.roster import Roster
from edge.roster.sealed import ID_BYTES, NETWORK_BYTES, NONCE_BYTES, key_id, read_header, seal, unseal
from edge.roster.versions import Versions
from firmware_bridge.errors import UnwritableError
from firmware_bridge.files import read_file, require_writable_folder, unwritable
from firmware_bridge.trust.private_folder import replace_file

SUFFIX = ".roster"


def roster_beside(bundle: Path) -> Path:
    """Return where the roster of a bundle lies: beside it, under its name and `.roster`.

    Beside a symbolic link to a bundle it is the link's: users stay when the link is turned to a newer bundle.
    """
    folder = bundle if bundle.name not in ("", "..") else bundle.resolve()
    return folder.with_name(folder.name + SUFFIX)


class RosterFile:
    """The roster in one file, readable with its network on the machine that wrote it last.

    Each writing makes a new key and forgets the one before: an older copy of the file, with a user who was removed
    since, can be read by nobody any more, wherever it was kept. When file and key are put back together, the version
    tells that they are older ones.

    path: the file; a missing one holds nobody. network: SHA-256 of the networks, 32 bytes. keys: where the key is kept,
    by default among the user's files. versions: where the highest version seen is kept, by default among his records.

    KeyExposedError and KeyStoreError as `keys` raises them.
    """

    def __init__(
        self, path: Path, network: bytes, keys: KeySource | None = None, versions: Versions | None = None
    ) -> None:
        if len(network) != NETWORK_BYTES:
            raise ValueError(f"a network is named by {NETWORK_BYTES} bytes")
        self.path, self._network = path, network
        self._keys: KeySource = FileKeys() if keys is None else keys
        self._versions = Versions() if versions is None else versions

    def load(self) -> Roster:
        """Return the roster; an empty one if there is no file.

        RosterAlteredError, RosterKeyError or ForeignRosterError, exit code 4, unless the file is bit for bit what this
        machine wrote last for this network; RosterError if it cannot be read.
        """
        content = self._read()
        while True:
            try:
                return self._load(content)
            except RosterKeyError:
                before, content = content, self._read()
                if content == before:  # else it was replaced, and its key with it, after it was read
                    raise

    def require_writable(self) -> None:
        """Find out whether `change` could write, before somebody writes five words in vain.

        Folders that it needs are made. Errors as those of `change`.
        """
        with self._keys.locked():
            folder = self._place().parent
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                require_writable_folder(folder)
            except OSError as error:
                raise self._unwritable(error) from error

    def change(self, change: Callable[[Roster], Roster]) -> Roster:
        """Replace the roster by what `change` makes of it, and return that; nobody else writes meanwhile.

        Its version is one more. The file is the old one or the new one at any moment; the new one is on the disk when
        this returns. If `change` raises, nothing is written. Errors as those of `load`; UnwritableError if the file
        cannot be written.
        """
        with self._keys.locked():
            content = self._read()
            old = self._load(content)
            new = replace(change(old), version=old.version + 1)
            identity = read_header(content).roster if content is not None else secrets.token_bytes(ID_BYTES)
            kept = () if content is None else (self._key_of(content),)
            key = secrets.token_bytes(KEY_BYTES)
            self._keys.put(identity, (key, *kept))
            self._write(seal(new, identity, key, self._network, secrets.token_bytes(NONCE_BYTES)))
            self._keys.put(identity, (key,))
            self._versions.note(identity, new.version, self._place().absolute())
        return new

    def _load(self, content: bytes | None) -> Roster:
        if content is None:
            return Roster()
        try:
            key = self._key_of(content)
            roster = unseal(content, key)
            self._versions.note(read_header(content).roster, roster.version)
        except RosterRefusedError as error:
            raise type(error)(
                f"{self.path}: {error}: name another (--roster), or move it away and enrol its users anew"
            ) from error
        if read_header(content).network != self._network:
            raise ForeignRosterError(
                f"{self.path}: its users were enrolled with another network, whose features mean nothing to this one: "
                "name the bundle it belongs to, or enrol them in another file (--roster)"
            )
        return roster

    def _key_of(self, content: bytes) -> bytes:
        """Return the key that the file names.

        RosterAlteredError if it names none, RosterKeyError if the key is not here.
        """
        header = read_header(content)
        known = self._keys.get(header.roster)
        for key in known:
            if key_id(key) == header.key_id:
                return key
        if known:
            raise RosterKeyError("is an older copy, put back, or was altered: the key that it names was replaced since")
        raise RosterKeyError("there is no key for it on this machine: it was copied from another one, or altered")

    def _read(self) -> bytes | None:
        try:
            return read_file(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RosterError(f"{self.path}: the roster cannot be read: {error.strerror}") from error

    def _write(self, content: bytes) -> None:
        """Write the file, for its owner alone, whole or not at all; it is on the disk when this returns."""
        place = self._place()
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(place, place.with_name(f".{place.name}.fresh"), content)  # the lock admits one writer
        except OSError as error:
            raise self._unwritable(error) from error

    def _place(self) -> Path:
        """Return where the file lies: where a link at `path` leads, which stays a link."""
        return Path(os.path.realpath(self.path))

    def _unwritable(self, error: OSError) -> UnwritableError:
        return unwritable(self.path, error, "--roster takes the roster elsewhere")


def rosters_gone(keys: FileKeys, versions: Versions) -> dict[bytes, Path]:
    """Return the rosters, by id, whose keys are kept here though their files are gone from their place.

    KeyExposedError and KeyStoreError as `keys` and `versions` raise them.
    """
    return {of: place for of, place in versions.places().items() if keys.get(of) and not _holds(place, of)}


def forget_rosters_gone(keys: FileKeys, versions: Versions) -> dict[bytes, Path]:
    """Erase what is kept of rosters whose files are gone, and return them; nobody can read a copy then."""
    with keys.locked():
        gone = rosters_gone(keys, versions)
        for roster in gone:
            keys.forget(roster)
            versions.forget(roster)
    return gone


def _holds(place: Path, roster: bytes) -> bool:
    """Return whether the roster lies there, or may: what cannot be read is not gone."""
    try:
        return read_header(read_file(place)).roster == roster
    except FileNotFoundError:
        return False
    except (OSError, RosterError):
        return True
