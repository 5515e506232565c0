"""Command lines `inkgate train` and `inkgate evaluate` -> run directories; error rates, pictures, a model card."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from train.errors import UnwritableError
from train.run_directory import FAR_SCOPE

if TYPE_CHECKING:
    from train.progress import Progress as Report

_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout.")
_SHOWN = ("1", "4", "8", "12", "16", "20")


@click.command()
@click.option("--dataset", required=True, metavar="qmnist|synthetic|FILE.npz", help="Whose writing.")
@click.option("--users", required=True, type=click.IntRange(1, 1000), help="K, how many users to enrol.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The run directory.")
@click.option("--draws", default=1, show_default=True, type=click.IntRange(1, 100), help="Draws of users.")
@click.option(
    "--strangers",
    metavar="qmnist|synthetic|FILE.npz",
    help=f"Take strangers from here, not from DATASET. {FAR_SCOPE}.",
)
@click.option(
    "--pixel-bits", default="1", type=click.Choice(["1", "8"]), help="What the wire carries.", show_default=True
)
@click.option("--seed", default=1, show_default=True, type=int)
@click.option("--steps", type=click.IntRange(1), help="Steps of enrolment.")
@click.option(
    "--backbone", type=click.Path(path_type=Path, file_okay=False), help="Enrol from the backbone in this folder."
)
@click.option("--from-scratch", is_flag=True, help="Pre-train a backbone on DATASET's background writers first.")
@click.option("--pretrain-steps", type=click.IntRange(1), help="Steps of --from-scratch.")
@click.option(
    "--pretrain-from", type=click.Choice(["1", "8"]), help="Pre-train on from the shipped backbone of so many bits."
)
@click.option("--replace", "may_replace", is_flag=True, help="Replace a run in --out that was made otherwise.")
@_json
def train(
    dataset: str,
    users: int,
    out: Path,
    draws: int,
    strangers: str | None,
    pixel_bits: str,
    seed: int,
    steps: int | None,
    backbone: Path | None,
    from_scratch: bool,
    pretrain_steps: int | None,
    pretrain_from: str | None,
    may_replace: bool,
    as_json: bool,
) -> None:
    """Enrol K users of a dataset from the shipped backbone into a run directory.

    Killed, it goes on where it was when the same command is given again; a run made otherwise stays unless --replace
    lets it go. With --from-scratch the backbone is trained
    too, on the background writers, which takes about half an hour.
    """
    if from_scratch and backbone is not None:
        raise click.UsageError("--backbone and --from-scratch exclude each other")
    if (pretrain_steps or pretrain_from) and not from_scratch:
        raise click.UsageError("--pretrain-steps and --pretrain-from belong to --from-scratch")
    # None of these loads TensorFlow, which takes seconds: what is wrong with the order is told before.
    from train.enrol import Order, make_backbone, train_draws
    from train.network.backbone import SHIPPED, Backbone
    from train.network.settings import EnrolSettings, PretrainSettings

    began = time.monotonic()
    settings = EnrolSettings(seed=seed, **({"steps": steps} if steps else {}))
    order = Order(dataset, users, int(pixel_bits), seed, settings, _command(), strangers, may_replace)
    with _progress() as report:
        if from_scratch:
            pretraining = replace(PretrainSettings(), **({"steps": pretrain_steps} if pretrain_steps else {}))
            before = Backbone.load(int(pretrain_from)) if pretrain_from else None
            start, _ = make_backbone(order, out, pretraining, before, report)
        else:
            start = Backbone.load(order.pixel_bits, backbone or SHIPPED)
        runs = train_draws(order, start, out, draws, report)
    elapsed = time.monotonic() - began
    plan = runs[0].plan
    if as_json:
        figures = {"run": str(out), "users": list(runs[0].config.users), "draws": draws, "parameters": plan.parameters}
        click.echo(json.dumps({**figures, "strangers": strangers or dataset, "seconds": round(elapsed, 1)}))
    else:
        _say(f"{users} users enrolled in {elapsed:.0f} s: {', '.join(runs[0].config.users)}")
        _say(f"next: inkgate quantize {out} --out {out / 'bundle'}")
    if strangers is not None:
        _say(f"strangers come from {strangers}, not from the users' device. {FAR_SCOPE}.")


@click.command()
@click.argument("path", metavar="RUN|BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--fragments", type=click.Path(path_type=Path), help="Words from this .npz instead of the run's test set."
)
@click.option("--from-draw", default=0, type=click.IntRange(0), help="Leave out the draws of users before this one.")
@click.option("--rounds", default=200, show_default=True, type=click.IntRange(20), help="Rounds of the bootstrap.")
@click.option("--report", type=click.Path(path_type=Path, file_okay=False), help="Where pictures and card go.")
@_json
def evaluate(
    path: Path, fragments: Path | None, from_draw: int, rounds: int, report: Path | None, as_json: bool
) -> None:
    """Error rates of a run (float) or of a bundle (int8) by number of symbols, with 95 % bounds.

    All draws of users that the run has are evaluated. Writes metrics.json, card.md, det.svg and eer.svg into the run,
    or for a bundle into BUNDLE-evaluation beside it.
    """
    from train.evaluation.evaluate import det_curves, score, subject_run
    from train.evaluation.evaluate import evaluate as measure
    from train.evaluation.model_card import DET_LENGTHS, write_report
    from train.run_directory import CONFIG, METRICS, require_writable, write_json

    folder = report or (path if (path / CONFIG).is_file() else path.parent / f"{path.name}-evaluation")
    require_writable(folder, "--report")
    with _progress() as progress:
        draws, about = score(path, fragments, progress, from_draw)
        metrics = {**about, **measure(draws, rounds, progress)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / METRICS, metrics)
        written = write_report(folder, subject_run(about), metrics, det_curves(draws, DET_LENGTHS))
    except OSError as error:
        raise UnwritableError(f"{folder}: cannot be written: {error.strerror}; choose another --report") from error
    if about.get("run") and not about["run"]["proved"]:
        _say(f"note: the bundle notes no hash of {about['run']['path']}: only the users' names were compared")
    if as_json:
        click.echo(json.dumps({**metrics, "report": [str(file) for file in written]}))
    else:
        _show(metrics)
        _say(f"card and pictures: {folder}")


def _show(metrics: dict[str, Any]) -> None:
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
        table.add_row(symbols, f"{cells[0]} [dim]{eer['low']:.1f}-{eer['high']:.1f}[/]", *cells[1:])
    Console(stderr=True).print(table)


@contextmanager
def _progress() -> Iterator[Report]:
    """A bar with the time left for each piece of work, on stderr."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int, loss: float | None = None) -> None:
            if what not in tasks or (done < bars.tasks[tasks[what]].completed):
                tasks[what] = bars.add_task(what, total=total, loss="")
            bars.update(tasks[what], completed=done, total=total, loss="" if loss is None else f"loss {loss:.3f}")

        yield report


def _command() -> str:
    return shlex.join(["inkgate", *sys.argv[1:]])


def _say(text: str) -> None:
    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
