"""A float network with one part in int8 at a time -> each part's share of the last output's noise."""

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from quantize.losses.noise import Grid, decibels, grids
from quantize.model.float_model import CHUNK_FRAGMENTS, FloatModel, Floats
from quantize.model.graph import Array, Graph, Op, Tensor
from quantize.model.trace import LSTM, OUTPUT, Kind, Point
from quantize.model.words import Words


class Part(msgspec.Struct, frozen=True):
    """The noise that one part of the network makes: a layer's weights, or its values.

    A layer's sums and the tanh of them are one part, because rounding the sums hides in rounding the tanh.

    output_sqnr_db  signal to noise of what the network computes last (logits, or features where it ends in them) if
                    nothing else is quantised, None if nothing changes
    share           part of the sum of all parts' noise power; that sum is about the whole's power if errors are small

    The weights of conv2 and of the fully connected layer carry the correction of convert/refit.py for the int8 values
    that reach them. Fed with float's values, that correction is itself an error: the share of these weights, and of the
    parts that they correct, is larger here than in the whole network.
    """

    name: str
    kind: Kind
    output_sqnr_db: float | None
    share: float


def attribute(graph: Graph, floating: FloatModel, words: Words) -> list[Part]:
    """Measure every layer's weights and every tensor, in the order of computation.

    Biases are left out: they are int32 and too fine to matter. UnsupportedGraphError if float is another network.
    """
    signal, noise = 0.0, {(name, kind): 0.0 for name, kind, _, _ in _parts(graph, floating)}
    for _, chunk in words.chunks(CHUNK_FRAGMENTS):
        exact = floating.trace(graph, chunk)
        wanted = _last(graph, exact)
        signal += float(np.square(wanted).sum())
        for name, kind, model, chain in _parts(graph, floating):
            changed = _with_part(graph, model, chunk, exact, chain)
            noise[name, kind] += float(np.square(changed - wanted).sum())
    total = sum(noise.values())
    return [
        Part(name, kind, decibels(signal, power), power / total if total else 0.0)
        for (name, kind), power in noise.items()
    ]


_Chain = tuple[tuple[Point, Grid], ...]
_Part = tuple[str, Kind, FloatModel, _Chain]
"""(name, kind, the network with that part changed, the tensors to round one after another if the part is tensors)."""


def _parts(graph: Graph, floating: FloatModel) -> Iterator[_Part]:
    layers = floating.layers_of(graph)
    inside = {point.role: grid for point, grid in grids(graph) if point.op == LSTM and point.role != OUTPUT}
    outputs = {point.position: (point, grid) for point, grid in grids(graph) if point.role == OUTPUT}
    layer = ""
    sums: _Chain = ()
    for op, own in zip(graph.ops, layers, strict=True):
        layer = own or layer
        if own:
            yield f"{layer}, weights", "weight", floating.altered(quantised_weights(graph, op, layer)), ()
        if op.kind == LSTM:
            hidden = {role: _rounder(grid) for role, grid in inside.items() if role == "hidden_state"}
            others = {role: _rounder(grid) for role, grid in inside.items() if role not in hidden}
            yield f"{layer}, gates and cell state", "state", floating.altered(rounding=others), ()
            yield f"{layer}, hidden state", "state", floating.altered(rounding=hidden), ()
        elif op.kind == "TANH":
            yield f"{layer}, sums and tanh", "activation", floating, (*sums, outputs[op.position])
        elif op.kind == "QUANTIZE" or op is graph.ops[-1]:
            name = layer if op is graph.ops[-1] else f"{layer}, {op.kind}"
            yield name, "activation", floating, (outputs[op.position],)
        sums = (outputs[op.position],) if own and op.kind != LSTM else ()


def _with_part(
    graph: Graph, model: FloatModel, words: Words, exact: dict[str, Floats], chain: _Chain
) -> npt.NDArray[np.float64]:
    """Return the last output of the network with the part changed.

    In a chain the first tensor is rounded, then each next one is the rounded tanh of the one before; the rest of the
    network gets the last one's values.
    """
    if not chain:
        return _last(graph, model.trace(graph, words))
    (first, grid), *then = chain
    rounded = grid.round(exact[first.key])
    for _, after in then:
        rounded = after.round(np.tanh(rounded))
    last = chain[-1][0]
    if last.tensor is None or last.position == graph.ops[-1].position:
        return rounded
    return _last(graph, model.trace(graph, words, {last.tensor: rounded.astype(np.float32)}))


def quantised_weights(graph: Graph, op: Op, layer: str) -> dict[str, Array]:
    """Return the layer's arrays in float's layout, with the values that the int8 weights stand for."""
    if op.kind == LSTM:
        kernel, recurrent = (
            np.concatenate([_real(graph.tensors[i]).T for i in op.inputs[gates]], axis=1)
            for gates in (slice(1, 5), slice(5, 9))
        )
        return {f"{layer}.kernel": kernel, f"{layer}.recurrent": recurrent}
    weights = _real(graph.tensors[op.inputs[1]])
    return {f"{layer}.kernel": weights.transpose(1, 2, 3, 0) if op.kind == "CONV_2D" else weights.T}


def _real(tensor: Tensor) -> Floats:
    """Return the values that stored integers stand for; the tensor has one scale, or one for each slice."""
    q, values = tensor.q, tensor.constant
    shape = [1] * values.ndim
    if len(q.scales) > 1:
        shape[q.axis] = len(q.scales)
    real: Floats = (values - q.zero_points.reshape(shape)) * q.scales.reshape(shape)
    return real.astype(np.float32)


def _rounder(grid: Grid) -> Callable[[Floats], Floats]:
    return lambda values: grid.round(values).astype(np.float32)


def _last(graph: Graph, trace: dict[str, Floats]) -> npt.NDArray[np.float64]:
    return trace[f"{graph.ops[-1].position}.{OUTPUT}"].astype(np.float64)
