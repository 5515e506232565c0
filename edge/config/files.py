"""The files of settings -> what each sets, if only its owner and root can write to it.

    /etc/inkgate.toml       of the machine
    ~/.config/inkgate.toml  of the user, and heavier; $XDG_CONFIG_HOME in place of ~/.config
    $INKGATE_CONFIG         in place of both, for a second gate on a machine; /dev/null: no file at all

Every file is one table of TOML, its keys the long names of options.
"""

import os
import stat
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple

from edge.config.kinds import Reader, Value
from edge.errors import SettingsError, SettingsRefusedError
from firmware_bridge.files import open_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SYSTEM: Final = Path("/etc/inkgate.toml")
VARIABLE: Final = "INKGATE_CONFIG"
_NAME: Final = "inkgate.toml"
_MOST_BYTES: Final = 1 << 16
_ROOT: Final = 0
_HELPS: Final = "`inkgate config example` shows what may be set"


class Refusal(NamedTuple):
    """Why an option may not be set in a file, and the error for that."""

    error: type[SettingsError]
    reason: str


def files() -> list[Path]:
    """Return the files that are read where they exist, the lightest first.

    SettingsError if the environment names one that is not there, or a folder that is no place.
    """
    if named := os.environ.get(VARIABLE):
        if named == os.devnull:
            return []
        if not Path(named).exists():
            raise SettingsError(f"{named}: there are no settings there, and ${VARIABLE} names them")
        return [Path(named).absolute()]
    return [SYSTEM, *_of_user()]


def _of_user() -> list[Path]:
    """Return the user's own file; none if he has no home."""
    if named := os.environ.get("XDG_CONFIG_HOME"):
        if not Path(named).is_absolute():
            raise SettingsError(f"{named}: $XDG_CONFIG_HOME is relative: name a folder that begins with /")
        return [Path(named) / _NAME]
    try:
        return [Path.home() / ".config" / _NAME]
    except RuntimeError:
        return []


def read(path: Path, readers: Mapping[str, Reader], refused: Mapping[str, Refusal]) -> dict[str, Value]:
    """Return what a file sets, by setting; nothing if there is no file.

    readers: of every setting. refused: options that may not be set in a file.

    SettingsError if it cannot be read or understood, has an unknown key or a value of another kind;
    SettingsRefusedError if others can write to it; that of `refused` for an option that is there.
    """
    content = _content(path)
    if content is None:
        return {}
    try:
        table = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        reason = "its tables are too deep" if isinstance(error, RecursionError) else error
        raise SettingsError(f"{path}: is no TOML: {reason}; {_HELPS}") from error
    values = {}
    for key, given in table.items():
        if key in refused:
            raise refused[key].error(f"{path}: {key}: {refused[key].reason}")
        if key not in readers:
            raise SettingsError(f"{path}: {_unknown(key, given, readers)}; {_HELPS}")
        try:
            values[key] = readers[key](given)
        except ValueError as error:
            raise SettingsError(f"{path}: {key}: {error}") from None
    return values


def _unknown(key: str, given: object, known: Iterable[str]) -> str:
    """Return what is wrong with a key that is no setting, and which one may be meant."""
    shown = key if key.isprintable() and len(key) < 40 else ascii(key[:40])
    if isinstance(given, dict):
        return f"[{shown}]: settings stand in no table: write the settings alone, one a line"
    near = get_close_matches(key.lower().replace("_", "-"), known)
    return f"{shown}: there is no such setting" + (f"; did you mean {' or '.join(near)}?" if near else "")


def _content(path: Path) -> bytes | None:
    """Return the bytes of a file that only its owner can write to; None if there is none."""
    try:
        with open_file(path) as stream:
            _require_ours(path, os.fstat(stream.fileno()))
            content = stream.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        if not path.is_symlink():
            return None
        raise SettingsError(f"{path}: leads to a file that is not there: mend the link, or remove it") from None
    except OSError as error:
        allow = f": `sudo chmod a+r {path}`" if isinstance(error, PermissionError) else ""
        raise SettingsError(f"{path}: the settings cannot be read: {error.strerror}{allow}") from error
    if len(content) > _MOST_BYTES:
        raise SettingsError(f"{path}: has more than {_MOST_BYTES:,} bytes, so it holds no settings; {_HELPS}")
    return content


def _require_ours(path: Path, facts: os.stat_result) -> None:
    """Raise SettingsRefusedError if another user but root could have written a file.

    Its commands run when a word is accepted, and its paths say who may enter.
    """
    if facts.st_uid not in (os.geteuid(), _ROOT):
        raise SettingsRefusedError(
            f"{path}: belongs to another user, who could let anybody in: `sudo chown root {path}`; with sudo, give the "
            "command with -H"
        )
    if stat.S_IMODE(facts.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsRefusedError(f"{path}: others can write to it, and let anybody in: `chmod go-w {path}`")
