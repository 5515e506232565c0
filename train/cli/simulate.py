"""`inkgate simulate`: fragments of a dataset -> a virtual pen or camera board on a pseudo-terminal."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from firmware_bridge.cli.common import complete_board, progress_console, shares_terminal
from firmware_bridge.cli.options import SEED, FiniteRange, complete_dataset, say
from train.synthetic.not_writing import Kind as NotWriting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edge.ink.fragment_set import FragmentSet
    from firmware_bridge.emulate.emulated_board import EmulatedBoard
    from firmware_bridge.emulate.virtual_board import VirtualBoard

DEFAULT_WRITERS = 4
SHOWN_AUTHORS = 12
POLL_S = 0.1


def parse_symbols(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    """Parse `8` or `4-12` into (least, most) symbols of a word.

    Raises click.BadParameter unless 1 <= least <= most <= MAX_WORD_FRAGMENTS.
    """
    from firmware_bridge.wire.messages import MAX_WORD_FRAGMENTS

    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", value)
    least, most = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= least <= most:
        raise click.BadParameter(f"{value!r} is neither a length such as 8 nor a range such as 4-12", ctx, param)
    if most > MAX_WORD_FRAGMENTS:
        raise click.BadParameter(f"a word has at most {MAX_WORD_FRAGMENTS} symbols", ctx, param)
    return least, most


@click.command()
@click.argument("kind", type=click.Choice(["pen", "camera"]), default="pen")
@click.option(
    "--dataset",
    default="synthetic",
    show_default=True,
    metavar="qmnist|synthetic|FILE.npz",
    shell_complete=complete_dataset,
)
@click.option(
    "--writer",
    "writers",
    multiple=True,
    help="Name or id of who writes; may repeat. Default: several, by seed; of a run's test.npz users and strangers by "
    "turns.",
)
@click.option("--words", type=click.IntRange(1), default=10, show_default=True, help="Words in all, writers in turn.")
@click.option("--symbols", default="8", show_default=True, metavar="L|MIN-MAX", callback=parse_symbols)
@click.option(
    "--writing",
    type=click.Choice([nothing.value for nothing in NotWriting]),
    help="Nobody writes: the pen is tapped, draws circles, ..., or the camera sees that. None of it may open a gate.",
)
@click.option("--fast", is_flag=True, help="Not at 115200 baud's pace but as fast as the host reads.")
@click.option("--loss", type=FiniteRange(0, 1), default=0.0, help="Share of frames lost, each way.")
@click.option("--corrupt", type=FiniteRange(0, 1), default=0.0, help="Share of frames damaged, each way.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Of writers, words and noise.")
@click.option("--grey", is_flag=True, help="8 bits a pixel instead of 1.")
@click.option(
    "--firmware",
    metavar="BOARD",
    shell_complete=complete_board,
    help="Not in Python: BOARD's real firmware in an emulator.",
)
@click.option("--board", metavar="NAME", help="The board's name; two at once need two.  [default: virtual-KIND]")
@click.option("--no-key", is_flag=True, help="A board that was never provisioned: hosts take it with a flag only.")
@click.option("--link", type=click.Path(path_type=Path), help="A path that leads to the board, whatever its pty is.")
@click.option("--json", "as_json", is_flag=True, help="One object per line on stdout: port, every word, done.")
def simulate(
    kind: str,
    dataset: str,
    writers: tuple[str, ...],
    words: int,
    symbols: tuple[int, int],
    writing: str | None,
    fast: bool,
    loss: float,
    corrupt: float,
    seed: int,
    grey: bool,
    firmware: str | None,
    board: str | None,
    no_key: bool,
    link: Path | None,
    as_json: bool,
) -> None:
    """Run a virtual board on a pty: a pen, or a camera.

    The first line on stdout is the path to give to `inkgate run --port`. The board waits for a host, sends its words as
    a real board does and ends when all are acknowledged. With a run's test.npz, users and strangers write by turns, and
    stderr says who does. Nobody needs to provision the board: it takes its key from this user's key store, where
    `inkgate run` looks for it, and makes one at its first start.

    With --writing the board delivers what it makes of it, which may be nothing; what neither pen nor camera can be
    brought to see comes as a broken board would send it.

    With --firmware the board is emulated: a pen board's digitiser is written on by the dataset's invented writers, a
    camera board's camera sees pictures of the dataset's fragments. With its key it is the same board at every start,
    BOARD-00000000, so run one at a time: a host takes two of them for one board that goes back in time. With --no-key
    it is another board each time.
    """
    from rich.text import Text

    from firmware_bridge.emulate import power_on
    from firmware_bridge.emulate.board_memory import SelfProvisioned, Unprovisioned
    from firmware_bridge.emulate.emulated_board import EmulatedBoard
    from firmware_bridge.emulate.virtual_board import VirtualBoard, name_of
    from firmware_bridge.link.transport import BAUD_RATE
    from firmware_bridge.trust.board_keys import KeyStore
    from firmware_bridge.wire.messages import Kind

    if firmware is not None:
        _check_firmware(firmware, kind, dataset, board)
    bits = 8 if grey else 1
    rng = np.random.default_rng(seed)
    if writing is None:
        material = _write(dataset, writers, words, symbols, bits, rng, kind if firmware else None)
    elif writers or dataset != "synthetic":
        raise click.UsageError("with --writing nobody writes: leave out --dataset and --writer")
    else:
        material = _write_nothing(NotWriting(writing), kind, words, symbols, bits, seed, firmware is not None)
    name = power_on.name_of(firmware) if firmware else board or name_of(Kind[kind.upper()])
    memory = Unprovisioned() if no_key else SelfProvisioned(KeyStore(), name)
    simulated: VirtualBoard | EmulatedBoard
    if firmware is not None:
        with progress_console().status(Text(f"building {firmware} {kind}")):
            emulator = power_on.build_and_power_on(firmware, kind, memory, {"pixel_bits": bits})
        simulated = EmulatedBoard(emulator, material.seen, fast=fast, loss=loss, corrupt=corrupt, seed=seed, link=link)
    else:
        simulated = VirtualBoard(
            material.words,
            times=material.times,
            kind=Kind[kind.upper()],
            pixel_bits=bits,
            board=name,
            baud_rate=None if fast else BAUD_RATE,
            loss=loss,
            corrupt=corrupt,
            seed=seed,
            link=link,
            memory=memory,
        )
    with simulated:
        click.echo(json.dumps({"event": "port", "path": simulated.path}) if as_json else simulated.path)
        _follow(simulated, material.authors, material.told, as_json)


@dataclass(frozen=True)
class _Material:
    """What a board delivers, word by word.

    words: uint8 [T, 33, 33], grey or black and white. times: when each symbol was written, None if nobody knows.
    seen: what an emulated board's sensor sees; empty for a virtual board. told: what --json says of a word.
    """

    authors: Sequence[_Author]
    told: Sequence[dict[str, object]]
    words: Sequence[NDArray[np.uint8]]
    times: Sequence[Sequence[tuple[int | None, int | None]]] | None = None
    seen: Sequence[NDArray[np.uint16] | NDArray[np.uint8]] = ()


def _write(
    dataset: str,
    wanted: Sequence[str],
    count: int,
    symbols: tuple[int, int],
    bits: int,
    rng: np.random.Generator,
    emulated: str | None,
) -> _Material:
    """Let the writers of a dataset write; emulated: pen or camera if a sensor sees it."""
    from rich.text import Text

    from train.data.datasets import SYNTHETIC_PER_WRITER, load
    from train.synthetic import board_input

    with progress_console().status(Text(f"taking fragments from {dataset}")):
        # On an emulated digitiser the writers write anew: of the dataset only their names are needed.
        fragments = load(dataset, pixel_bits=bits, per_writer=1 if emulated == "pen" else SYNTHETIC_PER_WRITER)
    users = users_of(Path(dataset), fragments)
    chosen = choose_writers(fragments, wanted, rng, users)
    writing = [chosen[place % len(chosen)] for place in range(count)]
    authors = [_Author.of(fragments, writer, users) for writer in writing]
    drawn = draw_words(fragments, writing, symbols, rng)
    words = [fragments.pixels[index] for index in drawn]
    if emulated == "pen":
        texts = board_input.draw_texts(count, symbols, rng)
        seen = board_input.write_texts(writing, texts, rng)
        return _Material(authors, [{"text": text} for text in texts], words, seen=seen)
    pictures = board_input.photograph(words, rng) if emulated else []
    return _Material(authors, [{"fragments": index.tolist()} for index in drawn], words, seen=pictures)


def _write_nothing(
    nothing: NotWriting, kind: str, count: int, symbols: tuple[int, int], bits: int, seed: int, emulated: bool
) -> _Material:
    """Let nobody write; say how often a board makes a word of it.

    Raises click.UsageError if an emulated board's sensor cannot see that.
    """
    from rich.text import Text

    from train.synthetic.not_writing import attempts_of, kinds_of

    path = kind if nothing in kinds_of(kind) else "wire"
    if emulated and path == "wire":
        raise click.UsageError(f"a {kind} sees no {nothing.value}: leave out --firmware, or take another --writing")
    with progress_console().status(Text(f"{count} attempts at {nothing.value}")):
        made = list(enumerate(attempts_of(nothing, path, count, symbols, seed, bits)))
    kept = [(place, attempt.seen, attempt.word) for place, attempt in made if attempt.word is not None]
    if len(kept) < count:
        say(progress_console(), f"words that a {kind} board makes of {count} attempts at {nothing.value}: {len(kept)}")
    return _Material(
        [_Author(nothing.value, None)] * len(kept),
        [{"attempt": place} for place, _, _ in kept],
        [word.fragments for _, _, word in kept],
        [word.times for _, _, word in kept],
        [seen for _, seen, _ in kept if seen is not None],
    )


def _check_firmware(firmware: str, kind: str, dataset: str, board: str | None) -> None:
    """Raise click.UsageError if a board's firmware cannot simulate this.

    Raises UnknownBoardError if no board has the name `firmware`.
    """
    from firmware_bridge.boards import find

    if kind not in find(firmware).apps:
        raise click.UsageError(f"{firmware} has no app {kind}: it has {', '.join(find(firmware).apps)}")
    if kind == "pen" and dataset != "synthetic":
        raise click.UsageError("a digitiser needs strokes, which fragments have not: take --dataset synthetic")
    if board is not None:
        raise click.UsageError("--board is not for --firmware: that has a name of its own")


def users_of(dataset: Path, fragments: FragmentSet) -> frozenset[int]:
    """Return the writer ids of the enrolled users if the dataset is a file of a run, else none."""
    from edge.bundle.run_directory import Run
    from edge.bundle.run_files import CONFIG

    if not (dataset.suffix == ".npz" and (dataset.parent / CONFIG).is_file()):
        return frozenset()
    names = set(Run.open(dataset.parent).config.users)
    return frozenset(int(writer) for writer in fragments.writers if fragments.name_of(int(writer)) in names)


def choose_writers(
    fragments: FragmentSet, wanted: Sequence[str], rng: np.random.Generator, users: frozenset[int] = frozenset()
) -> list[int]:
    """Return the ids of the writers wanted by name or id; if none is wanted, choose at random.

    If both users and strangers wrote the set, the chosen ones take turns, a user first; otherwise DEFAULT_WRITERS are
    chosen. Raises click.BadParameter for a writer who is not in the set.
    """
    present = [int(writer) for writer in fragments.writers]
    if not wanted:
        strangers = [writer for writer in present if writer not in users]
        if users and strangers:
            turns = zip(rng.permutation(sorted(users)), rng.permutation(strangers), strict=False)
            return [int(writer) for turn in turns for writer in turn]
        return sorted(int(writer) for writer in rng.choice(present, min(DEFAULT_WRITERS, len(present)), replace=False))
    names = {str(writer): writer for writer in present} | {fragments.name_of(writer): writer for writer in present}
    unknown = [name for name in wanted if name not in names]
    if unknown:
        some = ", ".join(sorted(names)[:8])
        raise click.BadParameter(f"{unknown[0]!r} wrote nothing here; writers are {some} ...", param_hint="--writer")
    return [names[name] for name in wanted]


def draw_words(
    fragments: FragmentSet, writing: Sequence[int], symbols: tuple[int, int], rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Draw a word for each entry of `writing`: indices [T] of its fragments, T uniform in `symbols`."""
    from edge.ink.fragment_set import sample_words

    words = []
    for writer in writing:
        length = int(rng.integers(symbols[0], symbols[1], endpoint=True))
        index, _ = sample_words(fragments, [writer], length, 1, rng)
        words.append(index[0])
    return words


