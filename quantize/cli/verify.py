"""Command lines `inkgate quantize` and `inkgate verify` -> a bundle, and the proof of it."""

import json
import os
import shlex
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.status import Status

from edge.bundle.bundle import Bundle
from edge.ink.fragment_set import FragmentSet
from firmware_bridge.errors import ExitCode
from quantize.errors import ReportError

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

    A bundle is pinned to the interpreter, its version and the kernels that run here: LiteRT's default ones, XNNPACK's,
    whose arithmetic is the same on x86-64 and on a Raspberry Pi. You are told where XNNPACK is off and others run.
    """
    from quantize.arithmetic.kernel_sets import differs_by_processor
    from quantize.make_bundle import package
    from quantize.run_directory import Run

    console = Console(stderr=True)
    # Converting silences file descriptor 2 for a while; a copy of it keeps the line that says so alive.
    status_line = Console(file=os.fdopen(os.dup(2), "w"))
    jobs = [(run_path, out), *((draw, draw / "bundle") for draw in Run.open(run_path).draws())]
    made: list[dict[str, Any]] = []
    for number, (source, target) in enumerate(jobs, start=1):
        prefix = f"[{number}/{len(jobs)}] {source}: " if len(jobs) > 1 else ""
        with status_line.status(escape(f"{prefix}starting")) as status:
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
            console.print(
                f"{escape(str(target))}: {made[-1]['model_bytes']:,} bytes of int8 model for {made[-1]['users']} users"
            )
        if differs_by_processor(bundle.manifest.executor.kernels):
            text = (
                f"{target} is pinned to {bundle.manifest.executor.kernels}, for XNNPACK is off here: gates with other "
                "processors will refuse it, for these kernels compute otherwise there; quantise where XNNPACK runs"
            )
            console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        click.echo(json.dumps({**made[0], "draws": made[1:]}))
    else:
        console.print(f"Next: inkgate verify {escape(str(out))}")


@click.command()
@click.argument("bundle_path", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--kernels",
    multiple=True,
    metavar="all|NAME,...",
    help="Kernel sets to compare. Without it, the bundle's own and LiteRT's reference kernels.",
)
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
@click.option(
    "--html",
    "page_path",
    type=click.Path(path_type=Path),
    help="Write the page here too; report.html in the bundle is written anyway.",
)
@click.option("--port", help="Ask a board, or a Pi that runs `inkgate answer`, to compute the bundle's golden words.")
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    bundle_path: Path,
    kernels: tuple[str, ...],
    words: int,
    fragments_path: Path | None,
    reference_model: Path | None,
    page_path: Path | None,
    port: str | None,
    as_json: bool,
) -> None:
    """Prove BUNDLE: every value that an interpreter computes equals the fixed-point reference's, by kernel set.

    Writes verify.json and report.html into the bundle. Exit code 1 if a value differs, if the bundle's own kernels or
    those asked for by name do not run here, or if int8 raises the equal error rate by more than 0.2 points. With
    --port the device there computes the bundle's own golden words, and nothing is written.
    """
    if port is not None:
        _refuse_beside_port(ctx)
    from quantize.model.graph import read_model
    from quantize.report.page import make_page
    from quantize.report.terminal import show_report
    from quantize.verify import PAGE, REPORT
    from quantize.verify import verify as run_verification

    console = Console(stderr=True)
    bundle = Bundle.open(bundle_path)
    if port is not None:
        from quantize.cli.verify_port import examine_port

        ctx.exit(examine_port(bundle, port, as_json))
    with _bar(console) as bar:
        task = bar.add_task("loading", total=None)
        report = run_verification(
            bundle,
            kernels=[name for given in kernels for name in given.split(",") if name],
            words=words,
            fragments=FragmentSet.load(fragments_path) if fragments_path else None,
            reference_model=read_model(reference_model) if reference_model else None,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    found = report.encode()
    if reference_model is None:
        _store(bundle_path / REPORT, found, report.notes)
        _store(bundle_path / PAGE, make_page(found).encode(), report.notes)
    if page_path is not None:
        _write_page(page_path, make_page(found))
    if as_json:
        click.echo(report.encode(), nl=False)
    else:
        show_report(console, report)
    for failure in report.failures:
        click.echo(f"error: {failure}", err=True)
    ctx.exit(ExitCode.DONE if report.passed else ExitCode.NEGATIVE)


def _refuse_beside_port(ctx: click.Context) -> None:
    """click.UsageError for every option that says how this machine is to be proved, where a device is asked."""
    meant = ("bundle_path", "port", "as_json")
    given = [
        parameter.opts[-1]
        for parameter in ctx.command.params
        if parameter.name not in meant and ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"--port asks a device for the bundle's golden words, by its own kernels: leave {', '.join(given)} away"
        )


def _teller(status: Status, prefix: str) -> Callable[[str], None]:
    return lambda step: status.update(escape(f"{prefix}{step}"))


def _store(path: Path, content: bytes, notes: list[str]) -> None:
    """A bundle on a medium that cannot be written to is proved all the same."""
    try:
        path.write_bytes(content)
    except OSError as error:
        notes.append(f"{path} could not be written: {error.strerror}")


def _write_page(path: Path, page: str) -> None:
    try:
        path.write_text(page)
    except OSError as error:
        raise ReportError(f"{path} could not be written: {error.strerror}") from error


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
