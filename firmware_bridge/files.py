"""A path that a person gave -> its bytes, however large it claims to be; what is written, or why not."""

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from firmware_bridge.errors import UnwritableError

MOST: Final = 1 << 28
"""No file that inkgate reads whole is larger; what is (a disk's image) was named by mistake."""


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading, and never wait for one.

    OSError if it cannot be read, or if it is no file: at a pipe a person would wait without a word.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "a pipe or a device, not a file", str(path))


def read_file(path: Path, most: int = MOST) -> bytes:
    """Return the bytes of a file. OSError if it cannot be read, is none, or has more than `most`."""
    with open_file(path) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"more than {most:,} bytes", str(path))
    return content


@contextmanager
def writing(path: Path, helps: str = "name another place") -> Iterator[None]:
    """Let a file or a folder be written; whatever hinders it is UnwritableError, exit code 3.

    helps: what somebody can do about it, such as `choose another --out`.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(path, error, helps) from error


def unwritable(path: Path, error: OSError, helps: str = "name another place") -> UnwritableError:
    """Return the error that says why a file or a folder could not be written, and what helps."""
    room = "make room, or " if error.errno in _NO_ROOM else ""
    return UnwritableError(f"{path}: cannot be written: {_reason(error)}: {room}{helps}")


def require_writable_place(path: Path, helps: str = "name another place") -> None:
    """Find out whether something could be made at a path, and make nothing.

    UnwritableError unless the folder nearest to it is one that this user may write to.
    """
    nearest = next(place for place in (path, *path.absolute().parents) if place.exists())
    with writing(path, helps):
        require_writable_folder(nearest.parent if nearest == path and not path.is_dir() else nearest)


def require_writable_folder(folder: Path) -> None:
    """Raise the OSError that whoever makes a file in the folder would get."""
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        number = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(number, os.strerror(number), str(folder))


_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _reason(error: OSError) -> str:
    """Return the system's own words; shutil's error has none but a list of (from, to, why)."""
    if isinstance(error, shutil.Error) and error.args and error.args[0]:
        number = re.match(r"\[Errno (\d+)\]", str(error.args[0][0][-1]))
        return os.strerror(int(number[1])) if number else str(error.args[0][0][-1])
    return error.strerror or str(error)
