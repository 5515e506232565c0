"""`inkgate firmware monitor`: show what a board sends, to find faults."""

import json
from dataclasses import asdict, fields, is_dataclass
from typing import Any

import click

from firmware_bridge.cli.options import CONNECT_S, FiniteRange, json_option, plain_console, port_option
from firmware_bridge.link.link import open_link
from firmware_bridge.session.events import (
    BoardFault,
    Connected,
    Event,
    FragmentReceived,
    LinkLost,
    LinkNotice,
    Statistics,
    WordEnded,
    WordStarted,
)
from firmware_bridge.wire.pixels import Pixels, depth

_SECONDS = FiniteRange(min=0, min_open=True)
_INK = 128
_JSON_NAMES: dict[type[Event], str] = {
    Connected: "Connected",
    WordStarted: "WordStarted",
    FragmentReceived: "Fragment",
    WordEnded: "WordEnded",
    BoardFault: "BoardFault",
    LinkLost: "LinkLost",
    LinkNotice: "LinkNotice",
    Statistics: "Statistics",
}
"""What scripts read: a class that is renamed keeps its name here."""
_HALVES = {(False, False): " ", (True, False): "\u2580", (False, True): "\u2584", (True, True): "\u2588"}


@click.command()
@port_option
@click.option("--pixels/--no-pixels", default=True, help="Draw each fragment.")
@click.option("--words", type=click.IntRange(min=1), help="End after so many words.")
@click.option("--idle-timeout", type=_SECONDS, help="End when nothing was written for so many seconds.")
@json_option
def monitor(port: str, pixels: bool, words: int | None, idle_timeout: float | None, as_json: bool) -> None:
    """Show what a board sends, its writing and its counters, until Ctrl-C.

    The words are taken from the board, as `inkgate run` takes them, but not decided. A board without a key is watched
    too; the output says that it has none.
    """
    console = plain_console()
    seen = 0
    with open_link(port, allow_unauthenticated=True, idle_timeout_s=idle_timeout, connect_patience_s=CONNECT_S) as link:
        for event in link.events():
            if as_json:
                click.echo(json.dumps(as_object(event)))
            else:
                console.print(said(event), highlight=False, soft_wrap=True)
                if pixels and isinstance(event, FragmentReceived):
                    console.print(drawn(event.pixels), highlight=False)
            seen += isinstance(event, WordEnded)
            if words is not None and seen >= words:
                return


def as_object(event: Event) -> dict[str, Any]:
    """Return an event as a JSON object; a fragment's pixels are 33 rows of 33 two-digit hex numbers."""
    found: dict[str, Any] = {"event": _JSON_NAMES[type(event)]}
    for field in fields(event):
        value = getattr(event, field.name)
        if is_dataclass(value) and not isinstance(value, type):
            found |= {name: _plain(each) for name, each in asdict(value).items()}
        else:
            found[field.name] = _plain(value)
    return found


def said(event: Event) -> str:
    """Return an event as a line of text."""
    match event:
        case Connected(info):
            bound = "authenticated" if info.authenticated else "without a key: anybody on the line could say this"
            return (
                f"connected: {info.board}, {info.model}, {info.kind.name.lower()}, firmware {info.firmware}, "
                f"{depth(info.pixel_bits)}, start {info.session}, {bound}"
            )
        case WordStarted(_, word):
            return f"word {word}"
        case FragmentReceived(_, word, index, pixels, duration_ms):
            time = "" if duration_ms is None else f", written in {duration_ms} ms"
            return f"word {word}, symbol {index}: {int((pixels >= _INK).sum())} of {pixels.size} pixels are ink{time}"
        case WordEnded(_, word, count):
            return f"word {word} ends: {count} symbol{'' if count == 1 else 's'}"
        case BoardFault(code, text, _, word):
            ended = "" if word is None else f", which ends word {word}"
            return f"fault {code}: {text}{ended}"
        case LinkLost(reason):
            return f"lost: {reason}"
        case LinkNotice(text):
            return f"notice: {text}"
        case Statistics():
            return ", ".join(f"{name.replace('_', ' ')} {_counted(value)}" for name, value in asdict(event).items())
    raise AssertionError(event)


def _counted(value: int | bytes) -> str:
    return value.hex() if isinstance(value, bytes) else f"{value:,}"


def drawn(pixels: Pixels) -> str:
    """Return a fragment drawn in characters, two rows of pixels in each line."""
    ink = [[bool(value >= _INK) for value in row] for row in pixels] + [[False] * pixels.shape[1]]
    return "\n".join(
        "".join(_HALVES[pair] for pair in zip(ink[row], ink[row + 1], strict=True)) for row in range(0, len(ink) - 1, 2)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if hasattr(value, "tobytes"):
        return [bytes(row).hex() for row in value]
    return value.name.lower() if hasattr(value, "name") else value
