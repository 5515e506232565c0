"""`inkgate data`: public, invented or one's own sets of fragments -> fetched, described, exported."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.text import Text

from firmware_bridge.cli.options import json_option, plain_console, show_facts
from firmware_bridge.files import writing
from train.cli.data_import import import_command
from train.errors import TooFewWritersError

if TYPE_CHECKING:
    from edge.ink.fragment_set import FragmentSet
    from train.data.mnist import SourceFile


folder_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of public data. Default: INKGATE_DATA, else inkgate's folder in the user's cache.",
)


@click.group()
def data() -> None:
    """Fetch, describe, import and export sets of fragments.

    \b
    NAME is qmnist (digits of 539 people), synthetic (invented writers), or a path to an .npz file. Strokes that the
    boards' rasteriser draws: qmnist-ink, pendigits, unipen, unipen-letters, unipen-sessions.
    """


@data.command()
@folder_option
@json_option
def fetch(data_dir: Path | None, as_json: bool) -> None:
    """Download MNIST's images and QMNIST's writer ids; what is there is kept, what broke off is resumed."""
    from firmware_bridge.trust.folder import data_folder
    from train.data import mnist
    from train.data.fetch import fetch as fetch_files

    folder = data_folder(data_dir)
    with _transfer_bars() as bars:
        tasks: dict[str, Any] = {}

        def show(source: "SourceFile", done: int, total: int | None) -> None:
            if source.path not in tasks:
                tasks[source.path] = bars.add_task(source.path)
            bars.update(tasks[source.path], completed=done, total=total)

        files = fetch_files(folder, mnist.FILES, show)
    if as_json:
        click.echo(json.dumps({"folder": str(folder), "files": [{**asdict(f), "path": str(f.path)} for f in files]}))
        return
    console = plain_console()
    for file in files:
        console.print(f"{file.path}  {file.status}, SHA-256 right", highlight=False)
    console.print("next: `inkgate data info qmnist`")


data.add_command(import_command)


def _dataset_options(command: Any) -> Any:
    """Add the options that say which fragments, which info and export share."""
    for option in (
        click.option(
            "--symbols", default="digits", show_default=True, help="synthetic: digits, letters, all, or a text."
        ),
        click.option(
            "--seed", type=click.IntRange(0), default=0, show_default=True, help="synthetic: who is invented."
        ),
        click.option("--per-writer", type=click.IntRange(1), help="synthetic: fragments by each writer."),
        click.option("--writers", type=click.IntRange(1), help="synthetic: how many writers."),
        folder_option,
    ):
        command = option(command)
    return command


@data.command()
@click.argument("name", required=False, metavar="[NAME]")
@click.option(
    "--png", type=click.Path(path_type=Path, dir_okay=False), help="Write a picture of samples, a row a writer."
)
@click.option(
    "--pixel-bits", type=click.Choice(["1", "8"]), default="1", show_default=True, help="As the wire carries it."
)
@_dataset_options
@json_option
def info(
    name: str | None,
    png: Path | None,
    pixel_bits: str,
    data_dir: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Show what a set holds: counts, writers, symbols, hash, how its writers are split.

    Without NAME: the sources.
    """
    console = plain_console()
    if name is None:
        sources = _sources(data_dir)
        if as_json:
            click.echo(json.dumps(sources))
            return
        show_facts(console, "Sources", sources)
        return
    fragments = _load(name, int(pixel_bits), data_dir, options)
    summary = {"name": name, **_summary(fragments)}
    if png:
        _write_sheet(fragments, png)
        summary["png"] = str(png)
    if as_json:
        click.echo(json.dumps(summary))
    else:
        facts = {key.replace("_", " "): _in_words(value) for key, value in summary.items() if key != "name"}
        show_facts(console, name, facts)


@data.command()
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The .npz file to write.")
@click.option("--pixel-bits", type=click.Choice(["1", "8"]), default="8", show_default=True, help="8 keeps the grey.")
@_dataset_options
@json_option
def export(name: str, out: Path, pixel_bits: str, data_dir: Path | None, as_json: bool, **options: Any) -> None:
    """Write a set of fragments as .npz, for any other tool or command.

    The arrays are pixels, writer, symbol and order.
    """
    if out.suffix != ".npz":
        raise click.UsageError(f"{out}: the file is an .npz; end its name so")
    fragments = _load(name, int(pixel_bits), data_dir, options)
    fragments.save(out)
    summary = {"out": str(out), **_summary(fragments)}
    if as_json:
        click.echo(json.dumps(summary))
    else:
        plain_console().print(f"{out}: {len(fragments):,} fragments of {len(fragments.writers)} writers")


