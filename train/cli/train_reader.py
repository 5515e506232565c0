"""`inkgate train-reader`, `evaluate-reader`: handwriting -> readers of symbols, what they read."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from firmware_bridge.cli.options import SEED, json_option, plain_console, say, show_table
from train.cli.bars import progress_bars
from train.cli.data import folder_option

if TYPE_CHECKING:
    from train.reader.evaluate import ReaderFigures


@click.command("train-reader")
@click.option("--alphabet", default="digits", show_default=True, type=click.Choice(["digits", "letters"]))
@click.option(
    "--network",
    default="shipped",
    show_default=True,
    type=click.Choice(["shipped", "published"]),
    help="published: 28x28 pixels, 30 maps of 5x5, max-pooling, 100 units, 10 outputs; digits only.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The reader's folder.")
@click.option("--steps", type=click.IntRange(1), help="Steps of the training.")
@click.option("--seed", type=SEED, help="Seed of the training.")
@click.option("--force", "--replace", "may_replace", is_flag=True, help="Replace a reader that is in --out.")
@folder_option
@json_option
def train_reader(
    alphabet: str,
    network: str,
    out: Path,
    steps: int | None,
    seed: int | None,
    may_replace: bool,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Train a reader of symbols and quantise it: reader.tflite, its card reader.json, and a report.

    It is trained on background writers and measured on others and on MNIST's test digits. If it was killed, it goes on
    where it was when the same command is given again.
    """
    from train.reader.make import PAGE, ReaderOrder, make_reader

    began = time.monotonic()
    command = shlex.join(["inkgate", *sys.argv[1:]])
    order = ReaderOrder(alphabet, network, steps, seed, data_dir, command, may_replace)
    with progress_bars() as report:
        figures = make_reader(order, out, report)
    seconds = round(time.monotonic() - began, 1)
    _show([figures], as_json, {"reader": str(out), "report": str(out / PAGE), "seconds": seconds})
    if not as_json:
        say(plain_console(), f"{out}: made in {seconds:.0f} s; report: {out / PAGE}")


@click.command("evaluate-reader")
@click.argument("readers", nargs=-1, required=True, metavar="READER...")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Write evaluation.json, report.html here."
)
@folder_option
@json_option
def evaluate_reader(readers: tuple[str, ...], out: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """Measure readers beside one another: accuracy by symbol, confusions, calibration, size and time.

    READER is a folder that `inkgate train-reader` made, or digits or letters for the reader that is shipped.
    """
    from train.reader.evaluate import evaluate_readers, find_folder
    from train.reader.make import PAGE, write_evaluation

    began = time.monotonic()
    with progress_bars() as report:
        figures = evaluate_readers([find_folder(reader) for reader in readers], data_dir, report)
    written = {} if out is None else {"report": str(write_evaluation(out, figures) / PAGE)}
    _show(figures, as_json, {**written, "seconds": round(time.monotonic() - began, 1)})


def _show(readers: list[ReaderFigures], as_json: bool, more: dict[str, str | float]) -> None:
    """Print the figures: all of them as JSON, or the table that a person looks at first."""
    import msgspec

    if as_json:
        click.echo(json.dumps({"readers": msgspec.to_builtins(readers), **more}))
        return
    sets = list(dict.fromkeys(found.set for reader in readers for found in reader.sets))
    table = Table("reader", "network", "bytes", "multiply-accumulates", "µs", *sets, title="right readings, int8, %")
    for reader in readers:
        shares = {found.set: f"{100 * found.accuracy:.2f}" for found in reader.sets}
        numbers = (f"{reader.bytes:,}", f"{reader.macs:,}", f"{reader.microseconds:g}")
        table.add_row(reader.name, reader.network, *numbers, *(shares.get(name, "-") for name in sets))
    show_table(plain_console(), table)
