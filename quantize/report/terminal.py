"""A report of `inkgate verify` -> its summary on a terminal."""

from rich.console import Console
from rich.table import Table

from firmware_bridge.cli.options import show_table
from quantize.losses.drift import DriftReport
from quantize.proof.findings import KernelSetReport
from quantize.report.record import Decided, Report


def show_report(console: Console, report: Report) -> None:
    """Print the kernel sets, the operations of one, and what int8 costs, in a screenful.

    The operations are those of the first kernel set with a mismatch, else of the deployed one.
    """
    show_table(console, _kernel_sets(report))
    shown = next((s for s in report.kernel_sets if s.mismatches), None) or _deployed(report)
    if shown is not None and shown.ops:
        show_table(console, _ops(shown))
    console.print(f"{report.values:,} values compared, {report.mismatches:,} differ.")
    for model, outputs in report.outputs.items():
        counted = ", ".join(f"{o.mismatches:,} of {o.values:,} {o.name} differ" for o in outputs.values())
        console.print(f"Outputs of {model}: {counted}.")
    for vectors in report.golden:
        state = "equal in every tensor" if vectors.passed else f"refused: {vectors.error}"
        console.print(f"{vectors.file}: {vectors.words} words, {vectors.values:,} values, {state}.")
    for drift in report.drift:
        console.print(_drift(drift, report.is_reserved(drift.kernels)))
    if report.decisions is not None:
        _show_decisions(console, report.decisions)
    worst = max(report.attribution, key=lambda part: part.share, default=None)
    if worst is not None:
        console.print(f"{worst.share:.0%} of the noise that int8 adds to the {report.last} comes from {worst.name}.")
    for note in report.notes:
        console.print(f"Note: {note}.")


def _show_decisions(console: Console, decisions: Decided) -> None:
    against, differ = decisions.int8_against_float, decisions.decisions_against_float
    console.print(
        f"int8 decides as float does on {against.agreement:.2%} of {against.words:,} words; "
        f"{differ.final} differ, at 95 % confidence at most {differ.final_upper_bound:.2%}."
    )
    if decisions.eer is not None:
        rates = ", ".join(f"{name} {rate:.2f} %" for name, rate in decisions.eer.percent.items())
        console.print(
            f"Equal error rate at {decisions.eer.symbols} symbols: {rates}; shift {decisions.eer_shift_points:+.2f}."
        )


def _kernel_sets(report: Report) -> Table:
    table = Table(title=f"{report.words} words, {report.fragments:,} fragments, on {report.machine.describe()}")
    for heading in ("kernel set", "interpreter"):
        table.add_column(heading, overflow="fold")
    for heading in ("values", "mismatches", "largest"):
        table.add_column(heading, justify="right")
    for found in report.kernel_sets:
        name = f"{found.title} ({found.mark})" if found.mark else found.title
        if found.error is not None:
            table.add_row(name, f"not compared: {found.error}", "-", "-", "-", style="yellow")
            continue
        cells = (f"{found.values:,}", f"{found.mismatches:,}", f"{found.max_abs:g}")
        style = "bold red" if found.mismatches else None
        table.add_row(name, f"{found.executor} {found.version}", *cells, style=style)
    return table


def _ops(found: KernelSetReport) -> Table:
    table = Table(title=f"{found.title}: {found.readable}")
    for heading in ("op", "rule"):
        table.add_column(heading, overflow="fold")
    for heading in ("tensors", "values", "mismatches", "largest"):
        table.add_column(heading, justify="right")
    for op in found.ops:
        name = op.op.replace("UNIDIRECTIONAL_SEQUENCE_LSTM", "LSTM")
        cells = (str(len(op.tensors)), f"{op.values:,}", f"{op.mismatches:,}", f"{op.max_abs:g}")
        table.add_row(name, op.rule, *cells, style="bold red" if op.mismatches else None)
    return table


def _drift(drift: DriftReport, reserved: bool) -> str:
    decisions = drift.decisions
    name = f"{drift.kernels}{' (reserved)' if reserved else ''} on {drift.architecture}"
    if not drift.differing and not decisions.anywhere:
        return f"{name}: the same logits as deployed on {decisions.words:,} words."
    return (
        f"{name} differs from what is deployed in {drift.differing_share:.2%} of the logits, by at most "
        f"{drift.max_steps}; {decisions.anywhere} of {decisions.words:,} words are decided differently, "
        f"at 95 % confidence at most {decisions.anywhere_upper_bound:.2%}."
    )


def _deployed(report: Report) -> KernelSetReport | None:
    return next((found for found in report.kernel_sets if found.deployed), None)
