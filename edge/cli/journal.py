"""`inkgate journal`: show, seal, verify, export and put away a journal of decisions."""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from edge.cli.output import counted, emit, escape
from edge.cli.settings import SettingArgument, setting
from edge.decision.rule import Verdict
from edge.errors import JournalAlteredError, NotAJournalError, SeedError
from edge.journal.anchor import NOTHING
from edge.journal.export import FORMATS, as_record, lines, write_lines
from edge.journal.journal import Journal, Wanted
from edge.journal.keeping import back_up, forget_seals, rotate
from edge.journal.seal import seed_from_text, seed_to_text
from edge.journal.seal_keys import SealKeys
from edge.journal.verify import Verification
from firmware_bridge.cli.options import CONNECT_S, json_option, plain_console, port_option, say
from firmware_bridge.errors import ExitCode
from firmware_bridge.files import read_file
from firmware_bridge.link.inquiry import Inquiry
from firmware_bridge.trust.folder import state_folder

_FILE = "journal.sqlite"
_MOST_OF_SEED = 1 << 10
_PATH = click.Path(path_type=Path)
_path = click.argument("path", cls=SettingArgument, key="journal", type=_PATH, required=False)

journal_option = setting(
    "journal",
    "--journal",
    "journal_path",
    type=_PATH,
    help=f"Record every decision in this file; by default {_FILE} in the user's folder of records.",
)


def journal_file(path: Path | None) -> Path:
    """Return the file in which decisions are recorded. KeyFolderError if the user has no home for it."""
    return state_folder() / _FILE if path is None else path


def say_unsealed(console: Console, journal: Journal) -> None:
    """Say that the journal is not sealed, if it is not, and how it becomes so."""
    if journal.start is None:
        text = f"{journal.path} is not sealed: who can write it can make it anew: `inkgate journal seal {journal.path}`"
        console.print(text, style="yellow", highlight=False, soft_wrap=True)


