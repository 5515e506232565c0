"""`inkgate attempts`: show who failed how often in a row, and let him try again."""

import math
from pathlib import Path

import click

from edge.cli.output import counted, emit
from edge.cli.settings import setting
from edge.gate.attempts import MOST, Attempts, Count
from firmware_bridge.cli.options import complete_known_board, json_option, plain_console, say
from firmware_bridge.trust.folder import state_folder

_FILE = "attempts.sqlite"

attempts_option = setting(
    "attempts",
    "--attempts",
    "attempts_path",
    type=click.Path(path_type=Path),
    outweighed_by=("uncounted",),
    help=f"Count attempts in this file; by default {_FILE} in the user's folder of records.",
)


def attempts_file(path: Path | None) -> Path:
    """Return the file in which attempts are counted. KeyFolderError if the user has no home for it."""
    return state_folder() / _FILE if path is None else path


@click.group()
def attempts() -> None:
    """Show who failed how often in a row, and let him try again."""


@attempts.command("list")
@attempts_option
@json_option
def list_attempts(attempts_path: Path | None, as_json: bool) -> None:
    """List boards and names with their failures in a row, and how long nobody may try."""
    path = attempts_file(attempts_path)
    found: list[Count] = []
    if path.exists():  # to look makes no file
        with Attempts(path) as opened:
            found = opened.counts()
    for count in found:
        if as_json:
            left = None if math.isinf(count.wait_s) else round(count.wait_s, 1)
            emit({**count._asdict(), "wait_s": left, "for_good": math.isinf(count.wait_s)})
        else:
            wait = "locked until it is reset" if math.isinf(count.wait_s) else f"locked for {math.ceil(count.wait_s)} s"
            told = wait if count.wait_s else f"{MOST - count.failures} left"
            failed = f"{counted(count.failures, 'failure')} in a row, {count.not_writing} no writing"
            say(plain_console(), f"{count.kind} {count.name}  {failed}, {told}")
    if not as_json:
        say(plain_console(), f"{counted(len(found), 'count')} in {path}")


@attempts.command()
@attempts_option
@click.option("--board", metavar="NAME", shell_complete=complete_known_board, help="Of this board only.")
@click.option("--user", metavar="NAME", help="Of this claimed name only.")
@json_option
def reset(attempts_path: Path | None, board: str | None, user: str | None, as_json: bool) -> None:
    """Forget failures, of everybody or of one board or name: whoever is locked may try again."""
    if board is not None and user is not None:
        raise click.UsageError("give --board or --user, or neither to reset all")
    path = attempts_file(attempts_path)
    kind, name = ("board", board) if board is not None else ("user", user) if user is not None else (None, None)
    with Attempts(path) as opened:
        known = [f"{count.kind} {count.name}" for count in opened.counts()]
        gone = opened.reset(kind, name)
    if kind is not None and not gone:
        raise click.UsageError(f"nothing was counted of {kind} {name}; known are {', '.join(known) or 'none'}")
    if as_json:
        emit({"event": "reset", "reset": gone, "attempts": str(path)})
    say(plain_console(), f"{gone} reset, in {path}")
