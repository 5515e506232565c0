"""`inkgate journal`: show and verify a journal of decisions."""

from pathlib import Path

import click
import msgspec

from edge.cli.output import emit, escape
from edge.gate.journal import Journal
from firmware_bridge.cli.options import json_option, plain_console
from firmware_bridge.errors import ExitCode
from firmware_bridge.trust.folder import state_folder

_FILE = "journal.sqlite"
_path = click.argument("path", type=click.Path(path_type=Path), required=False)

journal_option = click.option(
    "--journal",
    "journal_path",
    type=click.Path(path_type=Path),
    help=f"Record every decision in this file; by default {_FILE} in the user's folder of records.",
)


def journal_file(path: Path | None) -> Path:
    """Return the file in which decisions are recorded. KeyFolderError if the user has no home for it."""
    return state_folder() / _FILE if path is None else path


@click.group()
def journal() -> None:
    """Show and verify the journal of decisions."""


@journal.command()
@_path
@click.option("--last", type=click.IntRange(min=1), help="Only so many rows from the end.")
@json_option
def show(path: Path | None, last: int | None, as_json: bool) -> None:
    """Show every decision in the journal, running and final, with its hash.

    PATH is by default where `inkgate run` records without --journal.
    """
    with Journal(journal_file(path), read_only=True) as opened:
        rows = list(opened.rows(last))
    if as_json:
        for number, entry, digest in rows:
            emit({"number": number, **msgspec.structs.asdict(entry), "hash": digest})
        return
    console = plain_console()
    for number, entry, _ in rows:
        verdict = entry.decision if entry.final else f"({entry.decision.lower()})"
        score = "" if entry.score is None else f"score {entry.score:.3f}"
        cells = [
            number,
            entry.time,
            entry.board,
            f"{entry.session:x}/{entry.word}",
            f"{entry.symbols} symbols",
            verdict,
        ]
        told = [escape(str(cell)) for cell in (*cells, entry.user or "", score, entry.reason)]
        console.print(*told, sep="  ", soft_wrap=True)


@journal.command()
@_path
@click.option("--head", metavar="HASH", help="A head that you noted earlier: the chain must pass through it.")
@json_option
@click.pass_context
def verify(ctx: click.Context, path: Path | None, head: str | None, as_json: bool) -> None:
    """Walk the chain of hashes: exit code 1 if a row was edited, deleted, inserted or moved.

    PATH is by default where `inkgate run` records without --journal.
    """
    file = journal_file(path)
    with Journal(file, read_only=True) as opened:
        result = opened.verify(head)
    if as_json:
        emit({"ok": result.fault is None, "rows": result.rows, "head": result.head, "fault": result.fault})
    elif result.fault is None:
        plain_console().print(f"{result.rows} rows, none changed; head {result.head}", soft_wrap=True)
    else:
        plain_console().print(f"{file}: {result.fault}", style="bold red", soft_wrap=True)
    if result.fault is not None:
        ctx.exit(ExitCode.NEGATIVE)
