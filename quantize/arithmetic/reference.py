"""Words -> every tensor, state and temporary of the int8 graph, by a kernel set's rules in NumPy."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from edge.bundle.golden import LOGITS
from quantize.arithmetic.fixedpoint import INT8_MIN, saturate_int8
from quantize.arithmetic.kernel_sets import LITERT_REFERENCE, KernelSet
from quantize.arithmetic.lstm import LOWEST_WEIGHT, prepare_lstm
from quantize.arithmetic.matmul import Matrix
from quantize.arithmetic.rules import Product
from quantize.errors import UnsupportedGraphError
from quantize.model.graph import OPTIONAL, Array, Graph, Op, Tensor, load_graph
from quantize.model.trace import LSTM, OUTPUT, Trace, output_points
from quantize.model.words import Words

Step: TypeAlias = Callable[[Array, Words], Mapping[str, Array]]
"""(input values [N, ...], the words they belong to) -> role -> values [N, ...]."""

Prepared: TypeAlias = tuple[str, Step]
"""(name of the rounding rule, the function that computes the operation)."""

Int8 = npt.NDArray[np.int8]

_NONE, _RELU = 0, 1
"""Codes of fused activations in TFLite's schema (ActivationFunctionType)."""

CHUNK_FRAGMENTS = 512
"""Fragments computed at once, few enough for their largest arrays to stay in a core's cache."""


class Reference:
    """An interpreter of int8 graphs in NumPy, equal to a kernel set to the last bit.

    name: the kernel set's name. rules: position of an op -> how it rounds, in words. Operations without state see all
    fragments at once; the LSTM steps through the words.
    UnsupportedGraphError, naming op and reason, for a graph that it cannot compute to the last bit.
    """

    def __init__(self, graph: Graph, kernels: KernelSet = LITERT_REFERENCE) -> None:
        self.graph = graph
        self.name, self.version = kernels.name, f"inkgate's NumPy reference, NumPy {np.__version__}"
        prepared = [_prepare(graph, op, kernels) for op in graph.ops]
        self._steps = [(op, step) for op, (_, step) in zip(graph.ops, prepared, strict=True)]
        self.rules = {op.position: rule for op, (rule, _) in zip(graph.ops, prepared, strict=True)}

    @staticmethod
    def load(model: bytes, kernels: KernelSet = LITERT_REFERENCE) -> "Reference":
        """Return the reference for the bytes of a .tflite file. ModelFileError if they are damaged."""
        return Reference(load_graph(model), kernels)

    def trace(self, words: Words) -> Trace:
        """Return Point.key -> values [N, ...] of every point of the graph.

        The state is cleared at the start of every word.
        """
        values: dict[int, Array] = {self.graph.input.index: _input(self.graph, words)}
        trace: dict[str, Array] = {}
        for op, step in self._steps:
            results = step(values[op.inputs[0]], words)
            values[op.outputs[0]] = results[OUTPUT]
            trace.update({f"{op.position}.{role}": array for role, array in results.items()})
        return trace

    def outputs(self, words: Words) -> dict[str, Int8]:
        """Return the graph's outputs alone, int8 [N, n] by name, in bounded memory for any number of words."""
        keys = {name: point.key for name, point in output_points(self.graph).items()}
        traces = (self.trace(chunk) for _, chunk in words.chunks(CHUNK_FRAGMENTS))
        rows = [{name: trace[key] for name, key in keys.items()} for trace in traces]
        return {name: np.concatenate([row[name] for row in rows]).reshape(len(words.fragments), -1) for name in keys}

    def logits(self, words: Words) -> Int8:
        """Return the logits alone, int8 [N, K+1]. KeyError if the graph has none."""
        return self.outputs(words)[LOGITS]


