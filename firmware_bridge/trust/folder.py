"""A kind of keys or records -> the folder where this user keeps them."""

import os
from collections.abc import Callable
from pathlib import Path

from firmware_bridge.trust.errors import KeyFolderError

BOARD_KEYS_VARIABLE = "INKGATE_KEYS"
SIGNING_VARIABLE = "INKGATE_SIGNING"
ROSTER_KEYS_VARIABLE = "INKGATE_ROSTER_KEYS"
STATE_VARIABLE = "INKGATE_STATE"
DATA_VARIABLE = "INKGATE_DATA"
"""Environment variables, each of which replaces the usual folder."""

_look_up: Callable[[str], str | None] = lambda variable: None  # noqa: E731


def ask_also(look_up: Callable[[str], str | None]) -> None:
    """Let a function name the folder of a variable that is not set.

    It returns what a file says in the variable's place, or None.
    """
    global _look_up
    _look_up = look_up


def board_keys_folder() -> Path:
    """Return $INKGATE_KEYS, or inkgate/keys in the user's configuration folder.

    KeyFolderError if the variable is unset and the user has no home folder.
    """
    return _default_folder("keys", BOARD_KEYS_VARIABLE)


def signing_folder() -> Path:
    """Return $INKGATE_SIGNING, or inkgate/signing in the user's configuration folder.

    KeyFolderError if the variable is unset and the user has no home folder.
    """
    return _default_folder("signing", SIGNING_VARIABLE)


def roster_keys_folder() -> Path:
    """Return $INKGATE_ROSTER_KEYS, or inkgate/rosters in the user's configuration folder.

    KeyFolderError if the variable is unset and the user has no home folder.
    """
    return _default_folder("rosters", ROSTER_KEYS_VARIABLE)


def state_folder() -> Path:
    """Return $INKGATE_STATE, or inkgate among the user's state files (XDG).

    KeyFolderError if the variable is unset and the user has no home folder.
    """
    if named := _named(STATE_VARIABLE):
        return Path(named)
    try:
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "inkgate"
    except RuntimeError as error:
        raise KeyFolderError(f"this user has no home for records: name a folder in ${STATE_VARIABLE}") from error


def data_folder(named: Path | str | None = None) -> Path:
    """Return the folder of public data: `named`, $INKGATE_DATA, or inkgate in the user's cache.

    A `~` at its beginning is a home. KeyFolderError if the home that is needed is nobody's.
    """
    chosen = named or _named(DATA_VARIABLE)
    try:
        if chosen:
            return Path(chosen).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "inkgate"
    except RuntimeError as error:
        what = f"{chosen}: there is no such home" if chosen else "this user has no home for data"
        raise KeyFolderError(f"{what}: name a folder in ${DATA_VARIABLE}") from error


def _default_folder(name: str, variable: str) -> Path:
    if named := _named(variable):
        return Path(named)
    try:
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "inkgate" / name
    except RuntimeError as error:
        raise KeyFolderError(f"this user has no home for inkgate/{name}: name a folder in ${variable}") from error


def _named(variable: str) -> str | None:
    return os.environ.get(variable) or _look_up(variable)
