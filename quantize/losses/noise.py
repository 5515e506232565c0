"""A network in float and in int8 -> the ratio of signal to quantisation noise of every tensor."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from quantize.arithmetic.reference import Reference
from quantize.model.float_model import CHUNK_FRAGMENTS, FloatModel, Floats
from quantize.model.graph import Array, Graph
from quantize.model.trace import LSTM_STATES, Kind, Point, points
from quantize.model.words import Words

Q15 = 2.0**-15
"""Scale of the LSTM's temporaries except cell_update, which has the cell state's scale."""


NOISELESS_DB = 120.0
"""Level from which there is no noise but float32's own.

float32 itself errs by 2^-24 of a value, 144 dB, and by a little more after a sum; int16 reaches 98 dB at best.
"""


_LEAST = float(np.finfo(np.float64).tiny)


class TensorNoise(msgspec.Struct, frozen=True):
    """The noise of one tensor over all values, as signal to quantisation noise ratios (SQNR).

    A ratio is 10 log10(sum of float^2 / sum of error^2) in dB, None if there is no error.

    sqnr_db        error of int8's value against float's: everything that went wrong up to here
    op_sqnr_db     error of int8's value against float's operation fed with int8's inputs: what this operation adds
    grid_sqnr_db   error of float's value rounded to this tensor's steps and clipped to its range: the least possible
    clipped_share  share of float's values outside the range that the tensor can hold
    """

    key: str
    op: str
    name: str
    kind: Kind
    scale: float
    zero_point: int
    signal_rms: float
    error_rms: float
    sqnr_db: float | None
    op_sqnr_db: float | None
    grid_sqnr_db: float | None
    clipped_share: float


@dataclass(frozen=True)
class Grid:
    """The real numbers that a tensor can hold: scale (q - zero_point) for every q from low to high."""

    scale: float
    zero_point: int
    low: int
    high: int

    def dequantise(self, integers: Array) -> npt.NDArray[np.float64]:
        """Return the real values that integers of the tensor stand for."""
        return (integers.astype(np.float64) - self.zero_point) * self.scale

    def steps(self, values: Array) -> npt.NDArray[np.float64]:
        """Return the integers nearest to real values, not yet clipped to the tensor's range."""
        steps: npt.NDArray[np.float64] = np.rint(values.astype(np.float64) / self.scale) + self.zero_point
        return steps

    def round(self, values: Array) -> npt.NDArray[np.float64]:
        """Return the values nearest to real values that the tensor can hold."""
        return self.dequantise(np.clip(self.steps(values), self.low, self.high))


def grids(graph: Graph) -> Iterator[tuple[Point, Grid]]:
    """Yield every point of the graph with the numbers that its tensor can hold."""
    for point in points(graph):
        if point.tensor is not None:
            q, limits = graph.tensors[point.tensor].q, np.iinfo(graph.tensors[point.tensor].dtype.name)
            yield point, Grid(q.scale, q.zero_point, int(limits.min), int(limits.max))
        else:
            limits = np.iinfo(np.int16)
            yield point, Grid(_temporary_scale(graph, point), 0, int(limits.min), int(limits.max))


class _Meter:
    """Sums over chunks of words, for the noise of one tensor."""

    def __init__(self, point: Point, grid: Grid) -> None:
        self.point, self.grid = point, grid
        self.values = self.clipped = 0
        self.signal = self.error = self.op_error = self.grid_error = 0.0

    def add(self, integers: Array, exact: Floats, op_alone: Floats) -> None:
        wanted, got = exact.astype(np.float64), self.grid.dequantise(integers)
        steps = self.grid.steps(exact)
        self.values += wanted.size
        self.clipped += int(np.count_nonzero((steps < self.grid.low) | (steps > self.grid.high)))
        self.signal += float(np.square(wanted).sum())
        self.error += float(np.square(wanted - got).sum())
        self.op_error += float(np.square(op_alone.astype(np.float64) - got).sum())
        self.grid_error += float(np.square(wanted - self.grid.round(exact)).sum())

    def report(self) -> TensorNoise:
        point = self.point
        return TensorNoise(
            key=point.key,
            op=f"{point.position} {point.op}",
            name=point.name,
            kind=point.kind,
            scale=self.grid.scale,
            zero_point=self.grid.zero_point,
            signal_rms=float(np.sqrt(self.signal / self.values)),
            error_rms=float(np.sqrt(self.error / self.values)),
            sqnr_db=decibels(self.signal, self.error),
            op_sqnr_db=decibels(self.signal, self.op_error),
            grid_sqnr_db=decibels(self.signal, self.grid_error),
            clipped_share=self.clipped / self.values,
        )


def measure_noise(reference: Reference, floating: FloatModel, words: Words) -> list[TensorNoise]:
    """Measure the noise at every point of the graph, in the order of computation.

    UnsupportedGraphError if float is another network.
    """
    graph = reference.graph
    meters = {point.key: _Meter(point, grid) for point, grid in grids(graph)}
    for _, chunk in words.chunks(CHUNK_FRAGMENTS):
        integers = reference.trace(chunk)
        given = {
            meter.point.tensor: meter.grid.dequantise(integers[key]).astype(np.float32)
            for key, meter in meters.items()
            if meter.point.tensor is not None
        }
        exact, op_alone = floating.trace(graph, chunk), floating.trace(graph, chunk, given)
        for key, meter in meters.items():
            meter.add(integers[key], exact[key], op_alone[key])
    return [meter.report() for meter in meters.values()]


def decibels(signal: float, noise: float) -> float | None:
    """Return 10 log10(signal / noise) of two powers, None if there is no noise but float32's own.

    That is the case from NOISELESS_DB on.
    """
    if noise == 0.0:
        return None
    level = 10.0 * float(np.log10(max(signal, _LEAST)) - np.log10(max(noise, _LEAST)))
    return None if level >= NOISELESS_DB else round(level, 3)


def _temporary_scale(graph: Graph, point: Point) -> float:
    if point.role != "cell_update":
        return Q15
    return graph.tensors[graph.ops[point.position].inputs[LSTM_STATES["cell_state"]]].q.scale
