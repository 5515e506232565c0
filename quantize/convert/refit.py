"""Float weights and calibration words -> weights that err less once they are rounded to int8.

Int8 is exact in its sums and errs where values are rounded: between a sum and its tanh, and behind the tanh. Much of
that error is no noise: half of a fragment is blank, and every blank place of a map gets the same wrong value.

1. `orient` negates maps so that all maps of a layer reach further down than up, which narrows their common range. tanh
   is odd: with the next layer's weights negated too, the network computes what it did, to the bit.
2. The ridge fit gives each layer the weights that suit the int8 values that reach it. It minimises
       |X W + b - Y|^2 + ridge |W - W0|^2    over W and b,
   with X the int8 inputs, Y the sums of the float network, W0 the trained weights. The formula is ours.
3. Rounding together rounds the fitted weights one input after another, and the inputs not yet rounded make up for each
   error. When input i is rounded, the weights of every later input j, in steps, are lowered by
       e_i U_ij / U_ii    with U'U = (X'X)^-1, U upper triangular, e_i the weight of input i less its rounded value.
   Source: Frantar et al., GPTQ, 2022; it is Babai's nearest plane in the lattice of the integers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quantize.arithmetic.reference import Reference
from quantize.model.float_model import CHUNK_FRAGMENTS, FloatModel, before
from quantize.model.graph import Array, Graph, Op
from quantize.model.trace import LSTM, LSTM_STATES, OUTPUT
from quantize.model.words import Words

Real = npt.NDArray[np.float64]
Weights = dict[str, npt.NDArray[np.generic]]
Quantise = Callable[[Mapping[str, Array]], bytes]
"""Float weights -> the int8 model's bytes."""

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Ridges to try, as shares of the mean of X'X's diagonal.

The ridge is added to that diagonal in the ridge fit and in rounding together. The ridge with the least error on a
quarter of the fragments, kept aside, is taken: a layer of 864 inputs learns the fragments by heart where they are few.
"""

LSTM_RIDGE = 1e-2
"""Ridge of the LSTM, as a share of the mean of X'X's diagonal.

It is fixed, since there are always enough fragments for the LSTM's 118 inputs.
"""

_LEAST = float(np.finfo(np.float32).tiny)

LARGEST = 127
"""Largest int8 weight. The quantiser takes a group's scale from its largest weight, which must stay this large."""


def orient(weights: Mapping[str, Array], graph: Graph, words: Words) -> Weights:
    """Negate the maps of convolutions whose sums reach further up than down; return all weights.

    The network computes the same: the following layer's weights are negated too.
    """
    exact = FloatModel(weights)
    layers = exact.layers_of(graph)
    values = exact.trace(graph, words)
    oriented: Weights = dict(weights)
    for op, layer in zip(graph.ops, layers, strict=True):
        if op.kind == "CONV_2D":
            sums = values[f"{op.position}.{OUTPUT}"].reshape(-1, graph.tensors[op.outputs[0]].shape[-1])
            sign = np.where(sums.max(axis=0) > -sums.min(axis=0), np.float32(-1), np.float32(1))
            following = next(name for name in layers[op.position + 1 :] if name)
            oriented[f"{layer}.kernel"] = oriented[f"{layer}.kernel"] * sign
            oriented[f"{layer}.bias"] = oriented[f"{layer}.bias"] * sign
            kernel = oriented[f"{following}.kernel"]
            rows = kernel.reshape(-1, len(sign), kernel.shape[-1]) * sign[:, np.newaxis]
            oriented[f"{following}.kernel"] = rows.reshape(kernel.shape)
    return oriented


