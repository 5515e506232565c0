"""A float model and whole words -> the range of every tensor, and the share that int8 cuts off."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.bundle.kernels import LITERT_OPTIMISED
from quantize.interpreter.executors import interpreter
from quantize.model.graph import Array, Graph, Quantization, load_graph
from quantize.model.trace import LSTM, LSTM_STATES
from quantize.model.words import Words

MIN_WIDTH = 2.0**-7
"""Least width of a range, so that the scale of a tensor that never changes (a layer of zeros) is not zero."""


TANH_REACH = math.atanh(1.0 - 2.0**-8)
"""Largest magnitude in the range of a tensor that feeds nothing but a tanh.

Beyond +-3.12 the int8 output of a tanh, of scale 1/128, no longer changes: |tanh x| is within half a step of 1. Ranges
of 10 to 60, as trained networks have them, would leave the steep part of the tanh a handful of steps.
"""

CONVOLUTION_REACH = 2.3
"""Largest magnitude in the range of a convolution that feeds nothing but a tanh; tanh is 0.98 there.

Values beyond it err by two to three steps of the tanh's output, for which the next layer's refitted weights mostly make
up (refit.py), and finer steps everywhere else are worth more. Chosen on development writers; 2.3 to 2.7 give the same
within 3 %.
"""

TAIL = 0.0005
"""Share of a convolution's values that may lie beyond either end of its range.

One window in thousands is far from the others; a range that held it too would have coarser steps for all the others.
"""


@dataclass(frozen=True)
class Range:
    """The smallest and largest value of a tensor. Zero lies inside: some integer must stand for zero."""

    low: float
    high: float

    def union(self, other: "Range") -> "Range":
        """Return the smallest range that holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    def within(self, reach: float) -> "Range":
        """Return the part of the range between -reach and reach."""
        return Range(max(self.low, -reach), min(self.high, reach))


@dataclass(frozen=True)
class Clipping:
    """The counts of a tensor's calibration values: all, and those more than one step out of range.

    One step is allowed because the integer kernels fix tanh's output scale at 1/128, whose largest value is 127/128: an
    output of 1 is wrong by one step, as it would be by rounding, and is no sign of a bad range.
    """

    values: int
    clipped: int

    @property
    def share(self) -> float:
        """Return clipped / values, 0 for no values."""
        return self.clipped / max(self.values, 1)


def measure_ranges(float_model: bytes, words: Words) -> dict[int, Range]:
    """Return tensor index -> range over all words.

    The tensors are the input, every operation's output and the LSTM's states. The state runs on through a word and is
    cleared before the next, exactly as on the edge. The LSTM's output and its hidden state share one range, as the
    integer LSTM needs; the input's range is 0 to 1. The range of a tensor that feeds nothing but a tanh ends where the
    tanh saturates; a convolution's range also ends at its TAIL.
    """
    graph = load_graph(float_model)
    ranges: dict[int, Range] = {}
    reaches, convolutions = _reaches(graph), {op.outputs[0] for op in graph.ops if op.kind == "CONV_2D"}
    kept: dict[int, list[Array]] = {tensor: [] for tensor in convolutions & reaches.keys()}
    for values in _stream(float_model, graph, words):
        for tensor, array in values.items():
            if tensor in kept:
                kept[tensor].append(array.ravel())
            seen = Range(min(0.0, float(array.min())), max(0.0, float(array.max())))
            ranges[tensor] = ranges.get(tensor, seen).union(seen)
    for group in _shared(graph):
        united = ranges[group[0]]
        for tensor in group:
            united = united.union(ranges.get(tensor, united))
        ranges.update(dict.fromkeys(group, united))
    for tensor, arrays in kept.items():
        low, high = np.quantile(np.concatenate(arrays), [TAIL, 1.0 - TAIL])
        ranges[tensor] = Range(min(0.0, float(low)), max(0.0, float(high)))
    for tensor, reach in reaches.items():
        ranges[tensor] = ranges[tensor].within(reach)
    ranges[graph.input.index] = Range(0.0, 1.0)
    return {tensor: _widened(found) for tensor, found in ranges.items()}


