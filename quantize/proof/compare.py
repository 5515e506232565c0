"""Two executors of one model -> how many values differ in every tensor, and where the first one lies."""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from quantize.arithmetic.reference import CHUNK_FRAGMENTS, Reference
from quantize.errors import GraphsDifferError
from quantize.interpreter.executors import Executor, Tracer
from quantize.model.graph import Array, Graph
from quantize.model.trace import LSTM, LSTM_CONSTANTS, Kind, points, short_name
from quantize.model.words import Words


class Mismatch(msgspec.Struct, frozen=True):
    """The first value of a tensor that differs.

    word, step     from 0, None for a stored tensor
    index          place inside the tensor
    expected, got  the interpreter's and the reference's value
    """

    word: int | None
    step: int | None
    index: tuple[int, ...]
    expected: float
    got: float


class TensorReport(msgspec.Struct):
    """The result of comparing one tensor.

    values: how many were compared. mismatches: how many differ. max_abs: the largest difference.
    first: the first value that differs.
    """

    op: str
    name: str
    kind: Kind
    values: int = 0
    mismatches: int = 0
    max_abs: float = 0.0
    first: Mismatch | None = None

    def add(self, expected: Array, got: Array, locate: Callable[[int], tuple[int, int]] | None = None) -> None:
        """Compare two arrays of one shape and add to the counts.

        locate: position along the first axis -> (word, step); None for a stored tensor.
        """
        self.values += expected.size
        difference = np.abs(expected.astype(np.float64) - got.astype(np.float64))
        wrong = np.flatnonzero(difference)
        if len(wrong) == 0:
            return
        self.mismatches += len(wrong)
        self.max_abs = max(self.max_abs, float(difference.max()))
        if self.first is None:
            place = tuple(int(i) for i in np.unravel_index(int(wrong[0]), expected.shape))
            word, step = (None, None) if locate is None else locate(place[0])
            inside = place if locate is None else place[1:]
            self.first = Mismatch(word, step, inside, float(expected[place]), float(got[place]))

    def describe(self) -> str:
        """Return one line that says where the first difference lies."""
        if self.first is None:
            return f"{self.op} {self.name}: equal"
        where = "" if self.first.word is None else f", word {self.first.word}, step {self.first.step}"
        return (
            f"{self.op} {self.name}{list(self.first.index)}{where}: expected {self.first.expected:g}, "
            f"got {self.first.got:g} ({self.mismatches} of {self.values} values differ)"
        )


def compare(
    tracer: Tracer, reference: Reference, words: Words, progress: Callable[[int], None] = lambda _done: None
) -> list[TensorReport]:
    """Compare every stored tensor, scale, intermediate tensor, state and LSTM temporary that can be read.

    progress: gets the number of fragments computed since its last call.
    GraphsDifferError if the two do not compute the same operations on the same shapes.
    """
    if points(reference.graph) != points(tracer.graph) or reference.graph.input.shape != tracer.graph.input.shape:
        raise GraphsDifferError("the reference was given a model with other operations or shapes than the bundle's")
    stored = list(_stored(tracer, reference.graph))
    computed = {p.key: TensorReport(f"{p.position} {p.op}", p.name, p.kind) for p in tracer.points}
    for first, chunk in words.chunks(CHUNK_FRAGMENTS):
        expected, got = tracer.trace(chunk), reference.trace(chunk)

        def locate(fragment: int, chunk: Words = chunk, first: int = first) -> tuple[int, int]:
            word, step = chunk.locate(fragment)
            return first + word, step

        for key, report in computed.items():
            report.add(expected[key], got[key], locate)
        progress(len(chunk.fragments))
    return stored + list(computed.values())


def compare_outputs(engine: Executor, reference: Reference, words: Words) -> dict[str, TensorReport]:
    """Compare every output of the edge's engine, which keeps no tensors; return reports by output."""
    reports, got = {}, engine.outputs(words)
    for name, expected in reference.outputs(words).items():
        reports[name] = TensorReport("all", f"{name} of the edge's engine, no tensors kept", "activation")
        reports[name].add(got[name], expected, words.locate)
    return reports


def first_mismatch(tensors: list[TensorReport]) -> TensorReport | None:
    """Return the first tensor that differs: a computed one if there is any, else a stored one, else None."""
    wrong = [tensor for tensor in tensors if tensor.mismatches]
    computed = [tensor for tensor in wrong if tensor.kind != "weight"]
    return next(iter(computed or wrong), None)


def _stored(tracer: Tracer, graph: Graph) -> Iterator[TensorReport]:
    """Compare weights, biases and shapes as the interpreter reads them, and every scale and zero point."""
    for op, tensor in graph.constants():
        slot = op.inputs.index(tensor.index)
        name = f"lstm.{LSTM_CONSTANTS[slot]}" if op.kind == LSTM else short_name(tensor.name)
        report = TensorReport(f"{op.position} {op.kind}", name, "weight")
        expected = tracer.constant(tensor.index)
        report.add(expected.reshape(tensor.shape), tensor.constant)
        yield report
    report = TensorReport("all", "scales and zero points", "weight")
    for index, (scales, zero_points) in tracer.scales().items():
        q = graph.tensors[index].quantization
        report.add(_flat(scales, zero_points), np.empty(0) if q is None else _flat(q.scales, q.zero_points))
    yield report


def _flat(scales: Array, zero_points: Array) -> Array:
    return np.concatenate([scales.astype(np.float64), zero_points.astype(np.float64)])
