"""A path that a person gave -> its bytes, however large what lies there claims to be."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

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
