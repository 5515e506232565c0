"""A model and handwriting -> golden vectors: a few words on which kernel sets can be told apart."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge.bundle.engine import Engine
from edge.bundle.golden import GoldenVectors, Stamp
from edge.bundle.reader import Reader
from edge.ink.fragment import SIDE, Pixels
from edge.ink.fragment_set import FragmentSet, sample_words
from quantize.arithmetic.kernel_sets import kernel_set, rivals
from quantize.arithmetic.reference import Reference
from quantize.errors import VectorsDifferError
from quantize.interpreter.executors import EngineExecutor, LoadExecutor, Tracer
from quantize.machine import this_machine, version_of
from quantize.model.trace import output_points, points
from quantize.model.words import Words
from quantize.proof.compare import compare, compare_outputs, first_mismatch

HANDWRITTEN = (1, 3, 5, 8)
"""Lengths of the handwritten words, which follow one word of white, one of black and one of random fragments."""

TRIES = 20
"""Draws of words to try before some kernel sets may give the same outputs."""


def draw_words(
    model: bytes,
    handwriting: FragmentSet,
    bits: int,
    rng: np.random.Generator,
    handwritten: Sequence[int] = HANDWRITTEN,
) -> tuple[Words, str]:
    """Draw the golden words; return them and the kernel sets that their outputs tell apart.

    handwritten: lengths of the handwritten words.
    The text is "a | b | c = d" if c and d give the same logits and features. Words are drawn until all kernel sets
    differ, at most TRIES times; then the draw on which most differ is taken.
    """
    references = {label: Reference.load(model, kernels) for label, kernels in rivals().items()}
    best: tuple[int, Words, str] | None = None
    for _ in range(TRIES):
        words = _draw(handwriting.to_bits(bits), bits, rng, handwritten)
        told = _told({name: reference.outputs(words) for name, reference in references.items()})
        groups = told.count(" | ") + 1
        if best is None or groups > best[0]:
            best = groups, words, told
        if groups == len(references):
            break
    assert best is not None
    return best[1:]


def tell_apart(model: bytes, words: Words, kernels: str) -> str:
    """Return the kernel sets that words tell apart, as `draw_words` does, with one more among them."""
    sets = {**rivals(), kernels: kernel_set(kernels)}
    return _told({label: Reference.load(model, found).outputs(words) for label, found in sets.items()})


def make_golden(
    model: bytes,
    kernels: str,
    engine: Engine | Reader,
    words: Words,
    tells_apart: str,
    load: LoadExecutor = EngineExecutor.load,
) -> GoldenVectors:
    """Return the reference's tensors on these words, after checking them with an interpreter.

    Every tensor that can be read is checked; VectorsDifferError if one bit differs. engine: its runtime and version go
    into the stamp. load: makes what the edge computes the model with.
    """
    reference = Reference.load(model, kernel_set(kernels))
    unwatched = compare_outputs(load(model, reference.name), reference, words)
    wrong = first_mismatch([*compare(Tracer(model, kernels), reference, words), *unwatched.values()])
    if wrong is not None:
        raise VectorsDifferError(f"golden vectors of {kernels}: {engine.runtime} differs: {wrong.describe()}")
    kinds = {op.position: op.kind for op in reference.graph.ops}
    stamp = Stamp(
        tool="inkgate",
        tool_version=version_of("inkgate"),
        runtime=engine.runtime_name,
        version=engine.version,
        kernels=kernels,
        rules="; ".join(f"{position} {kinds[position]}: {rule}" for position, rule in reference.rules.items()),
        machine=this_machine().describe(),
        tells_apart=tells_apart,
    )
    trace, sha256 = reference.trace(words), hashlib.sha256(model).hexdigest()
    tensors = {point.key: trace[point.key] for point in points(reference.graph)}
    outputs = {name: point.key for name, point in output_points(reference.graph).items()}
    return GoldenVectors(stamp, sha256, words.fragments, words.lengths.astype(np.int32), tensors, outputs)


def _draw(handwriting: FragmentSet, bits: int, rng: np.random.Generator, handwritten: Sequence[int]) -> Words:
    """Draw words of white, black and random fragments, then handwritten words, each by one writer."""
    noise = rng.integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)
    made: list[Pixels] = [
        np.zeros((2, SIDE, SIDE), np.uint8),
        np.full((2, SIDE, SIDE), 255, np.uint8),
        np.where(noise >= 128, np.uint8(255), np.uint8(0)) if bits == 1 else noise,
    ]
    for length in handwritten:
        index, _ = sample_words(handwriting, rng.choice(handwriting.writers), length, 1, rng)
        made.append(handwriting.pixels[index[0]])
    return Words.of(made)


def _told(outputs: dict[str, dict[str, npt.NDArray[np.int8]]]) -> str:
    return " | ".join(" = ".join(group) for group in _groups(outputs))


def _groups(outputs: dict[str, dict[str, npt.NDArray[np.int8]]]) -> list[list[str]]:
    """Return the names, in order, grouped by equal outputs."""
    groups: dict[bytes, list[str]] = {}
    for name, values in outputs.items():
        groups.setdefault(b"".join(array.tobytes() for array in values.values()), []).append(name)
    return list(groups.values())
