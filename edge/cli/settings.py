"""An option that is not given -> its value from the environment or a file of settings.

The heaviest place wins: the command line, the environment, ~/.config/inkgate.toml, /etc/inkgate.toml, the default.
"""

import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache, partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
from click.core import ParameterSource

from edge.bundle.places import READY
from edge.config.files import VARIABLE, Refusal, files, read
from edge.config.kinds import Reader, Value, command, number, path, switch, text
from edge.errors import SettingsError, SettingsRefusedError
from firmware_bridge.errors import InkgateError
from firmware_bridge.link.ports import AUTO
from firmware_bridge.trust import folder

SETTINGS: Final[Mapping[str, Reader]] = {
    "port": partial(path, words=(AUTO,), urls=True),
    "board": text,
    "bundle": partial(path, words=(READY,)),
    "roster": path,
    "claim": text,
    "far": number,
    "pin-far": number,
    "early": switch,
    "word-timeout": number,
    "kernels": text,
    "journal": path,
    "attempts": path,
    "on-accept": command,
    "on-reject": command,
    "keys": path,
    "signing": path,
    "roster-keys": path,
    "state": path,
    "data": path,
}
"""What may be set outside of a command line, by the long name of the option, and how a file's value is read."""

FOLDERS: Final[Mapping[str, tuple[str, Callable[[], Path]]]] = {
    "keys": (folder.BOARD_KEYS_VARIABLE, folder.board_keys_folder),
    "signing": (folder.SIGNING_VARIABLE, folder.signing_folder),
    "roster-keys": (folder.ROSTER_KEYS_VARIABLE, folder.roster_keys_folder),
    "state": (folder.STATE_VARIABLE, folder.state_folder),
    "data": (folder.DATA_VARIABLE, folder.data_folder),
}
"""Settings that are no options but folders: the variable, and what names the folder."""

_TRIALS: Final = Refusal(
    SettingsRefusedError, "takes a protection away, for trials: it may stand on a command line only, where it is seen"
)
_ONCE: Final = Refusal(SettingsError, "is of one run, and of no service: give it on the command line")
REFUSED: Final[Mapping[str, Refusal]] = {
    **dict.fromkeys(("unsigned", "uncounted", "allow-unauthenticated"), _TRIALS),
    **dict.fromkeys(("words", "idle-timeout", "json"), _ONCE),
}
"""Options that may not be set in a file, and why."""

_TOLD: Final = {"board": "INKGATE_ONLY_BOARD"}
"""A variable that is not called like its setting: a command of --on-accept is told the board in INKGATE_BOARD."""

_READ, _LENIENT = "inkgate.settings", "inkgate.lenient"
"""In a context: what the files set, and whether the command goes on without a setting that is wrong."""

_DEFAULT, _ENVIRONMENT, _COMMAND_LINE = 0, 1000, 2000


class Found(NamedTuple):
    """A value, the place that it is from, and how heavy that place is."""

    value: Value
    place: str
    weight: int

    @property
    def source(self) -> ParameterSource:
        """Return click's word for the place."""
        return ParameterSource.ENVIRONMENT if self.weight == _ENVIRONMENT else ParameterSource.DEFAULT_MAP


def variable_of(key: str) -> str:
    """Return the variable of the environment that sets a setting."""
    return FOLDERS[key][0] if key in FOLDERS else _TOLD.get(key, "INKGATE_" + key.upper().replace("-", "_"))


def unconfigured() -> dict[str, str]:
    """Return an environment in which a command finds no settings but the folders that are used here.

    KeyFolderError if the user has no home for one of them.
    """
    options = {variable_of(key) for key in SETTINGS if key not in FOLDERS}
    kept = {name: value for name, value in os.environ.items() if name not in options}
    return kept | {variable: str(used()) for variable, used in FOLDERS.values()} | {VARIABLE: os.devnull}


def misspelt() -> list[str]:
    """Return a sentence for each variable of the environment that is nearly one of a setting."""
    known = {VARIABLE, *map(variable_of, SETTINGS)}
    unknown = sorted(name for name in os.environ if name.startswith("INKGATE_") and name not in known)
    near = {name: get_close_matches(name, known, n=1, cutoff=0.85) for name in unknown}
    return [f"${name} sets nothing; did you mean ${found[0]}?" for name, found in near.items() if found]


def read_files() -> dict[Path, dict[str, Value]]:
    """Return what each file sets, the lightest first. SettingsError as `edge.config.files.read`."""
    return {file: read(file, SETTINGS, REFUSED) for file in files()}


def read_once(ctx: click.Context) -> dict[Path, dict[str, Value]]:
    """Return what `read_files` does, read when a command asks first. Errors as `read_files`."""
    if _READ not in ctx.meta:
        ctx.meta[_READ] = read_files()
    found: dict[Path, dict[str, Value]] = ctx.meta[_READ]
    return found


