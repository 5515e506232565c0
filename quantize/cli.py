"""Command lines `inkgate quantize` and `inkgate verify` -> a bundle, and the proof of it."""

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.status import Status
from rich.table import Table

from edge.bundle import Bundle
from edge.fragments import FragmentSet

json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout.")


@click.command()
@click.argument("run_path", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Directory of the bundle to write.")
@click.option("--far", default=0.01, show_default=True, type=click.FloatRange(0, 1), help="FAR at which to accept.")
@click.option(
    "--far-reject",
    default=0.10,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="FAR below which to reject early.",
)
@click.option(
    "--max-clipped",
    default=0.001,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Refuse a model of which a tensor loses more than this share of its calibration values.",
)
@json_option
def quantize(run_path: Path, out: Path, far: float, far_reject: float, max_clipped: float, as_json: bool) -> None:
    """Turn the trained network of RUN into the int8 bundle that the edge runs.

    Other draws of users in RUN/draws/N become bundles of their own, in RUN/draws/N/bundle.
    """
    from quantize.package import package
    from quantize.run import Run

    console = Console(stderr=True)
    # Converting silences file descriptor 2 for a while; a copy of it keeps the line that says so alive.
    status_line = Console(file=os.fdopen(os.dup(2), "w"))
    jobs = [(run_path, out), *((draw, draw / "bundle") for draw in Run.open(run_path).draws())]
    made: list[dict[str, Any]] = []
    for number, (source, target) in enumerate(jobs, start=1):
        prefix = f"[{number}/{len(jobs)}] {source}: " if len(jobs) > 1 else ""
        with status_line.status(f"{prefix}starting") as status:
            bundle = package(
                source,
                target,
                far_accept=far,
                far_reject=far_reject,
                max_clipped=max_clipped,
                command=shlex.join(["inkgate", *sys.argv[1:]]),
                say=_teller(status, prefix),
            )
        made.append(_summary(bundle))
        if not as_json:
            console.print(f"{target}: {made[-1]['model_bytes']:,} bytes of int8 model for {made[-1]['users']} users")
    if as_json:
        click.echo(json.dumps({**made[0], "draws": made[1:]}))
    else:
        console.print(f"Next: inkgate verify {out}")


@click.command()
@click.argument("bundle_path", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option("--words", default=200, show_default=True, type=click.IntRange(min=1), help="Words of 1 to 20 fragments.")
@click.option(
    "--fragments",
    "fragments_path",
    type=click.Path(path_type=Path),
    help="Handwriting (.npz) to use in place of the run's test set.",
)
@click.option(
    "--reference-model",
    type=click.Path(path_type=Path),
    help="Give the reference alone this .tflite file; a difference to the bundle's must be found.",
)
@click.option("--port", help="Ask a board, or a Pi that runs `inkgate answer`, to compute the bundle's golden words.")
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    bundle_path: Path,
    words: int,
    fragments_path: Path | None,
    reference_model: Path | None,
    port: str | None,
    as_json: bool,
) -> None:
    """Prove BUNDLE: every value that LiteRT's reference kernels compute equals the fixed-point reference's.

    Exit code 1 if one differs, or if int8 raises the equal error rate by more than 0.5 points.
    """
    from quantize.graph import read_model
    from quantize.verify import REPORT
    from quantize.verify import verify as run_verification

    console = Console(stderr=True)
    bundle = Bundle.open(bundle_path)
    if port is not None:
        from quantize.cli_examine import examine_port

        ctx.exit(examine_port(bundle, port, as_json))
    with _bar(console) as bar:
        task = bar.add_task("loading", total=None)
        report = run_verification(
            bundle,
            words=words,
            fragments=FragmentSet.load(fragments_path) if fragments_path else None,
            reference_model=read_model(reference_model) if reference_model else None,
            progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    if reference_model is None:
        _store(bundle_path / REPORT, report.encode(), report.notes)
    if as_json:
        click.echo(report.encode(), nl=False)
    else:
        _show(console, report)
    for failure in report.failures:
        click.echo(f"error: {failure}", err=True)
    ctx.exit(0 if report.passed else 1)


def _teller(status: Status, prefix: str) -> Callable[[str], None]:
    return lambda step: status.update(f"{prefix}{step}")


def _store(path: Path, content: bytes, notes: list[str]) -> None:
    """A bundle on a medium that cannot be written to is proved all the same."""
    try:
        path.write_bytes(content)
    except OSError as error:
        notes.append(f"{path} could not be written: {error.strerror}")


def _summary(bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    return {
        "bundle": str(bundle.path),
        "sha256": bundle.sha256,
        "users": len(manifest.users),
        "model_bytes": len(bundle.contents["model.tflite"]),
        "executor": {"version": manifest.executor.version, "kernels": manifest.executor.kernels},
        "far": {"target": manifest.thresholds.far_accept, "by_symbols": manifest.error_rates.far},
        "frr": {"by_symbols": manifest.error_rates.frr},
        "threshold_words": manifest.thresholds.trials,
    }


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def _show(console: Console, report: Any) -> None:
    table = Table(
        title=f"{report.words} words, {report.fragments} fragments, {report.executor.version} on {report.machine}"
    )
    for heading in ("op", "tensor", "kind"):
        table.add_column(heading, overflow="fold")
    for heading in ("values", "mismatches", "largest"):
        table.add_column(heading, justify="right")
    weights = [tensor for tensor in report.tensors if tensor.kind == "weight"]
    _add_row(table, "all", f"{len(weights)} stored tensors", weights)
    for tensor in report.tensors:
        if tensor.kind != "weight":
            _add_row(table, tensor.op.replace("UNIDIRECTIONAL_SEQUENCE_LSTM", "LSTM"), tensor.name, [tensor])
    console.print(table)
    console.print(f"{report.values:,} values compared, {report.mismatches:,} differ.")
    for drift in report.drift:
        console.print(
            f"{drift.kernels} differs in {drift.differing_share:.2%} of the logits, by {drift.max_steps} steps at most."
        )
    against = report.int8_against_float
    console.print(f"int8 decides as float does on {against.agreement:.2%} of {against.words} words.")
    if report.eer is not None:
        rates = ", ".join(f"{name} {rate:.2f} %" for name, rate in report.eer.percent.items())
        console.print(
            f"Equal error rate at {report.eer.symbols} symbols: {rates}; shift {report.eer_shift_points:+.2f}."
        )
    for note in report.notes:
        console.print(f"Note: {note}.")


def _add_row(table: Table, op: str, name: str, tensors: list[Any]) -> None:
    """One row for the sum of some tensors of one kind, red if a value differs."""
    values, mismatches = sum(t.values for t in tensors), sum(t.mismatches for t in tensors)
    cells = (f"{values:,}", f"{mismatches:,}", f"{max(t.max_abs for t in tensors):g}")
    table.add_row(op, name, tensors[0].kind, *cells, style="bold red" if mismatches else None)
