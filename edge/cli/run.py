"""Command lines of the edge -> the loop, the capture of fragments, and the journal."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from edge.bundle.bundle import Bundle
from edge.bundle.engine import Engine
from edge.bundle.kernels import requests
from edge.errors import CaptureError, EdgeError, GoldenError, TooFewWordsError, UnverifiedError
from edge.gate.capture import CapturedWord, add_word, whole_words
from edge.gate.display import Display
from edge.gate.journal import Journal
from edge.gate.loop import WORD_TIMEOUT_S, Gate, Notice, Outcome, Rule, refuse
from edge.ink.fragment_set import FragmentSet
from firmware_bridge.errors import ExitCode
from firmware_bridge.link.link import open_link

_CONNECT_S = 5.0
"""How long a board may take to be there."""

_SECONDS = click.FloatRange(min=0, min_open=True)

json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout.")
unauthenticated_option = click.option(
    "--allow-unauthenticated",
    is_flag=True,
    help="Take the writing of a board without a key, in whose place anybody on the line can write.",
)
port_option = click.option("--port", required=True, help="Serial port, pty, socket://HOST:PORT, or auto.")


@click.command()
@port_option
@click.option("--bundle", "bundle_path", required=True, type=click.Path(path_type=Path), help="What `quantize` made.")
@click.option("--journal", "journal_path", type=click.Path(path_type=Path), help="Record every decision in this file.")
@click.option(
    "--kernels",
    type=click.Choice(requests()),
    help="Run on these kernels, though the bundle was verified on others: every decision then says so.",
)
@click.option("--words", type=click.IntRange(min=1), help="End after so many words.")
@click.option("--idle-timeout", type=_SECONDS, help="End when nobody has written for so many seconds.")
@click.option(
    "--word-timeout",
    type=_SECONDS,
    default=WORD_TIMEOUT_S,
    show_default=True,
    help="Give up a word whose next fragment does not come for so many seconds.",
)
@unauthenticated_option
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    port: str,
    bundle_path: Path,
    journal_path: Path | None,
    kernels: str | None,
    words: int | None,
    idle_timeout: float | None,
    word_timeout: float,
    allow_unauthenticated: bool,
    as_json: bool,
) -> None:
    """Decide who writes: fragments from a board in, a decision after each, a final one at the end of the word.

    First the bundle's golden words are computed. If one bit is not as verified, the only decision is UNAVAILABLE. A
    board must prove that it has the key that this machine gave it (`inkgate firmware provision`); without a key it is
    refused unless --allow-unauthenticated, and then every decision says so.
    """
    console = Console(stderr=True)
    bundle = Bundle.open(bundle_path)
    try:
        engine = bundle.engine(kernels)
    except (UnverifiedError, GoldenError) as error:
        _refuse(error, bundle, journal_path, as_json)
        ctx.exit(error.exit_code)
    _introduce(console, bundle, engine)
    manifest = bundle.manifest
    unverified = "" if engine.verified else f"{engine.runtime}, kernels {engine.kernels}"
    rule = Rule(manifest.thresholds, manifest.users, manifest.pixel_bits, bundle.sha256, unverified)
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(journal_path)) if journal_path else None
        link = stack.enter_context(
            open_link(
                port,
                pixel_bits=manifest.pixel_bits,
                allow_unauthenticated=allow_unauthenticated,
                idle_timeout_s=idle_timeout,
                connect_patience_s=_CONNECT_S,
                delivered=journal.delivered() if journal else None,
            )
        )
        stack.callback(lambda: _tell_refused(console, link.counters.refused))
        with closing(Gate(engine, rule, journal, word_timeout_s=word_timeout).run(link.events())) as outcomes:
            decided = _follow(outcomes, Display(console), words, as_json, engine.verified)
    if words is not None and decided < words:
        raise TooFewWordsError(f"{port}: {decided} of {words} words were decided before --idle-timeout ended the run")


@click.command()
@port_option
@click.option("--writer", required=True, help="Who writes; an existing name gets more fragments.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The .npz file to make or to add to.")
@click.option("--words", type=click.IntRange(min=1), help="End after so many words; else with Ctrl-C.")
@click.option("--symbols", help="The text of each word, one character for each fragment.")
@unauthenticated_option
@json_option
def capture(
    port: str,
    writer: str,
    out: Path,
    words: int | None,
    symbols: str | None,
    allow_unauthenticated: bool,
    as_json: bool,
) -> None:
    """Record a writer's fragments from a board; the file holds every whole word as soon as it is written."""
    if not writer.strip() or not writer.isprintable():
        raise CaptureError("a writer's name must be printable text")
    console = Console(stderr=True)
    fragments = FragmentSet.load(out) if out.exists() else None
    captured = 0
    with open_link(port, allow_unauthenticated=allow_unauthenticated, connect_patience_s=_CONNECT_S) as link:
        for item in whole_words(link.events()):
            if isinstance(item, CapturedWord):
                try:
                    fragments = add_word(fragments, writer, item.pixels, symbols)
                except CaptureError as error:
                    console.print(str(error), style="yellow", markup=False)
                    continue
                fragments.save(out)
                captured += 1
                console.print(f"word {captured}: {len(item.pixels)} fragments")
            else:
                console.print(item.text, style="dim", markup=False)
            if captured == words:
                break
    if as_json and fragments is not None:
        _emit({"file": str(out), "words": captured, "fragments": len(fragments), "writers": len(fragments.writers)})