def refit(weights: Mapping[str, Array], words: Words, quantise: Quantise) -> Weights:
    """Return the weights for the int8 model, refitted layer by layer.

    All convolutions but the first and the fully connected layer are fitted and rounded together. The LSTM, if there is
    one, is only rounded together: a fit would mean something only if its int8 state followed float's.
    """
    exact = FloatModel(weights)
    fitted: Weights = dict(weights)
    distinct = np.unique(words.fragments.reshape(len(words.fragments), -1), axis=0)
    single = Words(distinct.reshape(-1, *words.fragments.shape[1:]), np.ones(len(distinct), dtype=np.int64))
    layers = [name.removesuffix(".kernel") for name in weights if name.endswith(".kernel")]
    last = ("fc", "lstm") if exact.recurrent else ("fc",)
    for layer in (*sorted(set(layers) - {"conv1", "lstm", "fc", "logits"}), *last):
        reference = Reference.load(quantise(fitted))
        if layer == "lstm":
            inputs, _ = _observe(layer, reference, exact, words)
            fitted.update(_rounded_lstm(fitted["lstm.kernel"], fitted["lstm.recurrent"], inputs))
        else:
            kernel, bias = fitted[f"{layer}.kernel"], fitted[f"{layer}.bias"]
            inputs, sums = _observe(layer, reference, exact, single)
            flat, shift = refit_layer(kernel.reshape(-1, kernel.shape[-1]), bias, inputs, sums, len(single))
            fitted[f"{layer}.kernel"] = flat.reshape(kernel.shape).astype(np.float32)
            fitted[f"{layer}.bias"] = shift.astype(np.float32)
    return fitted


def refit_layer(kernel: Array, bias: Array, inputs: Real, sums: Real, fragments: int) -> tuple[Real, Real]:
    """Return a layer's kernel [inputs, outputs] and bias [outputs], fitted and rounded together.

    inputs [rows, inputs] and sums [rows, outputs] hold equally many rows for each fragment. The
    ridge is the one of RIDGES whose fit to the other fragments errs least on every fourth one. With fewer than four
    fragments nothing changes.
    """
    rows = np.arange(len(inputs)) // (len(inputs) // fragments)
    aside = rows % 4 == 3
    if not aside.any():
        return kernel.astype(np.float64), bias.astype(np.float64)
    most, all_of_them = _Moments.of(kernel, bias, inputs[~aside], sums[~aside]), _Moments.of(kernel, bias, inputs, sums)

    def error(ridge: float) -> float:
        trial, shift = most.solve(ridge)
        return float(np.square(inputs[aside] @ trial + shift - sums[aside]).mean())

    return all_of_them.solve(min(RIDGES, key=error))


def round_together(wanted: Real, moments: Real) -> Real:
    """Round real weights [inputs, outputs], in steps, to integers that together err little.

    moments: X'X [inputs, inputs] of the inputs in the same steps. Weights of the largest size stay what they are.
    Source: Frantar et al., GPTQ, 2022.
    """
    order = np.argsort(-np.diag(moments))
    upper = np.linalg.cholesky(np.linalg.inv(moments[np.ix_(order, order)])).T
    largest = np.abs(wanted[order]) > LARGEST - 1e-3
    rest, rounded = wanted[order].copy(), np.empty_like(wanted)
    for i, row in enumerate(order):
        nearest = np.clip(np.round(rest[i]), -LARGEST, LARGEST)
        rounded[row] = np.where(largest[i], np.copysign(LARGEST, wanted[row]), nearest)
        rest[i + 1 :] -= np.outer(upper[i, i + 1 :], (rest[i] - rounded[row]) / upper[i, i])
    return rounded


def _observe(layer: str, reference: Reference, exact: FloatModel, words: Words) -> tuple[Real, Real]:
    """Return a layer's int8 inputs as real numbers [rows, inputs] and its float sums [rows, outputs].

    For the LSTM the inputs include the hidden state, and there are no sums, [rows, 0].
    """
    graph = reference.graph
    op = graph.ops[exact.layers_of(graph).index(layer)]
    source = f"{next(o.position for o in graph.ops if o.outputs[0] == op.inputs[0])}.{OUTPUT}"
    inputs, sums = [], []
    for _, chunk in words.chunks(CHUNK_FRAGMENTS):
        trace = reference.trace(chunk)
        x = _real(graph, op.inputs[0], trace[source])
        if op.kind == LSTM:
            hidden = _real(graph, op.inputs[LSTM_STATES["hidden_state"]], trace[f"{op.position}.hidden_state"])
            inputs.append(np.concatenate([x.reshape(len(x), -1), before(chunk, hidden.astype(np.float32))], axis=1))
            sums.append(np.empty((len(x), 0)))
        else:
            inputs.append(_windows(op, graph, x) if op.kind == "CONV_2D" else x.reshape(len(x), -1))
            y = exact.trace(graph, chunk)[f"{op.position}.{OUTPUT}"]
            sums.append(y.reshape(len(inputs[-1]), -1).astype(np.float64))
    return np.concatenate(inputs), np.concatenate(sums)