def _prepare(graph: Graph, op: Op, kernels: KernelSet) -> Prepared:
    """Compute the op's constants and scales; return its rule and its function.

    UnsupportedGraphError, naming the op, for a kind or variant that has no integer reference.
    """
    makers: dict[str, Callable[[Graph, Op, KernelSet], Prepared]] = {
        "CONV_2D": _conv_2d,
        "FULLY_CONNECTED": _fully_connected,
        "MAX_POOL_2D": _max_pool_2d,
        "QUANTIZE": _quantize,
        "RESHAPE": _reshape,
        "TANH": _tanh,
        LSTM: prepare_lstm,
    }
    if op.kind not in makers:
        raise UnsupportedGraphError(f"op {op.position}: no integer reference for {op.kind}; known: {', '.join(makers)}")
    try:
        output = _output(graph, op)
        if output.shape[:1] != (1,):
            raise UnsupportedGraphError(f"the output has shape {list(output.shape)}, a batch of one is expected")
        return makers[op.kind](graph, op, kernels)
    except UnsupportedGraphError as error:
        raise UnsupportedGraphError(f"op {op.position} {op.kind}: {error}") from error


def _conv_2d(graph: Graph, op: Op, kernels: KernelSet) -> Prepared:
    """Prepare a convolution without padding, one scale per output channel, perhaps with a ReLU.

    Each output is a dot product of a window with a kernel: windows become rows of one matrix.
    """
    source, weights = graph.tensors[op.inputs[0]], graph.tensors[op.inputs[1]]
    _require(op.options["padding"] == 1, "padding SAME")
    _require(op.options["dilationHFactor"] == op.options["dilationWFactor"] == 1, "a dilation")
    _require_plain(weights)
    channels, height, width, depth = weights.shape
    _require(depth == source.shape[-1], "grouped convolution")
    rows, columns, zero = op.options["strideH"], op.options["strideW"], source.q.zero_point
    matrix = Matrix(weights.constant.reshape(channels, -1), _bias(graph, op, channels), zero)
    out_zero, shape, least = _output(graph, op).q.zero_point, _output(graph, op).shape[1:], _least(graph, op)
    product = _product(graph, op, depth=height * width * depth, columns=shape[0] * shape[1])
    rule = kernels.convolution(product)
    requantise = rule.prepare(product)

    def step(x: Array, _words: Words) -> Mapping[str, Array]:
        windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))[:, ::rows, ::columns]
        patches = windows.transpose(0, 1, 2, 4, 5, 3).astype(matrix.dtype).reshape(-1, height * width * depth)
        y = requantise(matrix.accumulate(patches)) + out_zero
        return {OUTPUT: saturate_int8(np.maximum(y, least)).reshape(len(x), *shape)}

    return rule.name, step


def _fully_connected(graph: Graph, op: Op, kernels: KernelSet) -> Prepared:
    """Prepare a fully connected layer, one scale for all outputs or one for each, perhaps with a ReLU."""
    source, weights = graph.tensors[op.inputs[0]], graph.tensors[op.inputs[1]]
    _require_plain(weights)
    outputs, depth = weights.shape
    _require(int(np.prod(source.shape)) == depth, "an input of several rows")
    matrix = Matrix(weights.constant, _bias(graph, op, outputs), source.q.zero_point)
    out_zero, shape, least = _output(graph, op).q.zero_point, _output(graph, op).shape[1:], _least(graph, op)
    product = _product(graph, op, depth=depth, columns=1)
    rule = kernels.fully_connected(product)
    requantise = rule.prepare(product)

    def step(x: Array, _words: Words) -> Mapping[str, Array]:
        y = requantise(matrix.accumulate(x.reshape(len(x), depth).astype(matrix.dtype))) + out_zero
        return {OUTPUT: saturate_int8(np.maximum(y, least)).reshape(len(x), *shape)}

    return rule.name, step


def _max_pool_2d(graph: Graph, op: Op, _kernels: KernelSet) -> Prepared:
    """Prepare a max-pooling without padding, which chooses among its values and rounds nothing."""
    source, output = graph.tensors[op.inputs[0]], _output(graph, op)
    _require(op.options["padding"] == 1, "padding SAME")
    _require(source.dtype == output.dtype == np.int8, f"values of type {source.dtype}")
    same = (source.q.scale, source.q.zero_point) == (output.q.scale, output.q.zero_point)
    _require(same, "a pooling that changes the scale")
    height, width, rows, columns = (op.options[name] for name in ("filterHeight", "filterWidth", "strideH", "strideW"))
    least = _least(graph, op)

    def step(x: Array, _words: Words) -> Mapping[str, Array]:
        windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))[:, ::rows, ::columns]
        return {OUTPUT: np.maximum(windows.max(axis=(-2, -1)), np.int8(least))}

    return "largest value", step


