"""Options, times and output that the commands of all packages share."""

import math
from typing import IO, Any

import click
from click.shell_completion import CompletionItem
from rich.console import Console

from firmware_bridge.errors import InkgateError


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

    Brackets in a text are no markup there, and colons no emoji: a person may be called "[b]". Colours are given by a
    style or as rich.text.Text. A spinner takes any text for markup: give it Text.
    """
    return Console(file=file, stderr=True, force_terminal=force_terminal, markup=False, emoji=False)


def say(console: Console, text: str) -> None:
    """Print text unchanged: no markup, no highlighting, no line breaks added."""
    console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)
