"""The integers that each tensor holds over many words -> 32 bins over its type's range; its extremes."""

from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from quantize.arithmetic.reference import CHUNK_FRAGMENTS, Reference
from quantize.model.graph import Array, Graph, Op, Tensor
from quantize.model.trace import LSTM, LSTM_CONSTANTS, Kind, points, short_name
from quantize.model.words import Words

BINS = 32


class Histogram(msgspec.Struct, frozen=True):
    """The distribution of one tensor's integers.

    low, high          the whole range of dtype
    counts             values in each of BINS equal parts of low..high
    smallest, largest  the extremes that occurred
    saturated_share    share of values at low or at high
    """

    op: str
    name: str
    kind: Kind
    dtype: str
    low: int
    high: int
    counts: tuple[int, ...]
    smallest: int
    largest: int
    saturated_share: float


def measure_histograms(reference: Reference, words: Words) -> list[Histogram]:
    """Measure every int8 and int16 tensor: first the stored ones, then those computed on the words."""
    tallies = [_stored(reference.graph), _computed(reference, words)]
    return [tally.report() for group in tallies for tally in group]


class _Tally:
    """Counts of how often each integer of one tensor's type occurred."""

    def __init__(self, op: str, name: str, kind: Kind, dtype: npt.DTypeLike) -> None:
        self.op, self.name, self.kind, self.dtype = op, name, kind, np.dtype(dtype)
        limits = np.iinfo(self.dtype.name)
        self.low, self.high = int(limits.min), int(limits.max)
        self.occurred = np.zeros(self.high - self.low + 1, dtype=np.int64)

    def add(self, values: Array) -> None:
        self.occurred += np.bincount(values.ravel().astype(np.int64) - self.low, minlength=len(self.occurred))

    def report(self) -> Histogram:
        present, total = np.flatnonzero(self.occurred), int(self.occurred.sum())
        return Histogram(
            op=self.op,
            name=self.name,
            kind=self.kind,
            dtype=self.dtype.name,
            low=self.low,
            high=self.high,
            counts=tuple(int(n) for n in self.occurred.reshape(BINS, -1).sum(axis=1)),
            smallest=int(present[0]) + self.low,
            largest=int(present[-1]) + self.low,
            saturated_share=float((self.occurred[0] + self.occurred[-1]) / total),
        )


def _stored(graph: Graph) -> Iterator[_Tally]:
    for op, tensor in graph.constants():
        if tensor.dtype in (np.int8, np.int16):
            tally = _Tally(f"{op.position} {op.kind}", _name(op, tensor), "weight", tensor.dtype)
            tally.add(tensor.constant)
            yield tally


def _computed(reference: Reference, words: Words) -> Iterator[_Tally]:
    tallies: dict[str, _Tally] = {}
    for _, chunk in words.chunks(CHUNK_FRAGMENTS):
        trace = reference.trace(chunk)
        for point in points(reference.graph):
            values = trace[point.key]
            if point.key not in tallies:
                tallies[point.key] = _Tally(f"{point.position} {point.op}", point.name, point.kind, values.dtype)
            tallies[point.key].add(values)
    yield from tallies.values()


def _name(op: Op, tensor: Tensor) -> str:
    return f"lstm.{LSTM_CONSTANTS[op.inputs.index(tensor.index)]}" if op.kind == LSTM else short_name(tensor.name)