def find(ctx: click.Context, key: str) -> Found | None:
    """Return the heaviest value of a setting outside of the command line; None if nothing sets it."""
    if named := os.environ.get(variable_of(key)):
        return Found(named, f"${variable_of(key)}", _ENVIRONMENT)
    found = None
    for weight, (file, values) in enumerate(read_once(ctx).items(), start=_DEFAULT + 1):
        if key in values:
            found = Found(values[key], str(file), weight)
    return found


class Configured(click.Parameter):
    """A parameter that is set elsewhere when the command line does not.

    key            the setting
    outweighed_by  names of options that exclude it: given on the command line, they are meant
    beside         a setting and its option that it belongs to: it is left out if that is from a heavier place
    """

    key: str
    outweighed_by: tuple[str, ...]
    beside: tuple[str, str] | None

    def find(self, ctx: click.Context, opts: Mapping[str, Any]) -> Found | None:
        """Return the value that holds without the command line's; None if that is the default.

        SettingsError, which names the place, if it is none of this parameter's type.
        """
        if any(name in opts for name in self.outweighed_by):
            return None
        found = find(ctx, self.key)
        if found is None or found.weight < self._least(ctx, opts):
            return None
        try:
            self.type_cast_value(ctx, found.value)
        except click.BadParameter as error:
            raise SettingsError(f"{found.place}: {self.key}: {error.message}") from error
        except InkgateError as error:
            raise SettingsError(f"{found.place}: {self.key}: {error}") from error
        return found

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """Return the value from the heaviest place, and click's word for that."""
        value, source = super().consume_value(ctx, opts)
        if source is ParameterSource.COMMANDLINE:
            return value, source
        found = None
        try:
            found = self.find(ctx, opts)
        except SettingsError:
            if not (ctx.resilient_parsing or ctx.meta.get(_LENIENT)):  # completion offers what it can
                raise
        return (self.get_default(ctx), ParameterSource.DEFAULT) if found is None else (found.value, found.source)

    def _least(self, ctx: click.Context, opts: Mapping[str, Any]) -> int:
        """Return how heavy a value's place must be at least."""
        if self.beside is None:
            return _DEFAULT
        key, name = self.beside
        if name in opts:
            return _COMMAND_LINE
        other = find(ctx, key)
        return _DEFAULT if other is None else other.weight


class SettingOption(Configured, click.Option):
    """An option that is a setting."""

    def __init__(
        self,
        *args: Any,
        key: str,
        outweighed_by: tuple[str, ...] = (),
        beside: tuple[str, str] | None = None,
        **attributes: Any,
    ) -> None:
        """Name its variable, which its help shows."""
        super().__init__(*args, **{"envvar": variable_of(key), "show_envvar": True, **attributes})
        self.key, self.outweighed_by, self.beside = key, outweighed_by, beside


class SettingArgument(Configured, click.Argument):
    """An argument that is a setting."""

    def __init__(self, *args: Any, key: str, **attributes: Any) -> None:
        """Name its variable."""
        super().__init__(*args, envvar=variable_of(key), **attributes)
        self.key, self.outweighed_by, self.beside = key, (), None


def setting(key: str, *declarations: str, **attributes: Any) -> Callable[[Any], Any]:
    """Return the decorator of an option that is a setting; by default it is called like that."""
    return click.option(*(declarations or (f"--{key}",)), cls=SettingOption, key=key, **attributes)


class Lenient(click.Command):
    """A command that goes on without a setting that is wrong, because it says what is wrong."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line, and leave out what is set wrongly elsewhere.

        Folders are then the usual ones.
        """
        ctx.meta[_LENIENT] = True
        try:
            read_once(ctx)
        except SettingsError:
            folder.ask_also(lambda variable: None)
        return super().parse_args(ctx, args)


class Rereading(click.Command):
    """A command whose settings can be read again while it runs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the command line, and read it."""
        ctx.meta[self._key] = list(args)
        return super().parse_args(ctx, args)

    def again(self, ctx: click.Context) -> dict[str, Any]:
        """Return the command's parameters by name, its settings read anew.

        Errors as at its start; folders are then those from before.
        """
        ctx.meta.pop(_READ, None)
        params = self.make_context(ctx.info_name, list(ctx.meta[self._key]), parent=ctx.parent).params
        _folders.cache_clear()
        return params

    @property
    def _key(self) -> str:
        return f"inkgate.line.{self.name}"


@cache
def _folders() -> dict[str, str]:
    """Return the folders that files name, by variable: the same as long as a command runs."""
    named: dict[str, str] = {}
    for values in read_files().values():
        named |= {FOLDERS[key][0]: str(value) for key, value in values.items() if key in FOLDERS}
    return named


def folder_of(variable: str) -> str | None:
    """Return the folder that a file names in place of a variable; None if no file does.

    Errors as `read_files`.
    """
    return _folders().get(variable)