def _tanh(graph: Graph, op: Op, kernels: KernelSet) -> Prepared:
    """Prepare an int8 tanh by table."""
    source, output = graph.tensors[op.inputs[0]], _output(graph, op)
    _require(source.dtype == output.dtype == np.int8, f"values of type {source.dtype}")
    table = kernels.tanh.prepare(source.q.scale, source.q.zero_point, output.q.scale, output.q.zero_point)

    def step(x: Array, _words: Words) -> Mapping[str, Array]:
        return {OUTPUT: table[x.view(np.uint8)]}

    return kernels.tanh.name, step


def _reshape(graph: Graph, op: Op, _kernels: KernelSet) -> Prepared:
    """Prepare a reshape, which copies its values."""
    shape = _output(graph, op).shape[1:]

    def step(x: Array, _words: Words) -> Mapping[str, Array]:
        return {OUTPUT: x.reshape(len(x), *shape)}

    return "copy", step


def _quantize(graph: Graph, op: Op, kernels: KernelSet) -> Prepared:
    """Prepare a conversion from int8 with one scale and zero point to int8 with another."""
    source, output = graph.tensors[op.inputs[0]], _output(graph, op)
    _require(source.dtype == output.dtype == np.int8, f"{source.dtype} to {output.dtype}")
    zero, out_zero = source.q.zero_point, output.q.zero_point
    shape = output.shape[1:]
    values = int(np.prod(shape))
    product = Product(source.q.scale, np.ones(1, dtype=np.float32), output.q.scale, 1, 1, values, np.full(1, 255))
    rule = kernels.quantize(product)
    requantise = rule.prepare(product)

    def step(x: Array, _words: Words) -> Mapping[str, Array]:
        y = requantise(x.astype(np.int64).reshape(len(x), values) - zero) + out_zero
        return {OUTPUT: saturate_int8(y).reshape(len(x), *shape)}

    return rule.name, step


def _input(graph: Graph, words: Words) -> Array:
    expected = graph.input.shape
    if graph.input.dtype != np.int8 or int(np.prod(expected)) != int(np.prod(words.fragments.shape[1:])):
        raise UnsupportedGraphError(f"the model's input is {graph.input.dtype} {list(expected)}, not one int8 fragment")
    return words.fragments.reshape(len(words.fragments), *expected[1:])


def _output(graph: Graph, op: Op) -> Tensor:
    return graph.tensors[op.outputs[0]]


def _bias(graph: Graph, op: Op, size: int) -> npt.NDArray[np.int64]:
    if len(op.inputs) < 3 or op.inputs[2] == OPTIONAL:
        return np.zeros(size, dtype=np.int64)
    return graph.tensors[op.inputs[2]].constant.astype(np.int64)


def _product(graph: Graph, op: Op, *, depth: int, columns: int) -> Product:
    """Return the matrix product that the kernel of a convolution or a fully connected layer computes."""
    source, weights, output = graph.tensors[op.inputs[0]].q, graph.tensors[op.inputs[1]], _output(graph, op).q
    outputs = weights.shape[0]
    reach = np.abs(weights.constant.reshape(outputs, -1).astype(np.int64)).sum(axis=1) * 255
    reach += np.abs(_bias(graph, op, outputs))
    return Product(source.scale, weights.q.scales, output.scale, outputs, depth, columns, reach)


def _least(graph: Graph, op: Op) -> int:
    """Return the smallest int8 of the op's output: with a ReLU the integer that stands for 0.

    UnsupportedGraphError for another activation than none and ReLU.
    Source: CalculateActivationRangeQuantized, kernels/kernel_util.cc.
    """
    activation = op.options["fusedActivationFunction"]
    _require(activation in (_NONE, _RELU), "a fused activation other than ReLU")
    return _output(graph, op).q.zero_point if activation == _RELU else INT8_MIN


def _require_plain(weights: Tensor) -> None:
    _require(weights.dtype == np.int8, f"weights of type {weights.dtype}")
    _require(not weights.q.zero_points.any(), "weights with a zero point")
    _require(bool((weights.constant > INT8_MIN).all()), LOWEST_WEIGHT)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise UnsupportedGraphError(f"the reference does not implement {otherwise}")
