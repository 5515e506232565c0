"""A UF2 file and the boot drive of a Pico -> the file copied there, and the drive gone.

The boot ROM takes the drive away when it has every block.
"""

import contextlib
import errno
import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from firmware_bridge.boards import Board
from firmware_bridge.build.errors import WrongBoardError
from firmware_bridge.flash.errors import BoardNotFoundError, FlashError
from firmware_bridge.flash.install import Progress

INFO_NAME = "INFO_UF2.TXT"
COPY_BYTES = 16 * 512
GONE_TIMEOUT_S = 10.0
POLL_S = 0.05

_NOT_YOURS = "this user may not write to the boot drive: mount it as this user, without sudo, or copy it as its owner"
_NOT_WRITABLE = {
    errno.EROFS: "the boot drive is mounted for reading only: take it off and mount it again for writing",
    errno.ENOSPC: "the boot drive is full, as a board's own never is: plug the board in as a drive anew",
    errno.EACCES: _NOT_YOURS,
    errno.EPERM: _NOT_YOURS,
}


def mounted_folders(mounts: Path = Path("/proc/self/mounts")) -> list[Path]:
    """Return the folders where drives are mounted: Linux's list, or what lies in macOS's /Volumes."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return sorted(path for path in Path("/Volumes").glob("*") if path.is_dir())
    # Linux writes blanks and the like in a path as octal escapes.
    paths = (re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split(" ")[1]) for line in lines)
    return [Path(path) for path in dict.fromkeys(paths)]


def find_drive(board: Board, folders: Iterable[Path]) -> Path:
    """Return the folder that is the board's boot drive.

    Raises BoardNotFoundError if there is none or more than one, WrongBoardError if there are only other boards' drives.
    """
    drives = {folder: name for folder in folders if (name := board_id(folder)) is not None}
    right = [folder for folder, name in drives.items() if name == board.uf2_board]
    if len(right) == 1:
        return right[0]
    if right:
        raise BoardNotFoundError(
            f"{len(right)} boot drives of {board.name}: {', '.join(map(str, right))}: choose one with --drive"
        )
    if drives:
        others = ", ".join(f"{folder} ({name})" for folder, name in drives.items())
        raise WrongBoardError(f"wrong board: {board.name}'s boot drive is {board.uf2_board}, here are {others}")
    raise BoardNotFoundError(f"no boot drive of {board.name}: {board.boot_hint}, or name it with --drive")


def board_id(folder: Path) -> str | None:
    """Return the Board-ID of a UF2 boot drive, None if the folder is not one."""
    try:
        text = (folder / INFO_NAME).read_bytes()[:4096].decode("ascii", "replace")
    except OSError:
        return None
    found = re.search(r"^Board-ID:\s*([!-~]{1,64})\s*$", text, re.MULTILINE)
    return found[1] if found else None


def copy(
    data: bytes,
    drive: Path,
    progress: Progress,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Copy a UF2 file to a boot drive and wait until the drive is gone.

    The boot ROM takes the drive away when it has every block. Raises FlashError if writing fails before that, or if the
    drive is still there after GONE_TIMEOUT_S. The file, which may hold a key, is its owner's alone, and never stays.
    """
    target = drive / "INKGATE.UF2"
    with contextlib.suppress(OSError):
        target.unlink(missing_ok=True)
    try:
        _copy(data, drive, target, progress, clock, sleep)
    finally:
        with contextlib.suppress(OSError):
            target.unlink(missing_ok=True)


def _for_owner_alone(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL, 0o600)


def _copy(
    data: bytes,
    drive: Path,
    target: Path,
    progress: Progress,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    done = 0
    try:
        with open(target, "wb", buffering=0, opener=_for_owner_alone) as file:
            while done < len(data):
                done += file.write(data[done : done + COPY_BYTES])
                progress("copying", done, len(data))
            # The last blocks reach the board here: its drive may be gone before fsync returns, which is no failure.
            os.fsync(file.fileno())
    except OSError as error:
        if done < len(data) or board_id(drive) is not None:
            if error.errno in _NOT_WRITABLE:
                raise FlashError(f"{drive}: {_NOT_WRITABLE[error.errno]}") from error
            raise FlashError(
                f"{drive}: the board left after {done:,} of {len(data):,} bytes: {error.strerror}: "
                "try again, with another cable if it happens again"
            ) from error
    limit_s = clock() + GONE_TIMEOUT_S
    while board_id(drive) is not None:
        if clock() >= limit_s:
            raise FlashError(
                f"{drive}: the board has not taken the image: it is still a drive after {GONE_TIMEOUT_S:.0f} s"
            )
        sleep(POLL_S)