def _windows(op: Op, graph: Graph, x: Real) -> Real:
    """Return the windows of a convolution without padding as rows, in the order of FloatModel's kernels."""
    _, height, width, depth = graph.tensors[op.inputs[1]].shape
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))
    strided = windows[:, :: op.options["strideH"], :: op.options["strideW"]]
    return strided.transpose(0, 1, 2, 4, 5, 3).reshape(-1, height * width * depth)


@dataclass(frozen=True)
class _Moments:
    """What fitting and rounding together need of the rows: means, X'X and X'(Y - X W0 - b0) about them."""

    kernel: Real
    bias: Real
    x_mean: Real
    rest_mean: Real
    moments: Real
    product: Real

    @staticmethod
    def of(kernel: Array, bias: Array, x: Real, y: Real) -> "_Moments":
        rest = y - (x @ kernel + bias)
        x_mean, rest_mean = x.mean(axis=0), rest.mean(axis=0)
        moments = x.T @ x - len(x) * np.outer(x_mean, x_mean)
        product = x.T @ rest - len(x) * np.outer(x_mean, rest_mean)
        return _Moments(kernel.astype(np.float64), bias.astype(np.float64), x_mean, rest_mean, moments, product)

    def solve(self, ridge: float) -> tuple[Real, Real]:
        """Return the fitted and rounded weights, and the bias that puts the mean right.

        A bias of zeros stays zero, because the model may have no tensor for it.
        """
        moments = _ridged(self.moments, ridge)
        solved = self.kernel + np.linalg.solve(moments, self.product)
        scales = np.maximum(np.abs(solved).max(axis=0), _LEAST) / LARGEST
        rounded = round_together(solved / scales, moments) * scales
        return rounded, self.bias + (self.rest_mean - self.x_mean @ (rounded - self.kernel)) * bool(self.bias.any())


def _rounded_lstm(kernel: Array, recurrent: Array, inputs: Real) -> Weights:
    """Return the LSTM's two matrices, rounded together for each gate.

    Each matrix of a gate has one scale, as the fused LSTM needs.
    """
    moments, depth = inputs.T @ inputs, len(kernel)
    parts = []
    for gate in np.split(np.concatenate([kernel, recurrent]).astype(np.float64), 4, axis=1):
        scales = np.empty(len(gate))
        for part in (slice(depth), slice(depth, None)):
            scales[part] = max(float(np.abs(gate[part]).max()), _LEAST) / LARGEST
        in_steps = _ridged(moments * np.outer(scales, scales), LSTM_RIDGE)
        parts.append(round_together(gate / scales[:, np.newaxis], in_steps) * scales[:, np.newaxis])
    rounded = np.concatenate(parts, axis=1).astype(np.float32)
    return {"lstm.kernel": rounded[:depth], "lstm.recurrent": rounded[depth:]}


def _ridged(moments: Real, ridge: float) -> Real:
    """Return the matrix, with `ridge` times its diagonal's mean added to the diagonal: never singular."""
    mean = max(float(np.trace(moments)) / len(moments), _LEAST)
    return np.asarray(moments + ridge * mean * np.eye(len(moments)), dtype=np.float64)


def _real(graph: Graph, tensor: int, integers: Array) -> Real:
    q = graph.tensors[tensor].q
    return (integers.astype(np.float64) - q.zero_point) * q.scale
