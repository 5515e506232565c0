"""Options, times and output that the commands of all packages share."""

import math
from typing import IO, Any

import click
from rich.console import Console


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
port_option = click.option("--port", required=True, help="Serial port, pty, socket:// or rfc2217://HOST:PORT, or auto.")
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
