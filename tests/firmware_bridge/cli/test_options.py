"""The claims of firmware_bridge.cli.options."""

import io
import re

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn
from rich.table import Table
from rich.text import Text

from firmware_bridge.cli.options import Timed, plain_console, say, show_facts, show_table


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


def test_a_spinner_counts_the_seconds_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = iter(range(0, 3600, 7))
    monkeypatch.setattr("firmware_bridge.cli.options.time.monotonic", lambda: float(next(now_s)))
    stream = io.StringIO()
    with plain_console(stream, force_terminal=True).status(Text("building")) as status:
        status.update(Timed(Text("linking")))
    assert re.search(r"linking\x1b\[2m  7 s", stream.getvalue())


HOSTILE = "\x1b[31m\x9b2J\u202eevil\x85\x07\x00"
SHOWN = r"\x1b[31m\x9b2J\u202eevil\x85"


def test_no_text_moves_the_cursor_in_a_line_a_table_a_spinner_or_a_bar() -> None:
    stream = io.StringIO()
    console = plain_console(stream, force_terminal=False)
    console.width = 100
    console.print(HOSTILE)
    console.print(Text(HOSTILE, style="red"), end="\r")
    say(console, HOSTILE)
    table = Table(HOSTILE, title=HOSTILE)
    table.add_row(HOSTILE)
    show_table(console, table)
    with console.status(Text(HOSTILE)):
        pass
    assert stream.getvalue().count(SHOWN) >= 4, "in a table it may be cut"
    assert all(c.isprintable() or c in "\n\r" for c in stream.getvalue())

    shown = io.StringIO()
    with plain_console(shown, force_terminal=True).status(Text(HOSTILE)):
        pass
    assert SHOWN in shown.getvalue()
    assert "\x1b[31m" not in shown.getvalue()


HASH = "8c1439657b435bc07b77e4c07672380f64a61ea706cc883a2bdc28e942b82e89"


def narrow(columns: int = 60) -> tuple[Console, io.StringIO]:
    stream = io.StringIO()
    return Console(file=stream, width=columns, markup=False, emoji=False), stream


@pytest.mark.parametrize("columns", [1, 20, 60, 200])
def test_every_value_of_a_table_is_shown_whole_however_narrow_the_console(columns: int) -> None:
    console, stream = narrow(columns)
    table = Table("layer", title="of what", caption="and more")
    table.add_column(Text("weights"))
    table.add_column("sha256")
    table.add_row("conv1", "1,350,000", HASH)
    table.add_section()
    table.add_row(Text("[all]"), "33,750", "")
    show_table(console, table)
    shown = stream.getvalue()
    titles = ["of what", "and more", "weights"] if columns > 1 else []  # words are broken where nothing else fits
    assert [text for text in ("conv1", "1,350,000", HASH, "[all]", "33,750", *titles) if text not in shown] == []


def test_facts_are_a_line_each_and_a_hash_can_be_copied() -> None:
    console, stream = narrow()
    show_facts(console, "a set", {"fragments": "1,800", "sha256": HASH})
    assert stream.getvalue().splitlines() == ["a set", "  fragments  1,800", f"  sha256     {HASH}"]
