"""`inkgate verify`: a bundle, or a device on a port -> what was compared and what differs."""

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from edge.bundle.bundle import Bundle
from edge.bundle.kernels import comparable
from edge.cli.bundle_path import BundlePath
from edge.ink.fragment_set import FragmentSet
from firmware_bridge.cli.options import complete_port, json_option, plain_console
from firmware_bridge.errors import ExitCode
from firmware_bridge.files import writing

if TYPE_CHECKING:
    from quantize.report.record import Report


def complete_kernels(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the kernel sets that can be compared, also behind a comma."""
    before, comma, last = begun.rpartition(",")
    return [CompletionItem(before + comma + name) for name in ("all", *comparable()) if name.startswith(last)]


@click.command()
@click.argument("bundle_path", metavar="BUNDLE", type=BundlePath())
@click.option(
    "--kernels",
    multiple=True,
    metavar="all|NAME,...",
    shell_complete=complete_kernels,
    help="Kernel sets to compare. Without it, the bundle's own and LiteRT's reference kernels; on tflite-runtime, what "
    "that runs by default.",
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
@click.option(
    "--pin",
    "pins",
    is_flag=True,
    help="If nothing differs, put golden words of the compared kernels into the bundle, so that gates take it on them; "
    "then sign it anew.",
)
@click.option(
    "--port",
    shell_complete=complete_port,
    help="Ask a board, or a Pi that runs `inkgate answer`, to compute the bundle's golden words.",
)
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
    pins: bool,
    port: str | None,
    as_json: bool,
) -> None:
    """Prove BUNDLE: every value that an interpreter computes equals the fixed-point reference's.

    Kernel sets are compared one by one. Writes verify.json and report.html into the bundle. Exit code 1 if a value
    differs, if the bundle's own kernels or those asked for by name do not run here, or if int8 raises the equal error
    rate by more than 0.2 points. With --port the device there computes the bundle's own golden words, and nothing is
    written.

    It runs on LiteRT, and in an environment with tflite-runtime alone. With --pin a bundle that was made on one of them
    is taken by gates on the other too.
    """
    if port is not None:
        _refuse_beside_port(ctx)
    if pins and reference_model is not None:
        raise click.UsageError("--reference-model is to find a difference: nothing can be pinned by it")
    from quantize.model.graph import read_model
    from quantize.report.page import make_page
    from quantize.report.terminal import show_report
    from quantize.verify import PAGE, REPORT
    from quantize.verify import verify as run_verification

    console = plain_console()
    bundle = Bundle.open(bundle_path)
    if port is not None:
        from quantize.cli.verify_port import verify_port

        ctx.exit(verify_port(bundle, port, as_json))
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
    if pins and report.passed:
        _pin(bundle, report)
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


def _pin(bundle: Bundle, report: "Report") -> None:
    """Put golden words of the proved kernel sets into the bundle, but of its own and of reserved ones."""
    from quantize.proof.pin import pin

    proved = {found.kernels: found for found in report.kernel_sets if found.passed and not found.reserved}
    both = [name for name in proved if all(found.passed for found in report.kernel_sets if found.kernels == name)]
    fresh = [name for name in both if name != bundle.manifest.executor.kernels]
    pinned = pin(bundle, fresh)
    report.bundle_sha256 = pinned.sha256
    report.notes.append(
        f"{', '.join(fresh) or 'nothing new'}: pinned; the bundle is now {pinned.sha256[:12]}, signed by nobody: "
        f"`inkgate bundle sign {bundle.path}`"
    )


def _refuse_beside_port(ctx: click.Context) -> None:
    """Refuse options that say how to prove a bundle on this machine, where --port asks a device.

    click.UsageError, naming the options.
    """
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


def _store(path: Path, content: bytes, notes: list[str]) -> None:
    """Write a file into the bundle.

    A failure is only noted, since a bundle on a read-only medium can be proved too.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        notes.append(f"{path} could not be written: {error.strerror}")


def _write_page(path: Path, page: str) -> None:
    with writing(path):
        path.write_text(page)


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)
