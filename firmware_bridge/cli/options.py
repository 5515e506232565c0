"""Options, times and output that the commands of all packages share."""

import math
import time
from collections.abc import Iterator, Mapping
from typing import IO, Any

import click
from click.shell_completion import CompletionItem
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.status import Status
from rich.table import Table
from rich.text import Text

from firmware_bridge.errors import InkgateError, printable


class FiniteRange(click.FloatRange):
    """A range of numbers, of which click takes nan for one and infinity where no end is set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number. click.BadParameter if it is none, or not in the range."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is no number that can be meant.", param, ctx)
        return number


SEED = click.IntRange(0, (1 << 32) - 1)
"""What every source of random numbers takes."""

json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout.")
PORT_HELP = "Serial port, pty, socket:// or rfc2217://HOST:PORT, or auto."


def complete_port(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the serial ports that are there now, and `auto`; else files are offered, among them ptys."""
    from firmware_bridge.link.ports import AUTO, list_ports

    ports = [CompletionItem(port.path, help=port.board or port.description) for port in list_ports()]
    offered = [CompletionItem(AUTO, help="the one known board on USB"), *ports, CompletionItem(begun, type="file")]
    return [item for item in offered if item.type == "file" or item.value.startswith(begun)]


def complete_known_board(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the names of the boards whose key is here; none where the keys cannot be read."""
    from firmware_bridge.trust.board_keys import KeyStore

    try:
        boards = sorted(KeyStore().load())
    except InkgateError:
        return []
    return [CompletionItem(board) for board in boards if board.startswith(begun)]


def complete_dataset(_: click.Context, param: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the datasets that an option's metavar names; else files are offered."""
    names = [word for word in (param.metavar or "").split("|") if word.islower()]
    offered = [CompletionItem(name) for name in names if name.startswith(begun)]
    return [*offered, CompletionItem(begun, type="file")]


port_option = click.option("--port", required=True, help=PORT_HELP, shell_complete=complete_port)
unauthenticated_option = click.option(
    "--allow-unauthenticated",
    is_flag=True,
    help="Take the writing of a board without a key, in whose place anybody on the line can write.",
)

CONNECT_S = 15.0
"""How long a command waits for its board before it gives up: a virtual one that was started beside it has to boot."""


def plain_console(file: IO[str] | None = None, force_terminal: bool | None = None) -> Console:
    """Return a console on stderr, or on `file`, that shows names and paths as they are.

    Brackets in a text are no markup there, and colons no emoji: a person may be called "[b]". What would move the
    terminal's cursor or change its colours is shown as codes. Colours are given by a style or as rich.text.Text. A
    spinner takes any text for markup: give it Text.
    """
    return _PlainConsole(file=file, stderr=True, force_terminal=force_terminal, markup=False, emoji=False)


class _PlainConsole(Console):
    """A console that shows texts of others as texts, in bars and spinners too."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Render an object; rich's own control codes stay."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\r":  # with which a line that is rewritten ends
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)

    def status(self, status: RenderableType, **options: Any) -> Status:
        """Return a spinner beside which the seconds are counted: whoever waits sees that something goes on."""
        return Status(Timed(status), console=self, **options)


class Timed:
    """A text with the seconds since it was made, for a spinner."""

    def __init__(self, text: RenderableType) -> None:
        self._text, self._began_s = text, time.monotonic()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render it as it is at this moment."""
        yield Text.assemble(_plain(self._text), (f"  {time.monotonic() - self._began_s:.0f} s", "dim"))


def say(console: Console, text: str) -> None:
    """Print text unchanged: no markup, no highlighting, no line breaks added."""
    console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)


def show_facts(console: Console, title: str, facts: Mapping[str, str]) -> None:
    """Print names and values, a line each, however narrow the console is."""
    say(console, title)
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        say(console, f"  {name:<{width}}  {value}")


def show_table(console: Console, table: Table) -> None:
    """Print a table; where it is wider than the console, a line for each value, so that none is cut."""
    if Measurement.get(console, console.options.update_width(_WIDEST), table).maximum <= console.width:
        console.print(table)
        return
    names = [_plain(column.header) for column in table.columns] if table.show_header else [""] * len(table.columns)
    width = max(map(len, names), default=0)
    for title in (table.title, table.caption):
        if title is not None:
            say(console, _plain(title))
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        first, *rest = map(_plain, cells)
        say(console, f"{names[0]} {first}".strip())
        for name, cell in zip(names[1:], rest, strict=True):
            if cell:
                say(console, f"  {name:<{width}}  {cell}")


_WIDEST = 10_000


def _plain(cell: object) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)
