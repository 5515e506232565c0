"""The claims of firmware_bridge.cli.options."""

import io

import pytest
from rich.progress import Progress, TextColumn
from rich.table import Table
from rich.text import Text

from firmware_bridge.cli.options import plain_console, say


@pytest.mark.parametrize("name", ["[b]", "[/b]", "[/]", "[red]Ada[/red]", ":x:", "\\[b]", "[link=file:///]x"])
def test_a_name_is_shown_as_it_is_on_lines_in_tables_beside_spinners_and_bars(name: str) -> None:
    stream = io.StringIO()
    console = plain_console(stream)
    console.print(name)
    console.print(f"{name}!", style="yellow", soft_wrap=True)
    say(console, f"say {name}")
    table = Table(title=f"of {name}")
    table.add_column(f"column {name}", min_width=40)
    table.add_row(f"row {name}")
    console.print(table)
    assert [stream.getvalue().count(text) for text in (name, f"say {name}", f"of {name}")] == [6, 1, 1]
    assert [stream.getvalue().count(text) for text in (f"column {name}", f"row {name}", f"{name}!")] == [1, 1, 1]

    shown = io.StringIO()
    console = plain_console(shown, force_terminal=True)
    with console.status(Text(f"reading {name}")):
        pass
    with Progress(TextColumn("{task.description}", markup=False), console=console) as bars:
        bars.add_task(f"asking {name}", total=1)
    assert f"reading {name}" in shown.getvalue()
    assert f"asking {name}" in shown.getvalue()
