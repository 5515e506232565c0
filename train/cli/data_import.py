"""`inkgate data import`: handwriting in other programs' files -> a set of fragments."""

import json
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from edge.ink.fragment_set import KINDS
from firmware_bridge.cli.options import json_option, plain_console, say

FORMATS = ("unipen", "inkml", "png", "idx")

_TAKEN_BY = {
    "labels": ("idx",),
    "writers": ("idx",),
    "writer": ("unipen", "inkml", "idx"),
    "invert": ("png", "idx"),
    "transpose": ("idx",),
}

_file = click.Path(path_type=Path, dir_okay=False)


@click.command("import")
@click.argument("form", metavar="FORMAT", type=click.Choice(FORMATS))
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=_file, help="The .npz file to write.")
@click.option("--labels", type=_file, help="idx: class codes, or QMNIST's rows, which say the writers too.")
@click.option("--writers", type=_file, help="idx: the writer's number of each picture.")
@click.option("--writer", help="Who wrote, where the source does not say.")
@click.option("--invert", is_flag=True, help="png, idx: turn pictures of dark writing on light paper round.")
@click.option("--transpose", is_flag=True, help="idx: rows and columns change places, as EMNIST's pictures need.")
@click.option("--kind", type=click.Choice(KINDS), help="What it was written with.  [default: pen, of png and idx scan]")
@json_option
def import_command(form: str, source: Path, out: Path, kind: str | None, as_json: bool, **given: Any) -> None:
    """Make a set of fragments of handwriting in another program's files.

    \b
    unipen  SOURCE is a UNIPEN text file or a folder of them; symbols are .SEGMENTs of one character
    inkml   SOURCE is an InkML file or a folder of them; symbols are groups with an annotation `truth`
    png     SOURCE is a folder of WRITER/SYMBOL_1.png, WRITER/SYMBOL_2.png, ... or WRITER/SYMBOL/FILE.png
    idx     SOURCE is an IDX file of pictures, with --labels FILE and --writers FILE or --writer NAME

    Strokes become fragments as on a pen board; pictures are framed as a fragment is. Pixels must be light writing on
    dark paper, 255 on 0; others are refused unless --invert turns them round.
    """
    if out.suffix != ".npz":
        raise click.UsageError(f"{out}: the file is an .npz; end its name so")
    for option, formats in _TAKEN_BY.items():
        if given[option] and form not in formats:
            raise click.UsageError(f"--{option} means nothing for {form}; it is for {' and '.join(formats)}")
    if form == "idx" and given["labels"] is None:
        raise click.UsageError("idx needs --labels FILE, the IDX file that says what was written")
    from train.importing.formats import Source, import_set

    console = plain_console()
    with console.status(Text(f"reading {source}")):
        fragments = import_set(form, Source(source, **given), kind)
    fragments.save(out)
    if as_json:
        counts = {"fragments": len(fragments), "writers": len(fragments.writers)}
        told = {"kind": KINDS[int(fragments.kind[0])], "sha256": fragments.sha256}
        click.echo(json.dumps({"out": str(out), **counts, **told}))
        return
    say(console, f"{out}: {len(fragments):,} fragments of {len(fragments.writers)} writers")
    say(console, f"next: inkgate data info {out} --png sheet.png")
