"""Float with one part of it in int8 at a time -> how much of the logits' noise each part makes: where accuracy goes."""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from quantize.floating import CHUNK_FRAGMENTS, FloatModel, Floats
from quantize.graph import Array, Graph, Op, Tensor
from quantize.noise import Grid, decibels, grids
from quantize.trace import LSTM, OUTPUT, Kind, Point
from quantize.words import Words


class Part(msgspec.Struct, frozen=True):
    """Weights of a layer or values of a tensor. logits_sqnr_db: of the logits if nothing else were quantised, None if
    they do not change; share: of the sum of all parts' noise power, which is about the whole's where errors are small.
    """

    name: str
    kind: Kind
    logits_sqnr_db: float | None
    share: float


def attribute(graph: Graph, floating: FloatModel, words: Words) -> list[Part]:
    """Every layer's weights and every tensor, in the order of computation. Biases are int32 and too fine to matter."""
    signal, noise = 0.0, {(name, kind): 0.0 for name, kind, _, _ in _parts(graph, floating)}
    for _, chunk in words.chunks(CHUNK_FRAGMENTS):
        exact = floating.trace(graph, chunk)
        logits = _logits(graph, exact)
        signal += float(np.square(logits).sum())
        for name, kind, model, point in _parts(graph, floating):
            changed = _with_part(graph, model, chunk, exact, point)
            noise[name, kind] += float(np.square(changed - logits).sum())
    total = sum(noise.values())
    return [
        Part(name, kind, decibels(signal, power), power / total if total else 0.0)
        for (name, kind), power in noise.items()
    ]


_Part = tuple[str, Kind, FloatModel, tuple[Point, Grid] | None]
"""Name, kind, the network with that part changed, and the tensor to round if that is the part."""


def _parts(graph: Graph, floating: FloatModel) -> Iterator[_Part]:
    layers = dict(zip((op.position for op in graph.ops), floating.layers_of(graph), strict=True))
    inside = {point.role: grid for point, grid in grids(graph) if point.op == LSTM and point.role != OUTPUT}
    tensors = {point.position: (point, grid) for point, grid in grids(graph) if point.role == OUTPUT}
    for op in graph.ops:
        layer = layers[op.position]
        if layer:
            yield f"weights of {layer}", "weight", floating.altered(quantised_weights(graph, op, layer)), None
        if op.kind == LSTM:
            hidden = {role: _rounder(grid) for role, grid in inside.items() if role == "hidden_state"}
            others = {role: _rounder(grid) for role, grid in inside.items() if role not in hidden}
            yield "lstm, gates and cell state", "state", floating.altered(rounding=others), None
            yield "lstm, hidden state", "state", floating.altered(rounding=hidden), None
        elif op.kind != "RESHAPE":
            point, grid = tensors[op.position]
            yield point.name, "activation", floating, (point, grid)


def _with_part(
    graph: Graph, model: FloatModel, words: Words, exact: dict[str, Floats], part: tuple[Point, Grid] | None
) -> npt.NDArray[np.float64]:
    """Logits with the part changed; a tensor is changed where its values are used, the logits where they end."""
    if part is None:
        return _logits(graph, model.trace(graph, words))
    point, grid = part
    rounded = grid.round(exact[point.key])
    if point.tensor in graph.outputs or point.tensor is None:
        return rounded
    return _logits(graph, model.trace(graph, words, {point.tensor: rounded.astype(np.float32)}))


def quantised_weights(graph: Graph, op: Op, layer: str) -> dict[str, Array]:
    """The layer's arrays in float's layout with the values that the int8 weights stand for."""
    if op.kind == LSTM:
        kernel, recurrent = (
            np.concatenate([_real(graph.tensors[i]).T for i in op.inputs[gates]], axis=1)
            for gates in (slice(1, 5), slice(5, 9))
        )
        return {f"{layer}.kernel": kernel, f"{layer}.recurrent": recurrent}
    weights = _real(graph.tensors[op.inputs[1]])
    return {f"{layer}.kernel": weights.transpose(1, 2, 3, 0) if op.kind == "CONV_2D" else weights.T}


def _real(tensor: Tensor) -> Floats:
    """Stored integers times their scale, one for all or one for each slice along an axis."""
    q, values = tensor.q, tensor.constant
    shape = [1] * values.ndim
    if len(q.scales) > 1:
        shape[q.axis] = len(q.scales)
    real: Floats = (values - q.zero_points.reshape(shape)) * q.scales.reshape(shape)
    return real.astype(np.float32)


def _rounder(grid: Grid) -> Callable[[Floats], Floats]:
    return lambda values: grid.round(values).astype(np.float32)


def _logits(graph: Graph, trace: dict[str, Floats]) -> npt.NDArray[np.float64]:
    return trace[f"{graph.ops[-1].position}.{OUTPUT}"].astype(np.float64)
