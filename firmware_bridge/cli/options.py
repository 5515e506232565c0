"""Options and output that the commands of all packages share."""

import click
from rich.console import Console

json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout.")


def say(console: Console, text: str) -> None:
    """Text as it is, in whole lines."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
