"""Progress of long work -> bars on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from firmware_bridge.cli.options import plain_console

if TYPE_CHECKING:
    from train.progress import Progress as Report


@contextmanager
def progress_bars() -> Iterator[Report]:
    """Show a bar with the time left for each piece of work, on stderr."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}", markup=False),
    )
    with Progress(*columns, console=plain_console()) as bars:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int, loss: float | None = None) -> None:
            if what not in tasks or (done < bars.tasks[tasks[what]].completed):
                tasks[what] = bars.add_task(what, total=total, loss="")
            bars.update(tasks[what], completed=done, total=total, loss="" if loss is None else f"loss {loss:.3f}")

        yield report
