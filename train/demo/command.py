"""`inkgate demo`: a dataset -> the whole path on this machine, by commands that a person would type."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from firmware_bridge.cli.options import plain_console
from firmware_bridge.errors import ExitCode
from train.demo.outcome import Result, pair
from train.errors import DemoError

WRITING_SEED = 7
VERIFY_WORDS = 200


@click.command()
@click.option("--dataset", default="synthetic", show_default=True, metavar="qmnist|synthetic|FILE.npz")
@click.option("--users", default=10, show_default=True, type=click.IntRange(1))
@click.option(
    "--words", default=40, show_default=True, type=click.IntRange(2), help="Half by users, half by strangers."
)
@click.option("--symbols", default="16", show_default=True, metavar="L|MIN-MAX", help="Symbols of a word.")
@click.option("--out", default=Path("runs/demo"), show_default=True, type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def demo(ctx: click.Context, dataset: str, users: int, words: int, symbols: str, out: Path) -> None:
    """Go the whole path: enrol, quantise, verify, measure, then decide what a virtual pen board writes.

    Every step is a command of inkgate, printed before it runs. Ends with a table of the decisions and with
    OUT/report.html. Exit code 1 if a word was lost or any check came out negative.
    """
    from train.demo.page import write_page

    began = time.monotonic()
    run, bundle, journal = out / "run", out / "bundle", out / "journal.sqlite"
    for stale in (journal, *out.glob("journal.sqlite-*")):
        stale.unlink(missing_ok=True)
    _inkgate("train", "--dataset", dataset, "--users", str(users), "--out", str(run), "--force")
    _inkgate("quantize", str(run), "--out", str(bundle))
    _inkgate("verify", str(bundle), "--words", str(VERIFY_WORDS))
    _inkgate("evaluate", str(bundle), "--report", str(out / "evaluation"))
    writers = assign_writers(run, words)
    results = _stream(run / "test.npz", bundle, journal, writers, symbols, out / "board")
    _inkgate("journal", "verify", str(journal))
    page = write_page(out, run, bundle, results)
    _summarise(results)
    took = (f"{time.monotonic() - began:.0f} s", "bold")
    plain_console().print(Text.assemble(took, f"; pictures and figures: {page}"))
    if len(results) < words or any(result.kind == "unavailable" for result in results):
        ctx.exit(ExitCode.NEGATIVE)


def assign_writers(run: Path, words: int) -> list[tuple[str, bool]]:
    """Return who writes each word, (name, enrolled): a user, a stranger, the next user and so on."""
    from edge.bundle.run_directory import Run
    from edge.bundle.run_files import TEST

    opened = Run.open(run)
    test = opened.fragments(TEST)
    strangers = [test.name_of(int(w)) for w in test.writers if int(w) not in opened.config.user_writers]
    turns = ((opened.config.users, True), (strangers, False))
    return [
        (names[place // 2 % len(names)], enrolled) for place in range(words) for names, enrolled in (turns[place % 2],)
    ]


def _stream(
    test: Path, bundle: Path, journal: Path, writers: Sequence[tuple[str, bool]], symbols: str, link: Path
) -> list[Result]:
    """Have a virtual pen board write to `inkgate run` over a pty; pair words sent with decisions.

    Raises DemoError when `inkgate run` does not end well or a word is not acknowledged.
    """
    words = str(len(writers))
    simulate = ["simulate", "pen", "--dataset", str(test), "--words", words, "--symbols", symbols]
    simulate += ["--seed", str(WRITING_SEED), "--link", str(link), "--json"]
    for name, _ in writers:
        simulate += ["--writer", name]
    board = subprocess.Popen(_command(simulate), stdout=subprocess.PIPE, text=True)
    try:
        assert board.stdout is not None
        board.stdout.readline()
        run = ["run", "--port", str(link), "--bundle", str(bundle), "--journal", str(journal)]
        decided = _inkgate(*run, "--words", words, "--json", capture=True)
        sent, _ = board.communicate(timeout=60)
    except subprocess.TimeoutExpired as error:
        raise DemoError("the virtual board did not end: a word was not acknowledged") from error
    finally:
        board.kill()
    told = [json.loads(line) for line in sent.splitlines()]
    return pair(told, [json.loads(line) for line in decided.splitlines()], dict(writers))


def _summarise(results: Sequence[Result]) -> None:
    table = Table(title="Who wrote, and what the edge decided", title_justify="left")
    table.add_column("words by")
    kinds = ("right", "wrong", "refused", "unavailable")
    for heading in ("words", "accepted as themselves", "accepted as somebody", "rejected", "unavailable"):
        table.add_column(heading, justify="right")
    for label, enrolled in (("enrolled users", True), ("strangers", False)):
        mine = [result for result in results if result.word.enrolled is enrolled]
        count = Counter(result.kind for result in mine)
        table.add_row(label, str(len(mine)), *(str(count[kind]) for kind in kinds))
    plain_console().print(table)


def _inkgate(*arguments: str, capture: bool = False) -> str:
    """Print a command of inkgate and run it; return its stdout if captured, else "".

    Raises DemoError with the command's exit code if that is not 0.
    """
    plain_console().print(f"\n$ inkgate {shlex.join(arguments)}", style="bold cyan", highlight=False, soft_wrap=True)
    done = subprocess.run(
        _command(arguments), stdout=subprocess.PIPE if capture else None, text=True, check=False, timeout=1800
    )
    if done.returncode != 0:
        raise DemoError(f"`inkgate {shlex.join(arguments)}` ended with exit code {done.returncode}", done.returncode)
    return done.stdout or ""


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "inkgate", *arguments]