class _Moment(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic from click 8.3 on
    """A time of day -> the text that is compared with the journal's: UTC, in ms, without a zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text. click.BadParameter if the value is no ISO 8601."""
        try:
            moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
            moment = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time, such as 2026-11-29 or 2026-11-29T18:30, in UTC.", param, ctx)
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")


def _asks_for_rows(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which rows are asked for."""
    verdicts = click.Choice([verdict.name for verdict in Verdict], case_sensitive=False)
    for option in (
        click.option("--last", type=click.IntRange(min=1), help="Only so many rows from the end."),
        click.option("--verdict", type=verdicts, help="Only rows with this verdict."),
        click.option("--user", metavar="NAME", help="Only rows that name this user."),
        click.option("--until", type=_Moment(), help="Only rows before this time, in UTC."),
        click.option("--since", type=_Moment(), help="Only rows from this time on, in UTC, such as 2026-11-29T18:30."),
    ):
        command = option(command)
    return command


@click.group()
def journal() -> None:
    """Show, seal, verify, export and put away the journal of decisions.

    PATH is by default where `inkgate run` records (`inkgate config show`).
    """


@journal.command()
@_path
@_asks_for_rows
@json_option
def show(path: Path | None, as_json: bool, **wanted: Any) -> None:
    """Show decisions in the journal, running and final, in order."""
    console = plain_console()
    with Journal(journal_file(path), read_only=True) as opened:
        for number, entry, digest in opened.rows(Wanted(**wanted)):
            if as_json:
                emit(as_record(number, entry, digest))
                continue
            verdict = entry.decision if entry.final else f"({entry.decision.lower()})"
            score = "" if entry.score is None else f"score {entry.score:.3f}"
            word, symbols = f"{entry.session:x}/{entry.word}", f"{entry.symbols} symbols"
            cells = (number, entry.time, entry.board, word, symbols, verdict, entry.user or "", score, entry.reason)
            console.print(*(escape(str(cell)) for cell in cells), sep="  ", soft_wrap=True)


@journal.command()
@_path
@_asks_for_rows
@click.option("--format", "form", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True)
@click.option("--out", type=_PATH, help="Write to this new file, for its owner alone; by default to stdout.")
def export(path: Path | None, form: str, out: Path | None, **wanted: Any) -> None:
    """Give decisions to other programs: CSV for a spreadsheet, JSON lines for all else."""
    with Journal(journal_file(path), read_only=True) as opened:
        texts = lines(opened.rows(Wanted(**wanted)), form)
        if out is not None:
            write_lines(out, texts)
            return
        for text in texts:
            click.echo(text, nl=False)


@journal.command()
@_path
@click.option("--anew", is_flag=True, help="Though another journal was sealed in this place: erase its key.")
@json_option
def seal(path: Path | None, anew: bool, as_json: bool) -> None:
    """Seal every row from the next one on, and show the seed, once: write it down, and keep it elsewhere.

    The key with which a row is sealed is gone once the row is recorded. With the seed `inkgate journal verify --seed`
    proves that no row was changed since, whoever could write the files.
    """
    file, keys = journal_file(path), SealKeys()
    if anew:
        forget_seals(file, keys)
    with Journal(file, keys=keys) as opened:

        def show(seed: bytes) -> None:
            if as_json:
                emit({"journal": str(file), "seed": seed_to_text(seed)})
            say(plain_console(), f"seed  {seed_to_text(seed)}")

        start = opened.seal(keys, show)
    say(plain_console(), f"{file} is sealed from row {start.first} on; its seed is kept nowhere: write it down")


@journal.command()
@_path
@click.option("--head", metavar="HASH", help="A head that you noted earlier: the chain must pass through it.")
@click.option("--seed", "asks_seed", is_flag=True, help="Ask for the seed, and prove by it every row that is sealed.")
@click.option("--seed-file", type=_PATH, help="Take the seed from this file.")
@click.option("--copy", is_flag=True, help="It is a copy, away from its gate: that its end is the end is not proved.")
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    path: Path | None,
    head: str | None,
    asks_seed: bool,
    seed_file: Path | None,
    copy: bool,
    as_json: bool,
) -> None:
    """Walk the chain of hashes: exit code 1 if a row was edited, deleted, inserted or moved.

    Whoever can write the file can make another chain, unless the journal is sealed: give the seed. A journal that
    continues another is followed to that.
    """
    file = journal_file(path)
    with Journal(file, read_only=True, keys=None if copy else SealKeys()) as opened:
        result = opened.verify(head, _read_seed(asks_seed, seed_file))
    if as_json:
        told = {"ok": result.fault is None, "rows": result.rows, "head": result.head, "fault": result.fault}
        emit({**told, "sealed": result.sealed, "proved": result.proved, "files": result.files})
    elif result.fault is None:
        given = asks_seed or seed_file is not None
        say(plain_console(), f"{result.rows} rows, none changed; head {result.head}{_of_seal(result, given, copy)}")
    else:
        plain_console().print(escape(f"{file}: {result.fault}"), style="bold red", soft_wrap=True)
    if result.fault is not None:
        ctx.exit(ExitCode.NEGATIVE)


@journal.command()
@click.argument("target", type=_PATH)
@setting(
    "journal", "--journal", "path", type=_PATH, help="The journal; by default that of `inkgate run` without --journal."
)
@json_option
def backup(target: Path, path: Path | None, as_json: bool) -> None:
    """Copy the journal to the new file TARGET, whole and verified, also while the gate runs.

    Never with cp: the last rows may be in another file. Verify it later with --copy.
    """
    verified = back_up(journal_file(path), target)
    if as_json:
        emit({"file": str(target), "rows": verified.rows, "head": verified.head})
    say(plain_console(), f"{target}: {counted(verified.rows, 'row')}, none changed; head {verified.head}")


@journal.command("rotate")
@_path
@json_option
def rotate_command(path: Path | None, as_json: bool) -> None:
    """Put all rows away in a file beside the journal, which begins anew; also while the gate runs.

    The first row of what begins names that file and its head, and `verify` follows it: keep the files together. Seal
    and seed stay the same, and what was decided stays decided.
    """
    file = journal_file(path)
    if not file.exists():
        raise NotAJournalError(f"{file}: there is no journal to put away; `inkgate run --journal {file}` makes one")
    with Journal(file, keys=SealKeys()) as opened:
        link = rotate(opened)
    if as_json:
        emit({"file": str(file.with_name(link.file)), "rows": link.rows, "head": link.head})
    say(plain_console(), f"{counted(link.rows, 'row')} put away in {file.with_name(link.file)}; head {link.head}")


@journal.command()
@_path
@port_option
@json_option
def anchor(path: Path | None, port: str, as_json: bool) -> None:
    """Have the board remember this journal, in place of what it remembers.

    A gate tells its board the head of its journal with every decision. Beside a journal that lacks what the board
    remembers nothing is decided: rows were taken away, or it is another journal. Find out which before this.
    """
    file = journal_file(path)
    with Journal(file, read_only=True, keys=SealKeys()) as opened:
        verified, head = opened.verify(), opened.head
    if verified.fault is not None:
        raise JournalAlteredError(
            f"{file}: {verified.fault}: put back what is missing; if it was changed, keep it, and begin another: "
            "--journal OTHER"
        )
    if head == NOTHING:
        raise NotAJournalError(
            f"{file}: it has no rows, so there is nothing to remember: have `inkgate run --journal {file}` refuse a "
            "word first, and stop it"
        )
    with Inquiry(port, connect_patience_s=CONNECT_S) as inquiry:
        inquiry.remember(head)
        board = inquiry.info.board
    if as_json:
        emit({"board": board, "rows": verified.rows, "head": verified.head})
    say(plain_console(), f"board {board} remembers {file}: {counted(verified.rows, 'row')}, head {verified.head}")


def _of_seal(result: Verification, given: bool, copy: bool) -> str:
    """Return what is known beyond the chain, and what is not."""
    followed = f"; {result.files} files, each continued by the next" if result.files > 1 else ""
    if not result.sealed:
        return f"{followed}; not sealed: who can write it can make it anew"
    end = ", as a copy: its end is not proved" if copy else ""
    if not given:
        return f"{followed}; sealed, and the seal not checked: --seed{end}"
    return f"{followed}; {counted(result.proved, 'row')} proved by the seed{end}"


def _read_seed(asks: bool, path: Path | None) -> bytes | None:
    """Return the seed, from a person without an echo or from a file; None if it is not to be used."""
    if path is not None:
        try:
            return seed_from_text(read_file(path, _MOST_OF_SEED).decode())
        except (OSError, UnicodeError) as error:
            told = error.strerror if isinstance(error, OSError) else "it is no text"
            raise SeedError(f"{path}: the seed cannot be read: {told}") from error
    return seed_from_text(click.prompt("Seed", hide_input=True, err=True)) if asks else None
