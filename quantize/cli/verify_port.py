"""`inkgate verify BUNDLE --port PORT` -> what the device computes, as text or JSON; the exit code."""

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge.bundle.bundle import Bundle
from firmware_bridge.cli.options import CONNECT_S, plain_console
from firmware_bridge.errors import ExitCode
from firmware_bridge.link.inquiry import Inquiry
from quantize.proof.device import DeviceVerification, verify_device


def verify_port(bundle: Bundle, port: str, as_json: bool) -> ExitCode:
    """Let the device on `port` compute the golden words and return DONE, or NEGATIVE if one bit differs."""
    console = plain_console()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=as_json) as bar:
        task = bar.add_task(f"asking {port}", total=None)
        with Inquiry(port, connect_patience_s=CONNECT_S) as inquiry:
            report = verify_device(bundle, inquiry, lambda done, total: bar.update(task, completed=done, total=total))
    if as_json:
        click.echo(report.encode(), nl=False)
    else:
        _show(console, report)
    for failure in report.failures:
        click.echo(f"error: {failure}", err=True)
    return ExitCode.DONE if report.passed else ExitCode.NEGATIVE


def _show(console: Console, report: DeviceVerification) -> None:
    for device in report.kernel_sets:
        lines = (
            f"{device.board} ({device.firmware}), {device.machine}",
            f"{device.executor} {device.version}, kernels {device.kernels}, model {report.model_sha256[:12]}",
            f"{report.words} golden words, {report.fragments} fragments compared with those of {device.golden}: "
            + "; ".join(f"{o.values:,} {o.name}, {o.mismatches:,} differ" for o in device.outputs)
            + ".",
        )
        for line in lines:
            console.print(line, highlight=False, soft_wrap=True)
    for note in report.notes:
        console.print(f"Note: {note}.", highlight=False, soft_wrap=True)
