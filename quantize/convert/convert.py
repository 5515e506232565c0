"""A tf_keras model and calibration words -> the int8 TFLite model, or the reason to refuse it.

The model takes one fragment at a time and keeps the LSTM's state from one fragment to the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.errors import RunError
from edge.ink.fragment import SIDE
from quantize.convert.flatbuffer import edit, with_features, with_weights
from quantize.convert.graph_checks import check_clipping, check_fused, check_graph
from quantize.convert.ranges import Clipping, Range, measure_clipping, measure_ranges
from quantize.convert.refit import orient, refit
from quantize.convert.tensorflow import find_lite_steps, first_line, import_tensorflow, quietly
from quantize.errors import (
    ConversionRefusedError,
    FloatGraphError,
    UnfusedError,
)
from quantize.model.graph import Graph, Op, Tensor, load_graph
from quantize.model.trace import LSTM, LSTM_STATES, points
from quantize.model.words import Words

MAX_CLIPPED_SHARE = 0.001
"""Largest allowed share of a tensor's calibration values that lie more than one step outside its integer range."""


@dataclass(frozen=True)
class Conversion:
    """A converted network.

    model        the int8 model's bytes
    calibration  statistics as they are stored in calibration.json
    weights      the trained float weights as FloatModel takes them, some of their maps negated by `refit.orient`
    """

    model: bytes
    calibration: dict[str, Any]
    weights: dict[str, npt.NDArray[Any]]


def convert(model: Any, words: Words, max_clipped: float = MAX_CLIPPED_SHARE, *, recurrent: bool = True) -> Conversion:
    """Quantise to int8 (int16 cell state), with ranges measured and weights refitted on whole words.

    recurrent: whether the model has an LSTM and logits, or ends in its features.

    1. Make the float model for one fragment, its LSTM fused, its state in variable tensors, its maps oriented.
    2. Measure ranges by streaming the words through it.
    3. Refit the weights, so that they make up for what int8 loses before them.
    4. Quantise to integers.
    5. Check the result; each check raises its own ConversionRefusedError.
    """
    floating = convert_to_float(model, recurrent)
    weights = orient(float_weights(model), load_graph(floating), words)
    floating = with_weights(floating, weights)
    ranges = measure_ranges(floating, words)
    refitted = refit(weights, words, lambda trial: quantize_float(with_weights(floating, trial), ranges))
    quantized = quantize_float(with_weights(floating, refitted), ranges)
    graph = load_graph(quantized)
    check_graph(graph, recurrent)
    pairs = _pairs(load_graph(floating), graph)
    names = _names(graph)
    clipping = measure_clipping(floating, words, {f: q.q for f, q in pairs.items()})
    check_clipping({names[pairs[f].index]: found for f, found in clipping.items()}, max_clipped)
    calibration = {
        "format": "inkgate-calibration/1",
        "method": "min-max over whole words, state carried inside a word and cleared between words; what feeds only a "
        "tanh ends where the tanh saturates, a convolution also at its last half in a thousand; weights refitted layer "
        "by layer behind the int8 values that reach them",
        "words": len(words),
        "fragments": len(words.fragments),
        "max_clipped_share": max_clipped,
        "tensors": _statistics(pairs, ranges, clipping, names),
    }
    return Conversion(quantized, calibration, weights)


def convert_to_float(model: Any, recurrent: bool = True) -> bytes:
    """Return the float TFLite model for one fragment.

    If it is not recurrent, it ends in its features. If it is, it has intermediate tensors where the integer LSTM keeps
    its scales. The converter limits a Keras LSTM's cell state to 10, which the trained network does not; the limit is
    removed. UnfusedError if the LSTM did not become one operation.
    """
    tensorflow, lite = import_tensorflow(), find_lite_steps()
    specification = tensorflow.TensorSpec((1, 1, SIDE, SIDE, 1), tensorflow.float32, name="fragment")
    with quietly():
        try:
            function = tensorflow.function(lambda fragment: model(fragment)).get_concrete_function(specification)
            # The module only holds the variables: given the model itself, Keras traces every layer once more.
            variables = tensorflow.Module()
            variables.all = model.variables
            converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([function], variables)
            converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS]
            converted = bytes(lite.add_intermediate_tensors(converter.convert()))
        except Exception as error:
            # The converter reports what it cannot express as any of a dozen exception types, its own among them.
            raise UnfusedError(f"the TFLite converter failed: {first_line(error)}; is it a tf_keras model?") from error
    if not recurrent:
        return with_features(edit(converted))
    check_fused(load_graph(converted))
    return edit(converted)


