"""`inkgate config`: what is set where, and an example of a file of settings."""

import json
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from edge.cli.attempts import attempts_file
from edge.cli.journal import journal_file
from edge.cli.output import emit, escape
from edge.cli.run import run
from edge.cli.settings import FOLDERS, SETTINGS, Configured, SettingOption, find, variable_of
from edge.config.files import files
from edge.errors import SettingsError
from firmware_bridge.cli.options import json_option, plain_console, say
from firmware_bridge.errors import ExitCode, InkgateError

_COMPUTED: Final = {"journal": journal_file, "attempts": attempts_file}
_EXAMPLES: Final = {
    "port": "/dev/ttyACM0",
    "board": "front-door",
    "bundle": "/var/lib/inkgate/bundle",
    "roster": "/var/lib/inkgate/bundle.roster",
    "claim": "ada",
    "far": 0.01,
    "pin-far": 0.05,
    "early": True,
    "word-timeout": 10.0,
    "kernels": "default",
    "journal": "/var/lib/inkgate/journal.sqlite",
    "attempts": "/var/lib/inkgate/attempts.sqlite",
    "on-accept": "/usr/local/bin/open-door --seconds 3",
    "on-reject": "/usr/local/bin/tell-guard",
}
_FOLDERS_HOLD: Final = {
    "keys": "Folder of the boards' keys.",
    "signing": "Folder of the keys that sign, and of whose bundles are taken here.",
    "roster-keys": "Folder of the rosters' keys.",
    "state": "Folder of records: journal, attempts, the ready bundle's roster.",
    "data": "Folder of public handwriting.",
}
_HEAD: Final = """\
# Settings of inkgate: /etc/inkgate.toml of the machine, ~/.config/inkgate.toml of a user. Heavier than the machine's
# are the user's, then the environment (INKGATE_PORT for port, and so on), then options: `inkgate config show`.
# Only the file's owner may write to it, and paths begin with /. The service reads it anew at
# `sudo systemctl reload inkgate`, sees no homes, and writes in /var/lib/inkgate only.
"""
_WIDTH: Final = 118


class Held(NamedTuple):
    """What holds of a setting, and where it is from: a file, a variable, or "" for the default.

    error: what is wrong with it, in which case there is no value.
    """

    key: str
    value: str | float | bool | None
    place: str
    error: InkgateError | None = None

    @property
    def source(self) -> str:
        """Return the kind of place."""
        return "default" if not self.place else "environment" if self.place.startswith("$") else "file"


@click.group()
def config() -> None:
    """Show the settings, and where each value comes from.

    \b
    The heaviest place wins:
      1. options on the command line
      2. the environment, such as INKGATE_PORT
      3. ~/.config/inkgate.toml  (XDG_CONFIG_HOME)
      4. /etc/inkgate.toml
      5. the default

    They reach the commands of a gate: run, doctor, users, calibrate, capture, attempts, journal, answer. INKGATE_CONFIG
    names one file in place of 3 and 4; /dev/null: none. A file that others may write to is refused. What
    takes a protection away (--unsigned, --uncounted, --allow-unauthenticated) cannot be set, only given.
    """


@config.command()
@json_option
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """Show each setting, its value for `inkgate run`, and where that is from.

    The exit code is that of the worst value: 0 if all can be meant.
    """
    worst: int = ExitCode.DONE
    for held in settings_held(ctx):
        worst = max(worst, ExitCode.DONE if held.error is None else held.error.exit_code)
        if as_json:
            told = {"setting": held.key, "value": held.value, "source": held.source, "place": held.place or None}
            emit({**told, "variable": variable_of(held.key), "error": None if held.error is None else str(held.error)})
        elif held.error is not None:
            say(plain_console(), f"{held.key:<12} wrong: {escape(str(held.error))}")
        else:
            say(plain_console(), f"{held.key:<12} {escape(_shown(held.value))}  ({escape(held.place) or 'default'})")
    if not as_json:
        for file in files():
            say(plain_console(), f"{file} {'is read' if file.exists() else 'is not there'}")
    ctx.exit(worst)


@config.command()
@json_option
def example(as_json: bool) -> None:
    """Print a file of settings with all of them commented out, for /etc/inkgate.toml."""
    if as_json:
        emit({"example": _example()})
    else:
        click.echo(_example(), nl=False)


def settings_held(ctx: click.Context) -> Iterator[Held]:
    """Yield what holds of each setting when no option is given. SettingsError if a file is none."""
    options = {param.key: param for param in run.params if isinstance(param, Configured)}
    of_run = click.Context(run, info_name=run.name, parent=ctx)
    for key in SETTINGS:
        if key in FOLDERS:
            yield _folder_held(of_run, key)
        else:
            yield _option_held(of_run, options[key])


def _option_held(ctx: click.Context, param: Configured) -> Held:
    somewhere = find(ctx, param.key)
    try:
        found = param.find(ctx, {})
        value, _ = param.consume_value(ctx, {})
        meant = param.process_value(ctx, value)
    except SettingsError as error:
        return Held(param.key, None, "" if somewhere is None else somewhere.place, error)
    if found is None and param.key in _COMPUTED:
        meant = _COMPUTED[param.key](None)
    return Held(param.key, _plain(meant), "" if found is None else found.place)


def _folder_held(ctx: click.Context, key: str) -> Held:
    found = find(ctx, key)
    try:
        return Held(key, str(FOLDERS[key][1]()), "" if found is None else found.place)
    except InkgateError as error:
        return Held(key, None, "", error)


def _plain(value: Any) -> str | float | bool | None:
    """Return a parameter's value as JSON has it; None where nothing is set."""
    if isinstance(value, tuple):
        return shlex.join(value)
    if isinstance(value, Path):
        return str(value)
    return value if isinstance(value, str | float | bool) else None


def _shown(value: str | float | bool | None) -> str:
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _example() -> str:
    """Return a file of settings in which all are commented out."""
    helps = {param.key: param.help or "" for param in run.params if isinstance(param, SettingOption)}
    parts = [_HEAD]
    for key in SETTINGS:
        told = _FOLDERS_HOLD.get(key) or " ".join(helps[key].split())
        lines = [f"# {line}" for line in textwrap.wrap(told, _WIDTH)]
        parts.append("\n".join([*lines, f"#{key} = {json.dumps(_EXAMPLES.get(key, f'/var/lib/inkgate/{key}'))}", ""]))
    return "\n".join(parts)