@data.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder for the sets.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the sources.")
@json_option
def evidence(out: Path, data_dir: Path | None, as_json: bool) -> None:
    """Write the handwriting to which `inkgate quantize --evidence` fits the evidence of who wrote.

    Sets of scans, pens and cameras, each of background and of development writers.
    """
    from train.data.evidence_sets import evidence_sets

    console = plain_console()
    with _counting_bar("photographing") as advance:
        sets = evidence_sets(data_dir, lambda _what, done, of: advance(done, of))
    found = {}
    for name, fragments in sets.items():
        fragments.save(out / f"{name}.npz")
        found[name] = {"writers": len(fragments.writers), "fragments": len(fragments), "sha256": fragments.sha256}
    if as_json:
        click.echo(json.dumps(found))
    else:
        rows = {name: f"{row['fragments']:,} fragments of {row['writers']} writers" for name, row in found.items()}
        show_facts(console, str(out), rows)


def _load(name: str, pixel_bits: int, data_dir: Path | None, options: dict[str, Any]) -> "FragmentSet":
    """Load the set that the options describe, with a bar while writers are invented."""
    from train.data.datasets import load

    given = {key: options[key] for key in ("writers", "per_writer") if options[key] is not None}
    if name != "synthetic":
        if given or options["seed"] or options["symbols"] != "digits":
            raise click.UsageError("--writers, --per-writer, --seed and --symbols are for synthetic writers only")
        with plain_console().status(Text(f"reading {name}")):
            return load(name, pixel_bits=pixel_bits, data_dir=data_dir)
    with _counting_bar("inventing writers") as count:
        symbols = _symbols(options["symbols"])
        return load(name, pixel_bits=pixel_bits, seed=options["seed"], symbols=symbols, progress=count, **given)


def _symbols(choice: str) -> str:
    from edge.ink.symbols import DIGITS, LETTERS
    from train.synthetic.alphabet import SYMBOLS

    return {"digits": DIGITS, "letters": LETTERS, "all": SYMBOLS}.get(choice, choice)


def _summary(fragments: "FragmentSet") -> dict[str, Any]:
    """Return what `data info` says of a set, as JSON values."""
    import numpy as np

    from edge.ink.fragment_set import KINDS
    from edge.ink.symbols import name_of

    counts = np.unique(fragments.writer, return_counts=True)[1]
    codes, numbers = np.unique(fragments.symbol, return_counts=True)
    return {
        "fragments": len(fragments),
        "writers": len(fragments.writers),
        "per_writer": {"least": int(counts.min()), "median": float(np.median(counts)), "most": int(counts.max())},
        "symbols": {name_of(int(code)): int(n) for code, n in zip(codes, numbers, strict=True)},
        "kinds": {KINDS[code]: int((fragments.kind == code).sum()) for code in np.unique(fragments.kind)},
        "sessions": len(np.unique(np.stack([fragments.writer, fragments.session], 1)[fragments.session >= 0], axis=0)),
        "pixel_bits": fragments.pixel_bits,
        "ink_share": round(float((fragments.pixels >= 128).mean()), 4),
        "sha256": fragments.sha256,
        "split": _split_sizes(fragments),
    }


def _split_sizes(fragments: "FragmentSet") -> dict[str, int] | str:
    """Return the numbers of writers by part of the split, or why the set cannot be split."""
    from train.data.datasets import split_writers

    try:
        return {part: len(writers) for part, writers in asdict(split_writers(fragments)).items()}
    except TooFewWritersError as error:
        return str(error)


def _sources(data_dir: Path | None) -> dict[str, str]:
    from firmware_bridge.trust.folder import data_folder
    from train.data.ink_files import FILES as INK_FILES
    from train.data.mnist import WRITERS_FILES

    folder = data_folder(data_dir)
    missing = [source.path for source in WRITERS_FILES if not (folder / source.path).is_file()]
    state = f"in {folder}" if not missing else f"not in {folder}; `inkgate data fetch` downloads it"
    return {
        "qmnist": f"60,000 digits of 539 people, {state}",
        "qmnist-ink": f"the same, traced and drawn as with a pen, {state}",
        **{
            name: f"strokes of real pens, {'in' if (folder / path).is_file() else 'not in'} {folder} ({path})"
            for name, path in INK_FILES.items()
        },
        "synthetic": "any number of invented writers of digits and letters, always there",
        "FILE.npz": "what `inkgate capture`, `inkgate data import` or `inkgate data export` wrote",
    }


def _write_sheet(fragments: "FragmentSet", path: Path) -> None:
    from train.data.contact_sheet import save_sheet

    try:
        with writing(path, "choose another --png"):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch()
            path.chmod(0o600)  # handwriting is biometric: nobody else may look at it
            save_sheet(fragments, path)
    except ValueError as error:
        raise click.UsageError(f"{path}: no picture can be written there: {error}: end its name in .png") from error


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_in_words(item)}" for key, item in value.items())
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _transfer_bars() -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=plain_console())


@contextmanager
def _counting_bar(title: str) -> Iterator[Any]:
    """Show a bar on stderr; yield its progress callback, which takes (done, all)."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), console=plain_console(), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
