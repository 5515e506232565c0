"""`inkgate look`: what a camera board sees in a picture."""

from pathlib import Path
from shutil import get_terminal_size

import click

from edge.cli.output import counted, emit
from edge.errors import PictureError
from edge.ink.segment import Segmentation, SegmentReason, segment
from firmware_bridge.cli.options import json_option, plain_console, say
from firmware_bridge.errors import ExitCode


@click.command()
@click.argument("picture", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE.png", help="Write what was seen, symbols in boxes."
)
@json_option
def look(picture: Path, out: Path | None, as_json: bool) -> int:
    """Show what a camera board sees in a PNG or JPEG picture: its symbols, or why there are none.

    A larger picture is scaled down until it fits into the 320 x 240 pixels of a camera board, each pixel the mean of
    those that it covers; a smaller one stays as it is. The exit code is 0 if a word would be delivered, 1 if not, 2 if
    the file is no picture.
    """
    from edge.look.drawing import blocks_of, fragments_of, save_drawing
    from edge.look.picture import read_picture

    if out is not None and out.suffix.lower() != ".png":
        raise click.BadParameter(f"{out}: a picture is written as .png", param_hint="--out")
    if out is not None and out.exists() and picture.exists() and out.samefile(picture):
        raise PictureError(f"{out}: is the picture itself: name another file")
    grey = read_picture(picture)
    found = segment(grey)
    word = found if isinstance(found, Segmentation) else None
    if out is not None:
        save_drawing(out, grey, word)
    if as_json:
        emit(_record(picture, out, (grey.shape[1], grey.shape[0]), found))
    else:
        console = plain_console()
        say(console, f"{picture}: seen as {grey.shape[1]} x {grey.shape[0]} pixels")
        if word is not None:
            for line in blocks_of(fragments_of(word), get_terminal_size().columns):
                say(console, line)
        say(console, _told(found))
    return ExitCode.NEGATIVE if word is None else ExitCode.DONE


def _told(found: Segmentation | SegmentReason) -> str:
    if isinstance(found, SegmentReason):
        return f"no word: {found.told}"
    return f"{counted(len(found.symbols), 'symbol')}, {found.height} pixels high, drawn {found.pen} pixels thick"


def _record(
    picture: Path, out: Path | None, seen: tuple[int, int], found: Segmentation | SegmentReason
) -> dict[str, object]:
    record: dict[str, object] = {"picture": str(picture), "seen": seen, "out": None if out is None else str(out)}
    if isinstance(found, SegmentReason):
        return {**record, "delivered": False, "symbols": [], "reason": found.name, "told": found.told}
    symbols = [{**symbol.box._asdict(), "line": symbol.line} for symbol in found.symbols]
    return {**record, "delivered": True, "symbols": symbols, "height": found.height, "pen": found.pen, "reason": None}
