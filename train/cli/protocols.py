"""What protocols found -> tables on stderr."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from firmware_bridge.cli.options import say, show_table

if TYPE_CHECKING:
    from train.evaluation.protocols.figures import Answer, Cell


def show_answers(console: Console, about: dict[str, Any], answers: tuple[Answer, ...]) -> None:
    """Show a table for each protocol; shares in per cent, with 95 % bounds."""
    say(
        console,
        f"bundle {about['bundle']['sha256'][:12]}, {about['dataset']} ({about['kind']}), {about['writers']} writers; "
        "per cent, with 95 % bounds",
    )
    if about["familiar"]:
        say(console, f"too good: {about['familiar']}")
    for answer in answers:
        show_answer(console, answer)


def show_answer(console: Console, answer: Answer) -> None:
    """Show what one protocol found."""
    say(console, f"{answer.protocol}: {answer.question}")
    show_table(console, _table(answer.rows))
    for note in answer.notes:
        say(console, f"  {note}")


def _table(rows: Sequence[Mapping[str, Cell]]) -> Table:
    """Return the rows as a table, as its columns if it has more figures than rows: it is then narrower."""
    table = Table(show_header=len(rows[0]) <= len(rows))
    if len(rows[0]) <= len(rows):
        for name in rows[0]:
            table.add_column(Text(name), justify="right", no_wrap=any(isinstance(row[name], dict) for row in rows))
        for row in rows:
            table.add_row(*map(_shown, row.values()))
        return table
    table.add_column(min_width=18)
    for _ in rows:
        table.add_column(justify="right")
    for name in rows[0]:
        table.add_row(Text(name), *(_shown(row[name]) for row in rows))
    return table


def _shown(cell: Cell) -> Text:
    from train.evaluation.protocols.figures import told

    if not isinstance(cell, dict):
        return Text(told(cell))
    value, bounds = told(cell).split(" ", 1)
    return Text.assemble(value, (f" {bounds}", "dim"))
