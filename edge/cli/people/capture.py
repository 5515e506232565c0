"""`inkgate capture`: fragments from a board -> a set in a .npz file."""

from pathlib import Path

import click

from edge.cli.output import emit
from edge.cli.settings import setting
from edge.errors import CaptureError
from edge.gate.capture import CapturedWord, add_word, next_session, whole_words
from edge.ink.fragment_set import FragmentSet
from edge.ink.names import check_name
from edge.roster.enrolling import NEED
from firmware_bridge.cli.options import (
    CONNECT_S,
    PORT_HELP,
    complete_port,
    json_option,
    plain_console,
    say,
    unauthenticated_option,
)
from firmware_bridge.link.link import open_link


@click.command()
@setting("port", required=True, shell_complete=complete_port, help=PORT_HELP)
@click.option("--writer", required=True, help="Who writes; an existing name gets more fragments.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The .npz file to make or to add to.")
@click.option("--words", type=click.IntRange(min=1), help="End after so many words; else with Ctrl-C.")
@click.option("--symbols", help="The text of each word, one character for each fragment.")
@unauthenticated_option
@json_option
def capture(
    port: str,
    writer: str,
    out: Path,
    words: int | None,
    symbols: str | None,
    allow_unauthenticated: bool,
    as_json: bool,
) -> None:
    """Record a writer's fragments from a board; the file holds every whole word as soon as it is written."""
    check_name(writer)
    console = plain_console()
    fragments = FragmentSet.load(out) if out.exists() else None
    session, captured = next_session(fragments, writer), 0
    began_ms: int | None = None
    say(console, NEED)
    with open_link(port, allow_unauthenticated=allow_unauthenticated, connect_patience_s=CONNECT_S) as link:
        for item in whole_words(link.events()):
            if isinstance(item, CapturedWord):
                if session == 0 and captured == 0:
                    began_ms = item.begun_ms[0]
                try:
                    fragments = add_word(fragments, writer, item, symbols, session, began_ms)
                except CaptureError as error:
                    console.print(str(error), style="yellow")
                    continue
                fragments.save(out)
                captured += 1
                console.print(f"word {captured}: {len(item.pixels)} fragments")
            else:
                console.print(item.text, style="dim")
            if captured == words:
                break
    if as_json and fragments is not None:
        emit({"file": str(out), "words": captured, "fragments": len(fragments), "writers": len(fragments.writers)})
