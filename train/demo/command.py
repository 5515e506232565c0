"""`inkgate demo`: a dataset -> people who enrol at a gate, whom it lets in, and a page about it."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.cli.bundle_path import other_bundle_option, unsigned_option
from firmware_bridge.cli.options import complete_dataset, json_option, plain_console, say, show_table
from firmware_bridge.errors import ExitCode
from firmware_bridge.files import writing

if TYPE_CHECKING:
    from train.demo.outcome import Result

SEED = 7


@click.command()
@click.option(
    "--dataset",
    default="synthetic",
    show_default=True,
    metavar="synthetic|qmnist|FILE.npz",
    shell_complete=complete_dataset,
)
@other_bundle_option
@unsigned_option
@click.option("--users", default=10, show_default=True, type=click.IntRange(1, 100))
@click.option("--digits", default=6, show_default=True, type=click.IntRange(4, 10), help="Symbols of a PIN.")
@click.option("--seed", default=SEED, show_default=True, type=click.IntRange(0), help="Of PINs and strangers' texts.")
@click.option("--pictures", is_flag=True, help="Show in the page what people wrote; invented writers are always shown.")
@click.option("--out", default=Path("runs/demo"), show_default=True, type=click.Path(path_type=Path, file_okay=False))
@json_option
@click.pass_context
def demo(
    ctx: click.Context,
    dataset: str,
    bundle_path: Path,
    unsigned: bool,
    users: int,
    digits: int,
    seed: int,
    pictures: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Enrol users by five writings of a PIN each, without training; then see whom the gate lets in.

    Everybody writes at a virtual pen board on a real pseudo-terminal. Each user enters his PIN twice; strangers write
    it who know it, and some who do not; the pen is tapped and scribbles; a user is removed and comes back. Every step
    is a command of inkgate, printed before it runs. Scanned writers, as qmnist's, enrol from a file: no board scans.

    Ends with a table and with OUT/report.html. Exit code 1 if anybody was accepted who neither is a user nor knows the
    PIN, or if a word was lost.
    """
    from edge.bundle.bundle import Bundle
    from edge.cli.people.roster import reader_alphabet
    from train.demo.hands import INVENTED, find_hands
    from train.demo.page import make_page
    from train.demo.scenario import SPARE, make_scenario
    from train.demo.steps import Gate

    began_s = time.monotonic()
    bundle = Bundle.open(bundle_path)
    bits = bundle.manifest.pixel_bits
    hands = find_hands(dataset, reader_alphabet(bundle), bits)
    gate = Gate(out, hands.kind, bits, unsigned)
    scenario = make_scenario(hands, users, digits, bits, seed, SPARE if gate.enrols_at_board else 0)
    _clear(gate.folder, gate.bundle, bundle.path)
    enrolled = [gate.enrol(user) for user in scenario.users]
    results = gate.decide(scenario.door)
    gate.remove(scenario.removed)
    results += gate.decide(scenario.after)
    proof = gate.check()
    passed = not any(result.alarming for result in results)
    page = out / "report.html"
    about = {
        "dataset": dataset,
        "kind": hands.kind,
        "users": users,
        "digits": digits,
        "bundle_sha256": bundle.sha256,
        "enrolled": enrolled,
        "verify": {name: proof[name] for name in ("passed", "values", "mismatches", "words")},
        "passed": passed,
        "seconds": round(time.monotonic() - began_s, 1),
        "page": str(page),
    }
    _write(page, make_page(about, bundle.manifest, results, pictures=pictures or dataset == INVENTED))
    if as_json:
        click.echo(json.dumps({**about, "counts": count(results), "words": [result.record() for result in results]}))
    _summarise(results)
    say(plain_console(), f"{about['seconds']:.0f} s; every word, and what the bundle's figures are: {page}")
    ctx.exit(ExitCode.DONE if passed else ExitCode.NEGATIVE)


def count(results: Sequence[Result]) -> dict[str, dict[str, int]]:
    """Return how many words had which outcome, by who wrote them."""
    counts: dict[str, Counter[str]] = {}
    for result in results:
        counts.setdefault(result.attempt.role.value, Counter())[result.outcome.words] += 1
    return {role: dict(found) for role, found in counts.items()}


def _clear(folder: Path, bundle: Path, source: Path) -> None:
    """Make the gate's folder, with a copy of the bundle and nothing of an earlier demo.

    Raises UnwritableError if that is not possible.
    """
    with writing(folder, "choose another --out"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if bundle.resolve() != source.resolve():
            shutil.rmtree(bundle, ignore_errors=True)
            shutil.copytree(source, bundle)
        for stale in (bundle.with_name(f"{bundle.name}.roster"), *folder.glob("journal.sqlite*")):
            stale.unlink(missing_ok=True)


def _write(path: Path, page: str) -> None:
    with writing(path, "choose another --out"):
        path.touch()
        path.chmod(0o600)  # a page with pictures holds handwriting
        path.write_text(page)


def _summarise(results: Sequence[Result]) -> None:
    from rich.table import Table

    from train.demo.outcome import Outcome

    table = Table(title="Who wrote, and what became of it", title_justify="left")
    table.add_column("words by")
    for outcome in sorted(Outcome, reverse=True):
        table.add_column(outcome.words, justify="right")
    for role, found in count(results).items():
        table.add_row(role, *(str(found.get(outcome.words, 0)) for outcome in sorted(Outcome, reverse=True)))
    show_table(plain_console(), table)
