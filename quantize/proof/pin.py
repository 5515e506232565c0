"""A bundle, and kernel sets that were proved here -> the bundle with their golden vectors.

Gates take the bundle on these kernels then. The words are those of the golden vectors that it has already: nobody's
handwriting is added.
"""

from collections.abc import Sequence

import numpy as np

from edge.bundle import golden, reader
from edge.bundle.bundle import MODEL, Bundle, write_bundle
from edge.bundle.engine import Engine
from edge.bundle.golden import GoldenVectors
from edge.bundle.kernels import TABLE, runs_on
from edge.bundle.reader import Reader
from edge.bundle.reader_card import decode_card
from quantize.interpreter.executors import EngineExecutor, LoadExecutor
from quantize.interpreter.reader_executor import ReaderExecutor
from quantize.model.words import Words
from quantize.proof.make_golden import make_golden, tell_apart


def pin(bundle: Bundle, kernels: Sequence[str]) -> Bundle:
    """Write golden vectors of kernel sets into a bundle and return it; who signed it must sign it anew.

    kernels: sets that run here, by name; none of them reserved. VectorsDifferError if the interpreter does not compute
    what the reference does, KernelSetError if it does not run them, NotABundleError if the folder cannot be written.
    """
    added: dict[str, bytes] = {}
    for name in kernels:
        network = Engine.load(bundle.contents[MODEL], TABLE[runs_on(name)].request, runtime_name=_runtime(name))
        vectors = _vectors(bundle.contents[MODEL], name, network, bundle.golden(), EngineExecutor.load)
        added[golden.file_name(name)] = vectors.encode()
        if bundle.manifest.reader is not None:
            added[reader.golden_name(name)] = _reader_vectors(bundle, name).encode()
    return write_bundle(bundle.path, bundle.manifest, {**bundle.contents, **added})


def _reader_vectors(bundle: Bundle, name: str) -> GoldenVectors:
    model, card = bundle.contents[reader.MODEL], decode_card(bundle.contents[reader.CARD])
    found = Reader.load(model, card, TABLE[runs_on(name)].request, runtime_name=_runtime(name))

    def load(content: bytes, kernels: str) -> ReaderExecutor:
        return ReaderExecutor.load(content, card, kernels)

    return _vectors(model, name, found, bundle.reader_golden(), load)


def _vectors(
    model: bytes, name: str, network: Engine | Reader, known: GoldenVectors, load: LoadExecutor
) -> GoldenVectors:
    words = Words(known.fragments, known.lengths.astype(np.int64))
    return make_golden(model, name, network, words, tell_apart(model, words, name), load)


def _runtime(name: str) -> str:
    interpreter = TABLE[runs_on(name)].interpreter
    return interpreter.distribution if interpreter is not None else ""
