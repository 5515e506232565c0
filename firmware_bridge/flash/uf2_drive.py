"""A UF2 file and the boot drive of a Pico -> the file copied there, and the drive gone, as it goes when all arrived."""

import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from firmware_bridge.boards import Board
from firmware_bridge.build import uf2
from firmware_bridge.build.image import Header, Version, parse_version
from firmware_bridge.errors_firmware import (
    BoardNotFoundError,
    FlashedListError,
    FlashError,
    ImageError,
    WrongBoardError,
)
from firmware_bridge.flash.install import Progress

INFO_NAME = "INFO_UF2.TXT"
COPY_BYTES = 16 * 512
GONE_TIMEOUT_S = 10.0
_UNFINISHED = " unfinished"
POLL_S = 0.05


class Versions:
    """What was flashed from here, by model: where a board cannot be asked what it holds.

    The newest version, for boot drives, which say nothing; the one under way, for boards whose flashing was broken off:
    their header is erased first.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def newest(self, board: Board) -> Version | None:
        """None if none was."""
        version = self._load().get(board.name)
        return None if version is None else parse_version(version)

    def note(self, header: Header) -> None:
        """One was."""
        known = self._load()
        if parse_version(known.get(header.board, "0.0.0")) <= header.version:
            self._keep(known | {header.board: header.version_text})

    def unfinished(self, board: Board) -> Version | None:
        """What was begun and not ended."""
        version = self._load().get(board.name + _UNFINISHED)
        return None if version is None else parse_version(version)

    def begin(self, header: Header) -> None:
        """From here on the board may be without a header."""
        self._keep(self._load() | {header.board + _UNFINISHED: header.version_text})

    def end(self, board: Board) -> None:
        """It has one again."""
        known = self._load()
        if known.pop(board.name + _UNFINISHED, None) is not None:
            self._keep(known)

    def _keep(self, known: dict[str, str]) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".fresh")
            fresh.write_bytes(msgspec.json.encode(known))
            fresh.replace(self._path)
        except OSError as error:
            raise FlashedListError(f"{self._path}: cannot be written: {error.strerror}") from error

    def _load(self) -> dict[str, str]:
        try:
            known = msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
            for version in known.values():
                parse_version(version)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError, ImageError) as error:
            raise FlashedListError(f"{self._path}: no list of versions: {error}: remove it if you know why") from error
        return known


def encode_image(content: bytes, board: Board, *, erase_key: bool = False) -> bytes:
    """The UF2 file of an image; with `erase_key` the board's key and counters are overwritten as with the rest."""
    assert board.uf2_family is not None
    if not erase_key:
        return uf2.encode(content, board.flash.origin, board.uf2_family)
    blank = b"\xff" * board.store.size
    return uf2.encode_parts([(board.flash.origin, content), (board.store.origin, blank)], board.uf2_family)


def mounted_folders(mounts: Path = Path("/proc/self/mounts")) -> list[Path]:
    """Where drives are mounted: what Linux says, or what lies in macOS's /Volumes."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return sorted(path for path in Path("/Volumes").glob("*") if path.is_dir())
    # Blanks and the like in a path are octal there.
    paths = (re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split(" ")[1]) for line in lines)
    return [Path(path) for path in dict.fromkeys(paths)]


def find_drive(board: Board, folders: Iterable[Path]) -> Path:
    """The folder among these that is the board's boot drive; BoardNotFoundError unless exactly one is."""
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
    """The Board-ID of a UF2 boot drive; None if the folder is none."""
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
    """Copy a UF2 file to a boot drive and wait until it is gone: the boot ROM leaves when it has every block.

    FlashError if the drive fails before it has all, or stays.
    """
    target = drive / "INKGATE.UF2"
    done = 0
    try:
        with target.open("wb", buffering=0) as file:
            while done < len(data):
                done += file.write(data[done : done + COPY_BYTES])
                progress("copying", done, len(data))
            # The last blocks reach the board here, and it may be gone before it has said so.
            os.fsync(file.fileno())
    except OSError as error:
        if done < len(data) or board_id(drive) is not None:
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
