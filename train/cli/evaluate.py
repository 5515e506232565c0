"""`inkgate evaluate`: error rates of a run or a bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from firmware_bridge.cli.options import json_option, plain_console, say
from train.cli.bars import progress_bars
from train.errors import UnwritableError

_SHOWN = ("1", "4", "8", "12", "16", "20")


@click.command()
@click.argument("path", metavar="RUN|BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--fragments", type=click.Path(path_type=Path), help="Words from this .npz instead of the run's test set."
)
@click.option("--from-draw", default=0, type=click.IntRange(0), help="Leave out the draws of users before this one.")
@click.option("--rounds", default=200, show_default=True, type=click.IntRange(20), help="Rounds of the bootstrap.")
@click.option("--report", type=click.Path(path_type=Path, file_okay=False), help="Where pictures and card go.")
@json_option
def evaluate(
    path: Path, fragments: Path | None, from_draw: int, rounds: int, report: Path | None, as_json: bool
) -> None:
    """Measure error rates of a run (float) or a bundle (int8) by number of symbols, with 95 % bounds.

    All draws of users that the run has are evaluated. Writes metrics.json, card.md, det.svg and eer.svg into the run,
    or for a bundle into BUNDLE-evaluation beside it.
    """
    from edge.bundle.run_files import CONFIG, METRICS
    from train.evaluation.evaluate import det_curves, score, subject_run
    from train.evaluation.evaluate import evaluate as measure
    from train.evaluation.model_card import DET_LENGTHS, write_report
    from train.trained_run import require_writable_run, write_json

    folder = report or (path if (path / CONFIG).is_file() else path.parent / f"{path.name}-evaluation")
    require_writable_run(folder, "--report")
    with progress_bars() as progress:
        draws, about = score(path, fragments, progress, from_draw)
        metrics = {**about, **measure(draws, rounds, progress)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / METRICS, metrics)
        written = write_report(folder, subject_run(about), metrics, det_curves(draws, DET_LENGTHS))
    except OSError as error:
        raise UnwritableError(f"{folder}: cannot be written: {error.strerror}; choose another --report") from error
    console = plain_console()
    if about.get("run") and not about["run"]["proved"]:
        say(console, f"note: the bundle notes no hash of {about['run']['path']}: only the users' names were compared")
    if as_json:
        click.echo(json.dumps({**metrics, "report": [str(file) for file in written]}))
    else:
        _show(console, metrics)
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
    console.print(table)
