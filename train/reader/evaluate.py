"""Int8 readers and sets of handwriting -> what each reads, beside one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from edge.bundle.reader import SHIPPED, read_files
from edge.bundle.reader_card import ReaderCard, decode_card
from train.errors import UnknownReaderError
from train.progress import Progress, silent
from train.reader.material import ALPHABETS, load_measured
from train.reader.measure import Measurement, compute, measure
from train.reader.samples import Samples
from train.reader.structure import STRUCTURES, Structure


class ReaderFigures(msgspec.Struct, frozen=True):
    """A reader: its size and speed, and what it reads.

    bytes, weights, macs  of the model's file; weights and biases; multiply-accumulates a fragment
    microseconds          median time of a fragment, one thread
    sets                  one measurement for each set
    float_right           set -> how many of its fragments the float network reads rightly; empty if it is not there
    """

    name: str
    network: str
    alphabet: str
    temperature: float
    model_sha256: str
    bytes: int
    weights: int
    macs: int
    microseconds: float
    runtime: str
    kernels: str
    sets: list[Measurement]
    float_right: dict[str, int] = {}


class Evaluation(msgspec.Struct, frozen=True):
    """The report of `inkgate evaluate-reader`."""

    created: str
    readers: list[ReaderFigures]
    format: str = "inkgate-reader-evaluation/1"

    def encode(self) -> bytes:
        """Return the report as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def find_folder(reader: str) -> Path:
    """Return the folder of a reader: a path, or the shipped one's by the name of its alphabet."""
    return SHIPPED / reader if reader in ALPHABETS and not Path(reader).exists() else Path(reader)


def evaluate_readers(
    folders: Sequence[Path], data_dir: Path | None = None, progress: Progress = silent
) -> list[ReaderFigures]:
    """Measure the readers in these folders on all sets of their alphabets.

    ReaderCardError or ReaderDiffersError for a folder without a whole reader, UnknownReaderError for one of another
    alphabet or network, MissingDataError or CorruptDataError for data that is not there or damaged.
    """
    known: dict[tuple[str, int], Mapping[str, Samples]] = {}
    figures = []
    opened = [(folder, *_open(folder)) for folder in folders]
    for done, (folder, model, card) in enumerate(opened):
        progress(f"measuring {folder.name}", done, len(opened))
        wanted = alphabet_name(card), structure_of(card).side
        if wanted not in known:
            known[wanted] = load_measured(*wanted, data_dir)
        figures.append(figures_of(folder.name, model, card, known[wanted]))
    progress("measured", len(opened), len(opened))
    return figures


def figures_of(
    name: str, model: bytes, card: ReaderCard, sets: Mapping[str, Samples], network: Any = None
) -> ReaderFigures:
    """Measure a reader on these sets, which show what it will see; network: its float twin (Keras)."""
    structure, symbols = structure_of(card), len(card.alphabet)
    found, runs = [], []
    for name_of_set, samples in sets.items():
        runs.append(compute(model, samples))
        found.append(measure(name_of_set, runs[-1].values, samples.label, card.alphabet, card.temperature))
    return ReaderFigures(
        name=name,
        network=card.network,
        alphabet=card.alphabet,
        temperature=card.temperature,
        model_sha256=card.model_sha256,
        bytes=len(model),
        weights=structure.weights(symbols),
        macs=structure.macs(symbols),
        microseconds=runs[0].microseconds,
        runtime=runs[0].runtime,
        kernels=runs[0].kernels,
        sets=found,
        float_right={} if network is None else {key: _right(network, samples) for key, samples in sets.items()},
    )


def structure_of(card: ReaderCard) -> Structure:
    """Return the structure of a reader. UnknownReaderError if it is another network."""
    if card.network not in STRUCTURES:
        raise UnknownReaderError(f"a reader with network {card.network!r}; known: {', '.join(STRUCTURES)}")
    return STRUCTURES[card.network]


def alphabet_name(card: ReaderCard) -> str:
    """Return the name of a reader's alphabet. UnknownReaderError if it is none of ALPHABETS."""
    for name, symbols in ALPHABETS.items():
        if symbols == card.alphabet:
            return name
    raise UnknownReaderError(f"a reader of {card.alphabet!r}, on which nothing can be measured: no set shows it")


def _open(folder: Path) -> tuple[bytes, ReaderCard]:
    model, content = read_files(folder)
    card = decode_card(content)
    card.require(model)
    return model, card


def _right(network: Any, samples: Samples) -> int:
    """Return how many samples the float network reads rightly."""
    pictures = samples.pixels[..., np.newaxis].astype(np.float32) / np.float32(255)
    read = network.predict(pictures, batch_size=1000, verbose=0).argmax(axis=1)
    return int((read == samples.label).sum())
