"""A path that a person gave -> its bytes, however large what lies there claims to be."""

import errno
from pathlib import Path
from typing import Final

MOST: Final = 1 << 28
"""No file that inkgate reads whole is larger; what is (a device without end, a disk's image) was named by mistake."""


def read_file(path: Path, most: int = MOST) -> bytes:
    """Return the bytes of a file. OSError if it cannot be read or has more than `most` bytes."""
    with path.open("rb") as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"more than {most:,} bytes", str(path))
    return content
