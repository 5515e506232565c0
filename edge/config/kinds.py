"""A value in a file of settings -> the value of an option, or why it is none."""

import shlex
from collections.abc import Callable
from pathlib import PurePath
from typing import Final

Value = str | float | bool
Reader = Callable[[object], Value]
"""Returns the value that TOML's one means. ValueError, whose text is a reason, if it means none."""

_LONGEST_SHOWN: Final = 40
_MOST_BITS: Final = 64


def switch(given: object) -> bool:
    """Return true or false. ValueError for anything else, also for words and numbers."""
    if not isinstance(given, bool):
        raise ValueError(f"{_shown(given)} is neither true nor false")
    return given


def number(given: object) -> float:
    """Return a number. ValueError for anything else, also for a number in quotes."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise ValueError(f"{_shown(given)} is no number: write one, without quotes")
    try:
        return float(given)
    except OverflowError:
        raise ValueError(f"{_shown(given)} is a larger number than can be meant") from None


def text(given: object) -> str:
    """Return a text of characters that can be shown, at least one. ValueError for anything else."""
    if not isinstance(given, str):
        raise ValueError(f"{_shown(given)} is no text: write one, in quotes")
    if not given.strip():
        raise ValueError("the text is empty: leave the setting out")
    if not given.isprintable():
        raise ValueError(f"{_shown(given)} has a character that cannot be shown")
    return given


def path(given: object, words: tuple[str, ...] = (), urls: bool = False) -> str:
    """Return an absolute path, one of the words, or with `urls` an address such as socket://HOST:PORT.

    ValueError for anything else: a file of settings is in no folder that a path could be relative to.
    """
    named = text(given)
    if named in words or (urls and "://" in named) or PurePath(named).is_absolute():
        return named
    also = "".join(f", or be {word}" for word in words)
    raise ValueError(f"{_shown(named)} is relative, and nobody knows to which folder: let it begin with /{also}")


def command(given: object) -> str:
    """Return a command line whose program is found whatever the folder. ValueError for anything else."""
    line = text(given)
    program = next(iter(shlex.split(line)), "")
    if "/" in program and not PurePath(program).is_absolute():
        raise ValueError(f"{_shown(program)} is relative, and nobody knows to which folder: let it begin with /")
    return line


def _shown(given: object) -> str:
    """Return a value as a message shows it: short, and without characters that steer a terminal."""
    if isinstance(given, dict | list):
        return "a table" if isinstance(given, dict) else "a list"
    if isinstance(given, int) and given.bit_length() > _MOST_BITS:
        return "this"
    shown = ascii(given) if isinstance(given, str) else str(given).lower()
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."
