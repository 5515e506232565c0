"""What protocols found -> tables on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from firmware_bridge.cli.options import say

if TYPE_CHECKING:
    from train.evaluation.protocols.figures import Answer, Cell


def show_answers(console: Console, about: dict[str, Any], answers: tuple[Answer, ...]) -> None:
    """Show a table for each protocol; shares in per cent, with 95 % bounds."""
    say(
        console,
        f"bundle {about['bundle']['sha256'][:12]}, {about['dataset']} ({about['kind']}), {about['writers']} writers; "
        "per cent, with 95 % bounds",
    )
    for answer in answers:
        table = Table(title=Text(f"{answer.protocol}: {answer.question}"), title_justify="left")
        for name in answer.rows[0]:
            table.add_column(Text(name), justify="right")
        for row in answer.rows:
            table.add_row(*(_shown(cell) for cell in row.values()))
        console.print(table)
        for note in answer.notes:
            say(console, f"  {note}")


def _shown(cell: Cell) -> Text:
    from train.evaluation.protocols.figures import told

    if not isinstance(cell, dict):
        return Text(told(cell))
    value, bounds = told(cell).split(" ", 1)
    return Text.assemble(value, (f" {bounds}", "dim"))