@dataclass(frozen=True)
class _Author:
    """The writer of a word. enrolled: whether that is a user, None where the users are not known."""

    name: str
    enrolled: bool | None

    @staticmethod
    def of(fragments: FragmentSet, writer: int, users: frozenset[int]) -> _Author:
        return _Author(fragments.name_of(writer), writer in users if users else None)

    def __str__(self) -> str:
        return self.name if self.enrolled is None else f"{self.name} ({'user' if self.enrolled else 'stranger'})"


def _follow(
    board: VirtualBoard | EmulatedBoard, authors: Sequence[_Author], written: Sequence[dict[str, object]], as_json: bool
) -> None:
    """Report every acknowledged word until all are; report the counters even when interrupted."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = progress_console()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    reported = 0
    if not as_json:
        # Print this before a host connects: once it writes to the same terminal, nothing may be shown there.
        more = f" and {len(authors) - SHOWN_AUTHORS} more" if len(authors) > SHOWN_AUTHORS else ""
        listed = ", ".join(f"{place} {author}" for place, author in enumerate(authors[:SHOWN_AUTHORS], start=1))
        say(console, f"words by: {listed}{more}")
    try:
        with Progress(*columns, console=console, disable=as_json or shares_terminal()) as progress:
            task = progress.add_task("waiting for a host", total=len(authors))
            while reported < len(authors):
                board.wait(POLL_S)
                for sent in board.acknowledged[reported:]:
                    reported += 1
                    author = authors[sent.place]
                    progress.update(task, completed=reported, description=f"word {reported} by {author}")
                    if as_json:
                        key = {"event": "word", "session": sent.session, "word": sent.word}
                        known = {} if author.enrolled is None else {"enrolled": author.enrolled}
                        click.echo(json.dumps({**key, "writer": author.name, **known, **written[sent.place]}))
    finally:
        counters = board.statistics()
        counted = {name: _shown(value) for name, value in asdict(counters).items()} if counters is not None else None
        if as_json:
            click.echo(json.dumps({"event": "done", "words": reported, "statistics": counted}))
        else:
            listed = "".join(f"{name.replace('_', ' ')} {value}, " for name, value in (counted or {}).items())
            say(console, f"{reported} of {len(authors)} words acknowledged; {listed}".rstrip("; ,"))


def _shown(value: object) -> object:
    """Return what a board counts as it is shown, bytes in hex."""
    return value.hex() if isinstance(value, bytes) else value
