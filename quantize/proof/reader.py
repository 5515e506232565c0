"""A reader of symbols -> its files in a bundle, and whether it computes to the bit what they say."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from edge.bundle.kernels import reserved
from edge.bundle.manifest import PinnedExecutor
from edge.bundle.reader import CARD, MODEL, Reader, golden_name
from edge.bundle.reader_card import decode_card
from edge.ink.fragment_set import FragmentSet
from quantize.interpreter.executors import LoadExecutor
from quantize.interpreter.reader_executor import ReaderExecutor
from quantize.machine import Machine
from quantize.model.words import Words
from quantize.proof.compare_kernel_sets import compare_kernel_set, compare_vectors
from quantize.proof.findings import GoldenReport, KernelSetReport
from quantize.proof.make_golden import draw_words, make_golden

HANDWRITTEN = (1,) * 8
"""Lengths of the handwritten words of the golden vectors: a reader keeps no state, so each is one fragment."""

Progress = Callable[[str, int], None]
"""Progress callback: (kernel set, number of fragments computed since the last call)."""


def reader_files(
    model: bytes, card: bytes, handwriting: FragmentSet, bits: int, rng: np.random.Generator
) -> dict[str, bytes]:
    """Return the files of a reader in a bundle: MODEL, CARD and golden vectors.

    Of golden vectors there are those of the kernels here and those of reserved ones.
    handwriting: what the golden fragments show, at `bits` bits a pixel; whoever gets the bundle gets it too.
    VectorsDifferError if the interpreter does not compute what the reference does; errors of `Reader.load`.
    """
    reader = Reader.load(model, card)
    words, tells_apart = draw_words(model, handwriting, bits, rng, HANDWRITTEN)
    golden = {
        golden_name(name): make_golden(model, name, reader, words, tells_apart, _loader(card)).encode()
        for name in dict.fromkeys((reader.kernels, *reserved()))
    }
    return {MODEL: model, CARD: card, **golden}


def verify_reader(
    model: bytes,
    card: bytes,
    asked: Sequence[str],
    pinned: str,
    words: Words,
    machine: Machine,
    *,
    progress: Progress = lambda _kernels, _fragments: None,
) -> list[KernelSetReport]:
    """Compare the reader with the reference, tensor by tensor, in each kernel set that was asked for.

    pinned: the kernel set that the bundle is pinned to. words: their fragments are read one by one. A report has an
    `error` if its kernels do not run here. ReaderCardError or ReaderDiffersError if the card is not the model's.
    """
    decode_card(card).require(model)
    load = _loader(card)
    return [
        compare_kernel_set(
            model,
            kernels,
            words,
            machine,
            deployed=kernels == pinned,
            load=load,
            progress=partial(progress, kernels),
        )
        for kernels in asked
    ]


def compare_reader_golden(
    contents: Mapping[str, bytes], pinned: PinnedExecutor, machine: Machine
) -> list[GoldenReport]:
    """Check the reader's golden vectors in a bundle's contents against model, pin and reference."""
    prefix = golden_name("").removesuffix(".bin")
    names = sorted(name for name in contents if name.startswith(prefix))
    return [compare_vectors(name, contents[name], contents[MODEL], pinned, machine, prefix) for name in names]


def _loader(card: bytes) -> LoadExecutor:
    known = decode_card(card)
    return lambda model, kernels: ReaderExecutor.load(model, known, kernels)
