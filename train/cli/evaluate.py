"""`inkgate evaluate`: error rates of a run or a bundle."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.cli.bundle_path import BundlePath
from firmware_bridge.cli.options import FiniteRange, complete_dataset, json_option, plain_console, say, show_table
from firmware_bridge.files import writing
from train.cli.bars import progress_bars

if TYPE_CHECKING:
    from train.evaluation.measuring import Request

_SHARE = FiniteRange(0, 1, min_open=True, max_open=True)
_MOST = 256
"""A board writes no word of more symbols, and nobody a PIN so often."""
_SHOWN = ("1", "4", "8", "12", "16", "20")


@click.command()
@click.argument("path", metavar="RUN|BUNDLE", type=BundlePath())
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    metavar="NAME",
    help="Of a bundle with evidence: what is asked; by default all that the dataset allows. One of claim, identify, "
    "by-user, impostors, early, pin, later, another-day, users, not-writing.",
)
@click.option(
    "--dataset",
    metavar="|".join(("qmnist", "pendigits", "unipen", "FILE.npz")),
    help="Whose writing.",
    shell_complete=complete_dataset,
)
@click.option("--users", default=10, show_default=True, type=click.IntRange(1, 1000), help="Users of a draw.")
@click.option("--draws", default=5, show_default=True, type=click.IntRange(1, 100), help="Draws of users.")
@click.option("--far", default=0.01, show_default=True, type=_SHARE, help="As of `inkgate run`.")
@click.option("--pin-far", default=0.05, show_default=True, type=_SHARE, help="As of `inkgate run`.")
@click.option("--symbols", metavar="N,N,...", help="Symbols of the words.  [default: 4,8,12; of protocol early 12,20]")
@click.option("--writings", default="5", show_default=True, metavar="N,N,...", help="How often a PIN is written.")
@click.option("--trials", default=10_000, show_default=True, type=click.IntRange(1), help="Words that are no writing.")
@click.option("--writers", default=120, show_default=True, type=click.IntRange(2, 2000), help="Writers to invent.")
@click.option("--kind", type=click.Choice(["scan", "pen", "camera"]), help="What FILE.npz comes from.")
@click.option(
    "--fragments", type=click.Path(path_type=Path), help="Of a run: words from this .npz, not from its test set."
)
@click.option("--from-draw", default=0, type=click.IntRange(0), help="Of a run: leave out the draws before this one.")
@click.option("--rounds", default=200, show_default=True, type=click.IntRange(20), help="Rounds of the bootstrap.")
@click.option("--report", type=click.Path(path_type=Path, file_okay=False), help="Where pictures and card go.")
@json_option
def evaluate(
    path: Path,
    protocols: tuple[str, ...],
    dataset: str | None,
    users: int,
    draws: int,
    far: float,
    pin_far: float,
    symbols: str | None,
    writings: str,
    trials: int,
    writers: int,
    kind: str | None,
    fragments: Path | None,
    from_draw: int,
    rounds: int,
    report: Path | None,
    as_json: bool,
) -> None:
    """Measure error rates of a run (float) or a bundle (int8), with 95 % bounds and the number of trials.

    A bundle with evidence of who wrote is asked by protocols: users are enrolled in memory from the dataset, and every
    word is judged by the gate's own rule. Of a bundle of users who were trained in, and of a run, all draws of users
    are evaluated by number of symbols; if the bundle has evidence too, with it alone and fused as well.

    Writes metrics.json, card.md and pictures into the run, or for a bundle into BUNDLE-evaluation beside it.
    """
    from train.trained_run import require_writable_run

    folder = report or _report_folder(path)
    require_writable_run(folder, "--report")
    if not (protocols or dataset or _has_evidence_alone(path)):
        _evaluate_trained(path, folder, fragments, from_draw, rounds, as_json)
        return
    from edge.decision.identify import Policy
    from train.evaluation.measuring import PROTOCOLS, Request

    unknown = sorted(set(protocols) - set(PROTOCOLS))
    if unknown:
        raise click.UsageError(f"no protocol is called {unknown[0]!r}; take {', '.join(PROTOCOLS)}")
    _evaluate_evidence(
        Request(
            path,
            dataset or "qmnist",
            tuple(name for name in PROTOCOLS if name in protocols),
            users,
            draws,
            Policy(far=far, pin_far=pin_far),
            None if symbols is None else _numbers("--symbols", symbols),
            _numbers("--writings", writings),
            trials,
            rounds,
            kind,
            writers,
        ),
        folder,
        as_json,
    )


def _report_folder(path: Path) -> Path:
    """Return where a report goes by default.

    Into the run, beside the bundle, or here for the one of inkgate.
    """
    from edge.bundle.places import SHIPPED
    from edge.bundle.run_files import CONFIG

    if (path / CONFIG).is_file():
        return path
    name = f"{path.name}-evaluation"
    return Path(name) if path == SHIPPED else path.parent / name


def _has_evidence_alone(path: Path) -> bool:
    """Return whether the path is a bundle of a network that knows no user by itself."""
    from edge.bundle.bundle import Bundle
    from edge.bundle.places import MANIFEST

    return (path / MANIFEST).is_file() and not Bundle.open(path).manifest.users


def _numbers(option: str, text: str) -> tuple[int, ...]:
    """Return numbers written as "1,2,5". click.UsageError unless all are 1 to _MOST."""
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch("[0-9]{1,9}", part) and 1 <= int(part) <= _MOST for part in parts):
        raise click.UsageError(f"{option} {text[:80]}: whole numbers from 1 to {_MOST} are needed, with commas between")
    return tuple(dict.fromkeys(int(part) for part in parts))


def _evaluate_evidence(request: Request, folder: Path, as_json: bool) -> None:
    from edge.bundle.run_files import METRICS
    from train.cli.protocols import show_answers
    from train.evaluation.measuring import measure
    from train.evaluation.protocol_card import write_card
    from train.trained_run import write_json

    with progress_bars() as progress:
        measured = measure(request, progress)
    metrics = measured.to_dict()
    with writing(folder, "choose another --report"):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / METRICS, metrics)
        written = write_card(folder, measured)
    if as_json:
        click.echo(json.dumps({**metrics, "report": [str(file) for file in written]}))
    else:
        console = plain_console()
        show_answers(console, measured.about, measured.answers)
        say(console, f"card and pictures: {folder}")


def _evaluate_trained(
    path: Path, folder: Path, fragments: Path | None, from_draw: int, rounds: int, as_json: bool
) -> None:
    from edge.bundle.run_files import METRICS
    from train.cli.protocols import show_answer
    from train.evaluation.evaluate import det_curves, score, subject_run
    from train.evaluation.evaluate import evaluate as measure
    from train.evaluation.fused import compare
    from train.evaluation.model_card import DET_LENGTHS, write_report
    from train.trained_run import write_json

    with progress_bars() as progress:
        drawn, about = score(path, fragments, progress, from_draw)
        metrics = {**about, **measure(drawn, rounds, progress)}
        fused = compare(path, fragments, from_draw, rounds, progress)
        if fused is not None:
            metrics |= {"fusion": fused.to_dict()}
    with writing(folder, "choose another --report"):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / METRICS, metrics)
        written = write_report(folder, subject_run(about), metrics, det_curves(drawn, DET_LENGTHS))
    console = plain_console()
    if about.get("run") and not about["run"]["proved"]:
        say(console, f"note: the bundle notes no hash of {about['run']['path']}: only the users' names were compared")
    if as_json:
        click.echo(json.dumps({**metrics, "report": [str(file) for file in written]}))
    else:
        _show(console, metrics)
        if fused is not None:
            show_answer(console, fused)
        if metrics["gate"]["why_shut"]:
            say(console, f"gate: {metrics['gate']['why_shut']}")
        say(console, f"card and pictures: {folder}")


def _show(console: Console, metrics: dict[str, Any]) -> None:
    trials = metrics["trials"]
    table = Table(
        title=f"{metrics['arithmetic']}, {metrics['kernels']}: {metrics['users']} users, {metrics['draws']} draw(s), "
        f"{trials['strangers']} strangers; per cent, EER with 95 % bounds",
        title_justify="left",
    )
    columns = {
        "EER strangers": metrics["eer"],
        "EER others": metrics["eer_other_users"],
        **{f"FRR at {far} %": table for far, table in metrics["frr_at_far"].items()},
        "rank-1": metrics["rank1"],
        "gate FAR": metrics["gate"]["far"],
        "gate FRR": metrics["gate"]["frr"],
    }
    for name in ("symbols", *columns):
        table.add_column(name, justify="right", no_wrap=name == "EER strangers")
    for symbols in _SHOWN:
        cells = [f"{column[symbols]['value']:.1f}" if column else "-" for column in columns.values()]
        eer = metrics["eer"][symbols]
        table.add_row(symbols, Text.assemble(cells[0], (f" {eer['low']:.1f}-{eer['high']:.1f}", "dim")), *cells[1:])
    show_table(console, table)