def quantize_float(float_model: bytes, ranges: Mapping[int, Range]) -> bytes:
    """Return the int8 model of a float model and the ranges of its tensors.

    Its outputs are logits, if the float model has any, and features. ConversionRefusedError if the quantiser fails.
    """
    tensorflow, lite = import_tensorflow(), find_lite_steps()
    with quietly():
        try:
            quantized = lite.mlir_quantize(
                edit(float_model, ranges),
                fully_quantize=True,
                input_data_type=tensorflow.int8,
                output_data_type=tensorflow.int8,
            )
        except Exception as error:
            raise ConversionRefusedError(f"the TFLite quantiser failed: {first_line(error)}") from error
    return with_features(edit(bytes(quantized)))


def float_weights(model: Any) -> dict[str, npt.NDArray[Any]]:
    """Return the trained weights, named as FloatModel takes them. RunError if a layer is missing.

    A model without a layer named lstm has only convolutions and fc.
    """
    names = [layer.name for layer in model.layers]
    convolutions = sorted(name for name in names if name.startswith("conv"))
    recurrent = {"lstm", "logits"} & set(names)
    missing = {"conv1", "fc", *(("lstm", "logits") if recurrent else ())} - set(names)
    if missing:
        raise RunError(f"the model has no layer named {', '.join(sorted(missing))}; it has {', '.join(names)}")
    weights: dict[str, npt.NDArray[Any]] = {}
    for name in (*convolutions, "fc", *(("logits",) if recurrent else ())):
        layer = getattr(model.get_layer(name), "layer", model.get_layer(name))
        weights[f"{name}.kernel"], weights[f"{name}.bias"] = layer.get_weights()
        if name in convolutions:
            weights[f"{name}.stride"] = np.asarray(layer.strides, dtype=np.int32)
    if recurrent:
        lstm = model.get_layer("lstm").get_weights()
        weights["lstm.kernel"], weights["lstm.recurrent"], weights["lstm.bias"] = lstm
    return weights


def _pairs(floating: Graph, quantized: Graph) -> dict[int, Tensor]:
    """Return float tensor index -> int8 tensor, for the input, every op's output and the states.

    FloatGraphError if the operations of the two graphs differ.
    """
    if [op.kind for op in floating.ops] != [op.kind for op in quantized.ops]:
        raise FloatGraphError(
            f"quantising changed the operations from {[op.kind for op in floating.ops]} "
            f"to {[op.kind for op in quantized.ops]}"
        )
    pairs = {floating.input.index: quantized.input}
    for before, after in zip(floating.ops, quantized.ops, strict=True):
        pairs[before.outputs[0]] = quantized.tensors[after.outputs[0]]
        for slot in _state_slots(before):
            pairs[before.inputs[slot]] = quantized.tensors[after.inputs[slot]]
    return pairs


def _state_slots(op: Op) -> tuple[int, ...]:
    return tuple(LSTM_STATES.values()) if op.kind == LSTM else ()


def _names(graph: Graph) -> dict[int, str]:
    """Return int8 tensor index -> the name in the report; a state is named by its LSTM and its role."""
    return {graph.input.index: "input", **{p.tensor: p.name for p in points(graph) if p.tensor is not None}}


def _statistics(
    pairs: Mapping[int, Tensor], ranges: Mapping[int, Range], clipping: Mapping[int, Clipping], names: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Return the measured range and the quantisation of every calibrated tensor, for calibration.json."""
    return [
        {
            "tensor": names[tensor.index],
            "min": ranges[index].low,
            "max": ranges[index].high,
            "scale": tensor.q.scale,
            "zero_point": tensor.q.zero_point,
            "bits": tensor.dtype.itemsize * 8,
            "values": clipping[index].values,
            "clipped_share": clipping[index].share,
        }
        for index, tensor in pairs.items()
    ]
