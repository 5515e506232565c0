"""A folder that only its owner can enter <-> its files' contents, each written whole or not at all."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from firmware_bridge.files import read_file, unwritable
from firmware_bridge.trust.errors import KeyExposedError, KeyStoreError, KeyStoreUnwritableError

_LOCK = ".lock"
_FRESH = ".fresh"
_ROOT = 0


class PrivateFolder:
    """A folder of secrets: mode 0700, its files 0600, one writer at a time.

    path      the folder; a missing one holds nothing, and is made by `locked`
    holds     what is in it, for messages, such as "keys of boards"
    variable  the environment variable that names another folder, for messages
    exposed   the error for what others could read or change

    Every method raises `exposed` if anybody else could read or change the folder or a file, KeyStoreError if something
    cannot be read, and of its kinds KeyStoreUnwritableError if it cannot be written.
    """

    def __init__(self, path: Path, holds: str, variable: str, exposed: type[KeyExposedError] = KeyExposedError) -> None:
        self.path = path
        self._holds, self._variable, self._exposed = holds, variable, exposed

    def names(self, suffix: str) -> list[str]:
        """Return the names of the files that end so, in order."""
        try:
            if not self.path.exists():
                return []
            self._check(self.path)
            return sorted(file.name for file in self.path.glob(f"*{suffix}"))
        except OSError as error:
            raise self._failed(error) from error

    def read(self, name: str) -> bytes | None:
        """Return the file's content, None if there is no such file."""
        file = self.path / name
        try:
            if not file.exists():
                return None
            self._check(self.path)
            self._check(file)
            return read_file(file)
        except OSError as error:
            raise self._failed(error) from error

    def write(self, name: str, content: bytes) -> None:
        """Write the file whole or not at all; it is on the disk when this returns. Only while `locked`."""
        file = self.path / name
        fresh = file.with_suffix(_FRESH)  # only a killed writer leaves one behind: the lock admits one
        try:
            replace_file(file, fresh, content)
        except OSError as error:
            raise self._unwritable(error) from error

    def remove(self, name: str) -> None:
        """Remove the file, if it is there. Only while `locked`."""
        try:
            (self.path / name).unlink(missing_ok=True)
            sync_folder(self.path)
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Create the folder and hold the lock that admits one writer at a time, over all processes."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check(self.path)
            descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._lock(descriptor)
            yield
        finally:
            with suppress(OSError):  # it is closed all the same
                os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise self._failed(error) from error

    def _check(self, path: Path) -> None:
        """Raise `exposed` if anybody but the owner could read or change what is there."""
        found = path.stat()
        if found.st_uid not in (os.geteuid(), _ROOT):
            raise self._exposed(f"{path}: belongs to another user, who could read the keys: `sudo chown $USER {path}`")
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise self._exposed(f"{path}: others can read or change the {self._holds}: `chmod go= {path}`")

    def _failed(self, error: OSError) -> KeyStoreError:
        where = error.filename or self.path
        return KeyStoreError(
            f"{where}: the key store cannot be used: {error.strerror}: ${self._variable} names another"
        )

    def _unwritable(self, error: OSError) -> KeyStoreUnwritableError:
        where = Path(error.filename) if error.filename else self.path
        return KeyStoreUnwritableError(str(unwritable(where, error, f"${self._variable} names another folder")))


def replace_file(file: Path, fresh: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file, for its owner alone, whole or not at all; it is on the disk when this returns.

    fresh: where it is written first, in the same folder; only a killed writer leaves it behind. mode: for a file that
    others read too. OSError if that fails.
    """
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        if read_file(fresh) != content:
            raise OSError(errno.EIO, "what was written is not there", str(fresh))
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names of a folder's files are on the disk. OSError if that fails."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
