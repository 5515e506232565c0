"""An alphabet's name -> what its reader is trained, calibrated and measured on.

Writers are split as everywhere (`split_writers`): a reader is trained on background writers, its temperature fitted on
development writers, and it is measured on evaluation writers. Of pendigits nothing is trained on: it stays a pen and
people that the reader has never seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.bundle.reader_card import SourceNote
from edge.ink import symbols
from edge.ink.fragment import SIDE
from edge.ink.fragment_set import FragmentSet
from train.data import mnist
from train.data.datasets import LICENCES, WriterSplit, load, load_strokes, split_writers
from train.data.ink import Ink, fragments
from train.reader.samples import Samples, Source, join_samples, samples_of

ALPHABETS = {"digits": symbols.DIGITS, "letters": symbols.LETTERS}
"""An alphabet's name -> its symbols.

Letters are read without regard to case: a fragment's size is normalised, so c and C look alike.
"""

PENS = (30, 120)
"""Width of the thinnest and of the thickest pen, in 1/100 mm, with which strokes are drawn to train on."""
VERSIONS = 3
"""How often each symbol of UNIPEN is drawn to train on, each time with another pen."""
MNIST_TEST = "MNIST's test digits"

_SYNTHETIC_WRITERS, _SYNTHETIC_EACH, _SEED = 150, 60, 20_261_128


@dataclass(frozen=True, eq=False)
class Material:
    """The samples to make a reader from.

    sources    to train it on
    notes      on the sources, in the same order
    fitted_on  to fit its temperature on, as the reader will see them
    """

    sources: tuple[Source, ...]
    notes: tuple[SourceNote, ...]
    fitted_on: Samples


def codes_of(alphabet: str) -> dict[int, int]:
    """Return class code -> place in the alphabet; a capital without a place counts as its small letter."""
    places = {symbol: place for place, symbol in enumerate(alphabet)}
    shown = {code: symbol if symbol in places else symbol.lower() for code, symbol in enumerate(symbols.SYMBOLS)}
    return {code: places[symbol] for code, symbol in shown.items() if symbol in places}


def load_material(name: str, side: int = SIDE, data_dir: Path | None = None) -> Material:
    """Load what a reader of an alphabet, a name of ALPHABETS, is made from.

    side: 33 for a board's fragments; 28 for MNIST's own grey pixels, of digits only.
    MissingDataError or CorruptDataError for data that is not there or damaged.
    """
    if side != SIDE:
        return _grey_digits(data_dir)
    return _digits(data_dir) if name == "digits" else _letters(data_dir)


def load_measured(name: str, side: int = SIDE, data_dir: Path | None = None) -> dict[str, Samples]:
    """Load what a reader of an alphabet is measured on, as it will see it, by name.

    Errors of `load_material`.
    """
    codes = codes_of(ALPHABETS[name])
    if name == "letters":
        letters, of = _strokes("unipen-letters", data_dir)
        return {"UNIPEN, evaluation writers": _bits(_pen(letters, of.evaluation), codes)}
    test, digits = mnist.load_test_images(data_dir)
    if side != SIDE:
        return {MNIST_TEST: Samples(test, digits), "QMNIST, evaluation writers": _grey(data_dir, "evaluation")}
    scans, split = _scans(data_dir)
    unipen, unipen_split = _strokes("unipen", data_dir)
    return {
        MNIST_TEST: Samples(mnist.embed(test), digits).to_bits(1),
        "QMNIST, evaluation writers": _bits(scans.of_writers(split.evaluation), codes),
        "UNIPEN, evaluation writers": _bits(_pen(unipen, unipen_split.evaluation), codes),
        "pendigits, all writers": _bits(fragments(load_strokes("pendigits", data_dir)), codes),
    }


def _digits(data_dir: Path | None) -> Material:
    scans, split = _scans(data_dir)
    unipen, unipen_split = _strokes("unipen", data_dir)
    skeletons = load_strokes("qmnist-ink", data_dir)
    background = {
        "qmnist": (scans.of_writers(split.background), 0.55),
        "qmnist-ink": (_drawn(skeletons, split.background, 1), 0.1),
        "unipen": (_drawn(unipen, unipen_split.background, VERSIONS), 0.25),
        "synthetic": (_invented(symbols.DIGITS), 0.1),
    }
    development = (scans.of_writers(split.development), _pen(unipen, unipen_split.development))
    return _material("digits", background, development)


def _letters(data_dir: Path | None) -> Material:
    unipen, split = _strokes("unipen-letters", data_dir)
    background = {
        "unipen-letters": (_drawn(unipen, split.background, VERSIONS), 0.95),
        "synthetic": (_invented(symbols.LETTERS), 0.05),
    }
    return _material("letters", background, (_pen(unipen, split.development),))


def _grey_digits(data_dir: Path | None) -> Material:
    scans, split = _scans(data_dir)
    note = _note("qmnist", scans.of_writers(split.background))
    source = Source("qmnist", _grey(data_dir, "background"), 1.0)
    return Material((source,), (note,), _grey(data_dir, "development"))


def _grey(data_dir: Path | None, part: str) -> Samples:
    """Return MNIST's own 28x28 pixels of one part of QMNIST's writers."""
    images, rows = mnist.load_images(data_dir)
    writer, digit, _ = mnist.ids(rows)
    _, split = _scans(data_dir)
    return Samples(images, digit).select(np.isin(writer, getattr(split, part)))


def _material(
    name: str, background: dict[str, tuple[FragmentSet, float]], development: Iterable[FragmentSet]
) -> Material:
    codes = codes_of(ALPHABETS[name])
    return Material(
        tuple(Source(source, samples_of(own, codes), share) for source, (own, share) in background.items()),
        tuple(_note(source, own) for source, (own, _) in background.items()),
        join_samples([_bits(own, codes) for own in development]),
    )


def _scans(data_dir: Path | None) -> tuple[FragmentSet, WriterSplit]:
    scans = load("qmnist", pixel_bits=8, data_dir=data_dir)
    return scans, split_writers(scans)


def _strokes(name: str, data_dir: Path | None) -> tuple[Ink, WriterSplit]:
    ink = load_strokes(name, data_dir)
    blank = np.broadcast_to(np.uint8(0), (len(ink), SIDE, SIDE))  # splitting writers needs no pixels
    return ink, split_writers(FragmentSet(blank, ink.writer, ink.symbol, ink.order))


def _pen(ink: Ink, writers: Iterable[int]) -> FragmentSet:
    """Return what these writers wrote, drawn with the boards' own pen."""
    return fragments(ink.select(np.isin(ink.writer, list(writers))))


def _drawn(ink: Ink, writers: Iterable[int], versions: int) -> FragmentSet:
    """Return what these writers wrote, every symbol so many times, each drawn with a pen of its own."""
    own = np.repeat(np.flatnonzero(np.isin(ink.writer, list(writers))), versions)
    return fragments(ink.select(own), np.random.default_rng(_SEED).integers(*PENS, len(own)))


def _invented(alphabet: str) -> FragmentSet:
    writers = {"writers": _SYNTHETIC_WRITERS, "per_writer": _SYNTHETIC_EACH, "seed": _SEED}
    return load("synthetic", pixel_bits=8, symbols=alphabet, **writers)  # type: ignore[arg-type]


def _note(name: str, own: FragmentSet) -> SourceNote:
    licence = LICENCES[name.partition("-")[0]]
    return SourceNote(f"{name}, background writers", len(own.writers), len(own), own.sha256, licence)


def _bits(own: FragmentSet, codes: dict[int, int]) -> Samples:
    return samples_of(own, codes).to_bits(1)
