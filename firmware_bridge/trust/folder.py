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


def _names_nothing(_: str) -> str | None:
    return None


_look_up: Callable[[str], str | None] = _names_nothing


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
    named = _named(STATE_VARIABLE)
    if named is not None:
        return named
    return _base("XDG_STATE_HOME", Path(".local", "state"), "records", STATE_VARIABLE) / "inkgate"


def data_folder(named: Path | str | None = None) -> Path:
    """Return the folder of public data: `named`, $INKGATE_DATA, or inkgate in the user's cache.

    KeyFolderError if the home that is needed is nobody's.
    """
    chosen = _expanded(named, DATA_VARIABLE) if named else _named(DATA_VARIABLE)
    return chosen or _base("XDG_CACHE_HOME", Path(".cache"), "data", DATA_VARIABLE) / "inkgate"


def _default_folder(name: str, variable: str) -> Path:
    named = _named(variable)
    if named is not None:
        return named
    return _base("XDG_CONFIG_HOME", Path(".config"), f"inkgate/{name}", variable) / "inkgate" / name


def _named(variable: str) -> Path | None:
    """Return the folder that a variable names, None if it names none."""
    named = os.environ.get(variable) or _look_up(variable)
    return _expanded(named, variable) if named else None


def _expanded(named: Path | str, variable: str) -> Path:
    """Return a path; a `~` at its beginning is a home. KeyFolderError if that is nobody's."""
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise KeyFolderError(f"{named}: there is no such home: name a folder in ${variable}") from error


def _base(xdg: str, below_home: Path, holds: str, variable: str) -> Path:
    """Return the folder that $XDG_... names, or the one below the user's home.

    KeyFolderError if he has no home: nobody is known under his number, or $HOME is no absolute path.
    """
    if base := os.environ.get(xdg):
        return _expanded(base, xdg)
    try:
        home = Path.home()
    except RuntimeError:
        home = Path()
    if not home.is_absolute() or os.environ.get("HOME") == "":
        raise KeyFolderError(f"this user has no home for {holds}: name a folder in ${variable}")
    return home / below_home
