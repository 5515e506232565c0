"""What was flashed from this machine, by model -> the version below which an image is a downgrade."""

from pathlib import Path

import msgspec

from firmware_bridge.boards import Board
from firmware_bridge.build.errors import ImageError
from firmware_bridge.build.image import Header, Version, parse_version
from firmware_bridge.files import read_file, writing
from firmware_bridge.flash.errors import FlashedListError
from firmware_bridge.trust.errors import KeyFolderError
from firmware_bridge.trust.folder import STATE_VARIABLE, signing_folder, state_folder

NAME = "flashed.json"
_UNFINISHED = " unfinished"


def open_history() -> "Versions":
    """Open the record in $INKGATE_STATE, or in inkgate among the user's state files (XDG).

    A record that an earlier inkgate kept beside the signing keys is moved there. FlashedListError if the user has no
    home or the old record cannot be moved.
    """
    path = _folder() / NAME
    _adopt(signing_folder() / NAME, path)
    return Versions(path)


def _folder() -> Path:
    try:
        return state_folder()
    except KeyFolderError as error:
        raise FlashedListError(
            f"this user has no home for the list of what was flashed: name a folder in ${STATE_VARIABLE}"
        ) from error


def _adopt(old: Path, path: Path) -> None:
    """Move the record of an earlier inkgate to `path`; if both exist, keep each model's newest version."""
    if not old.is_file():
        return
    Versions(path).merge(Versions(old))
    try:
        old.unlink()
    except OSError as error:
        raise FlashedListError(
            f"{old}: cannot be moved to {path}: {error.strerror}; remove it yourself, or make the folder writable"
        ) from error


class Versions:
    """The record of what was flashed from this machine, by model.

    It keeps two versions of each model:
      the newest one, because a boot drive does not say what is on the board
      the one under way, because a board whose flashing was interrupted has lost its header

    Its methods raise FlashedListError if the record cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def newest(self, board: Board) -> Version | None:
        """Return the newest version that was flashed to the model, None if none was."""
        version = self._load().get(board.name)
        return None if version is None else parse_version(version)

    def note(self, header: Header) -> None:
        """Record that this version was flashed, unless a newer one is recorded."""
        known = self._load()
        if parse_version(known.get(header.board, "0.0.0")) <= header.version:
            self._keep(known | {header.board: header.version_text})

    def unfinished(self, board: Board) -> Version | None:
        """Return the version whose flashing was begun and not ended, None if there is none."""
        version = self._load().get(board.name + _UNFINISHED)
        return None if version is None else parse_version(version)

    def begin(self, header: Header) -> None:
        """Record that flashing this version begins: from here on the board may be without a header."""
        self._keep(self._load() | {header.board + _UNFINISHED: header.version_text})

    def end(self, board: Board) -> None:
        """Record that flashing has ended: the board has a header again."""
        known = self._load()
        if known.pop(board.name + _UNFINISHED, None) is not None:
            self._keep(known)

    def merge(self, other: "Versions") -> None:
        """Add the entries of another record; of two versions of one model keep the newer."""
        known = self._load()
        for key, version in other._load().items():
            if key not in known or parse_version(known[key]) < parse_version(version):
                known[key] = version
        self._keep(known)

    def _keep(self, known: dict[str, str]) -> None:
        with writing(self._path, "name another folder in $INKGATE_STATE"):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = self._path.with_suffix(".fresh")
            fresh.write_bytes(msgspec.json.encode(known))
            fresh.replace(self._path)

    def _load(self) -> dict[str, str]:
        try:
            known = msgspec.json.decode(read_file(self._path), type=dict[str, str])
            for version in known.values():
                parse_version(version)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError, ImageError) as error:
            raise FlashedListError(f"{self._path}: no list of versions: {error}: remove it if you know why") from error
        return known