def measure_clipping(float_model: bytes, words: Words, quantized: Mapping[int, Quantization]) -> dict[int, Clipping]:
    """Return float tensor index -> how many values the given quantisation cuts off, over all words.

    quantized: float tensor index -> its quantisation. Values beyond the reach of a tensor that feeds nothing but a tanh
    count as if they lay at its reach, where its range ends on purpose.
    """
    graph = load_graph(float_model)
    reaches = _reaches(graph)
    cells = {op.inputs[LSTM_STATES["cell_state"]] for op in graph.ops if op.kind == LSTM}
    bounds = {tensor: limits(q, 16 if tensor in cells else 8) for tensor, q in quantized.items()}
    counts = {tensor: [0, 0] for tensor in quantized}
    for values in _stream(float_model, graph, words):
        for tensor, (low, high) in bounds.items():
            array = values[tensor]
            if tensor in reaches:
                array = np.clip(array, -reaches[tensor], reaches[tensor])
            counts[tensor][0] += array.size
            counts[tensor][1] += int(np.count_nonzero((array < low) | (array > high)))
    return {tensor: Clipping(*pair) for tensor, pair in counts.items()}


def limits(q: Quantization, bits: int) -> tuple[float, float]:
    """Return the real values one step below the smallest integer and one step above the largest.

    A millionth of a step is added on both sides, for float32's rounding.
    """
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    margin = 1.0 + 1e-6
    return q.scale * (low - q.zero_point - margin), q.scale * (high - q.zero_point + margin)


def _stream(float_model: bytes, graph: Graph, words: Words) -> Iterator[dict[int, Array]]:
    """Yield for every word: tensor index -> float32 [T, ...], its values after each fragment."""
    engine: Any = interpreter(float_model, LITERT_OPTIMISED, preserve=True)
    watched = sorted({graph.input.index, *_outputs(graph), *_states(graph)})
    fragments = (words.fragments.astype(np.float32) + np.float32(128.0)) / np.float32(255.0)
    for start, length in zip(words.starts, words.lengths, strict=True):
        engine.reset_all_variables()
        rows: list[list[Array]] = []
        for fragment in fragments[start : start + length]:
            engine.set_tensor(graph.input.index, fragment.reshape(graph.input.shape))
            engine.invoke()
            rows.append([engine.get_tensor(tensor) for tensor in watched])
        yield {tensor: np.stack([row[i] for row in rows]) for i, tensor in enumerate(watched)}


def _outputs(graph: Graph) -> list[int]:
    return [op.outputs[0] for op in graph.ops]


def _states(graph: Graph) -> list[int]:
    return [op.inputs[slot] for op in graph.ops if op.kind == LSTM for slot in LSTM_STATES.values()]


def _reaches(graph: Graph) -> dict[int, float]:
    """Return the tensors that feed TANH operations and nothing else -> where they saturate."""
    fed = {op.inputs[0] for op in graph.ops if op.kind == "TANH"}
    fed -= {tensor for op in graph.ops if op.kind != "TANH" for tensor in op.inputs}
    made_by = {op.outputs[0]: op.kind for op in graph.ops}
    return {t: CONVOLUTION_REACH if made_by.get(t) == "CONV_2D" else TANH_REACH for t in fed}


def _shared(graph: Graph) -> list[list[int]]:
    """Return groups of tensors with one range: an LSTM's output, its hidden state, its hidden value."""
    return [
        [op.outputs[0], op.inputs[LSTM_STATES["hidden_state"]], op.intermediates[-1]]
        for op in graph.ops
        if op.kind == LSTM
    ]


def _widened(found: Range) -> Range:
    if found.high - found.low >= MIN_WIDTH:
        return found
    return Range(min(found.low, -MIN_WIDTH / 2), max(found.high, MIN_WIDTH / 2))
