"""Tiny handwriting and a tiny reader that learns it in a few steps."""

from pathlib import Path

import numpy as np
import pytest

from edge.bundle.reader_card import SourceNote
from edge.ink.fragment_set import FragmentSet
from train.reader.make import ReaderOrder, train_reader
from train.reader.material import ALPHABETS, Material, codes_of
from train.reader.samples import Samples, Source, samples_of
from train.reader.structure import STRUCTURES, Convolution, Structure

TINY = Structure("shipped", 33, 1, (Convolution(4, 5, 2), Convolution(6, 5, 2, pool=2)), 16, True)


@pytest.fixture(scope="session")
def structure() -> Structure:
    return TINY


@pytest.fixture(scope="session")
def samples(hands: FragmentSet) -> Samples:
    """Return 1,680 grey invented digits."""
    return samples_of(hands, codes_of(ALPHABETS["digits"]))


@pytest.fixture(scope="session")
def material(hands: FragmentSet, samples: Samples) -> Material:
    note = SourceNote("synthetic, background writers", 30, 1260, hands.sha256)
    halves = [Source("synthetic", samples.select(np.arange(1260)), 3.0), Source("again", samples, 1.0)]
    return Material(tuple(halves), (note, note), samples.select(np.arange(1260, 1480)).to_bits(1))


@pytest.fixture(scope="session")
def measured(samples: Samples) -> dict[str, Samples]:
    return {"other writers": samples.select(np.arange(1480, 1680)).to_bits(1)}


@pytest.fixture(scope="session")
def tiny(material: Material, measured: dict[str, Samples], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny reader of digits; do not write to it."""
    out = tmp_path_factory.mktemp("reader") / "tiny"
    order = ReaderOrder("digits", "shipped", steps=150, command="inkgate train-reader ...")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STRUCTURES, "shipped", TINY)
        train_reader(order, TINY, material, measured, out)
    return out