@click.group()
def journal() -> None:
    """Show and verify the journal of decisions."""


@journal.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--last", type=click.IntRange(min=1), help="Only so many rows from the end.")
@json_option
def show(path: Path, last: int | None, as_json: bool) -> None:
    """Every decision in the journal, running and final, with its hash."""
    with Journal(path, read_only=True) as opened:
        rows = list(opened.rows())[-last:] if last else list(opened.rows())
    if as_json:
        for number, entry, digest in rows:
            _emit({"number": number, **msgspec.structs.asdict(entry), "hash": digest})
        return
    console = Console(stderr=True)
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
        console.print(*cells, entry.user or "", score, entry.reason, sep="  ", markup=False, soft_wrap=True)


@journal.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--head", metavar="HASH", help="A head that you noted earlier: the chain must pass through it.")
@json_option
@click.pass_context
def verify(ctx: click.Context, path: Path, head: str | None, as_json: bool) -> None:
    """Walk the chain of hashes: exit code 1 if a row was edited, deleted, inserted or moved."""
    with Journal(path, read_only=True) as opened:
        result = opened.verify(head)
    if as_json:
        _emit({"ok": result.fault is None, "rows": result.rows, "head": result.head, "fault": result.fault})
    elif result.fault is None:
        Console(stderr=True).print(f"{result.rows} rows, none changed; head {result.head}", soft_wrap=True)
    else:
        Console(stderr=True).print(f"{path}: {result.fault}", style="bold red", markup=False, soft_wrap=True)
    if result.fault is not None:
        ctx.exit(ExitCode.NEGATIVE)


def _follow(
    outcomes: Iterator[Outcome | Notice], display: Display, words: int | None, as_json: bool, verified: bool
) -> int:
    """Show every outcome; return the number of final ones when there are so many, or no more."""
    decided = 0
    for item in outcomes:
        if isinstance(item, Notice):
            display.notice(item)
            continue
        if as_json:
            _emit(_record(item, verified))
        display.outcome(item)
        decided += item.decision.final
        if decided == words:
            break
    return decided


def _tell_refused(console: Console, frames: int) -> None:
    """A few are of a connection that broke off; many are somebody's."""
    if frames:
        text = f"{frames} intact frames were refused: forged, replayed, or of an earlier connection"
        console.print(text, style="yellow", highlight=False, soft_wrap=True)


def _introduce(console: Console, bundle: Bundle, engine: Engine) -> None:
    manifest = bundle.manifest
    console.print(
        f"bundle {bundle.sha256[:12]}: {len(manifest.users)} users, {manifest.pixel_bits} bit a pixel", highlight=False
    )
    console.print(f"runtime {engine.runtime}, kernels {engine.kernels}", highlight=False)
    if not engine.verified:
        made = manifest.executor
        text = (
            f"unverified: the bundle was made and verified on {made.runtime} {made.version}, kernels {made.kernels}; "
            "expect other decisions"
        )
        console.print(text, style="yellow", highlight=False, soft_wrap=True)


def _refuse(error: EdgeError, bundle: Bundle, journal_path: Path | None, as_json: bool) -> None:
    """Say and write down that nothing is decided here, and why."""
    with ExitStack() as stack:
        journal = stack.enter_context(Journal(journal_path)) if journal_path else None
        outcome = refuse(str(error), bundle.sha256, journal)
    if as_json:
        _emit({**_record(outcome, verified=False), "error": str(error), "exit_code": error.exit_code})
    click.echo(f"error: {outcome.decision.reason}", err=True)


def _record(outcome: Outcome, verified: bool) -> dict[str, Any]:
    decision = outcome.decision
    return {
        "time": outcome.time,
        "board": outcome.board,
        "session": outcome.session,
        "word": outcome.word,
        "symbols": decision.symbols,
        "decision": decision.verdict.name,
        "user": decision.user,
        "score": decision.score,
        "final": decision.final,
        "reason": decision.reason,
        "latency_ms": round(outcome.latency_ms, 3),
        "verified": verified,
        "authenticated": outcome.authenticated,
    }


def _emit(record: dict[str, Any]) -> None:
    """One JSON object on a line of its own, at once: a reader of the pipe acts on it."""
    click.echo(msgspec.json.encode(record))
