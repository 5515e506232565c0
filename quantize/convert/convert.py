"""A tf_keras model and calibration words -> the stateful one-fragment int8 TFLite model, or a reason why not."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge.ink.fragment import INPUT_SCALE, INPUT_ZERO_POINT, SIDE
from firmware_bridge.installing import install_extra
from quantize.arithmetic.lstm import MAX_CELL_EXPONENT, MIN_CELL_EXPONENT
from quantize.convert.flatbuffer import edit, with_weights
from quantize.convert.ranges import Clipping, Range, measure_clipping, measure_ranges
from quantize.convert.refit import orient, refit
from quantize.errors import (
    CellRangeError,
    ClippingError,
    ConversionRefusedError,
    DependencyError,
    FloatGraphError,
    InputQuantizationError,
    RunError,
    UnfusedError,
)
from quantize.model.graph import Graph, Op, Tensor, load_graph
from quantize.model.trace import LSTM, LSTM_STATES, points
from quantize.model.words import Words

MAX_CLIPPED_SHARE = 0.001
"""Of a tensor's calibration values, at most one in a thousand may lie more than one step outside its integer range."""

INTEGER_OPS = {"CONV_2D", "FULLY_CONNECTED", "QUANTIZE", "RESHAPE", "TANH", LSTM}


@dataclass(frozen=True)
class Conversion:
    """model: the int8 model's bytes. calibration: statistics as they are stored in calibration.json. weights: the
    trained float weights as FloatModel takes them, some of their maps negated (`quantize.convert.refit.orient`)."""

    model: bytes
    calibration: dict[str, Any]
    weights: dict[str, npt.NDArray[Any]]


def load_keras(path: Path) -> Any:
    """The trained model of a run. RunError if the file is missing or tf_keras cannot read it."""
    if not path.is_file():
        raise RunError(f"{path}: no trained model; `inkgate train --out {path.parent}` makes one")
    keras = _tf_keras()
    try:
        with _quiet():
            return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        raise RunError(f"{path}: tf_keras cannot read this model ({error})") from error


def convert(model: Any, words: Words, max_clipped: float = MAX_CLIPPED_SHARE) -> Conversion:
    """Quantise to int8 (int16 cell state), ranges measured and weights refitted on whole words.

    1. The float model for one fragment with its LSTM fused and its state in variable tensors, its maps oriented.
    2. Ranges by streaming the words through it.  3. Weights that make up for what int8 loses before them.  4. Integers.
    5. The checks; each raises its own ConversionRefusedError.
    """
    floating = convert_to_float(model)
    weights = orient(float_weights(model), load_graph(floating), words)
    floating = with_weights(floating, weights)
    ranges = measure_ranges(floating, words)
    refitted = refit(weights, words, lambda trial: quantize_float(with_weights(floating, trial), ranges))
    quantized = quantize_float(with_weights(floating, refitted), ranges)
    graph = load_graph(quantized)
    check_graph(graph)
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


def convert_to_float(model: Any) -> bytes:
    """The float TFLite model for one fragment, with intermediate tensors where the integer LSTM keeps its scales.

    The converter limits a Keras LSTM's cell state to 10, which the trained network does not; the limit is removed.
    UnfusedError if the LSTM did not become one operation.
    """
    tensorflow, lite = _tensorflow(), _converter()
    specification = tensorflow.TensorSpec((1, 1, SIDE, SIDE, 1), tensorflow.float32, name="fragment")
    with _quiet():
        try:
            function = tensorflow.function(lambda fragment: model(fragment)).get_concrete_function(specification)
            # A module that only holds the variables: given the model itself, Keras traces every layer once more.
            variables = tensorflow.Module()
            variables.all = model.variables
            converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([function], variables)
            converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS]
            converted = bytes(lite.add_intermediate_tensors(converter.convert()))
        except Exception as error:
            # The converter reports what it cannot express as any of a dozen exception types, its own among them.
            raise UnfusedError(f"the TFLite converter failed: {_first_line(error)}; is it a tf_keras model?") from error
    _check_fused(load_graph(converted))
    return edit(converted)


def quantize_float(float_model: bytes, ranges: Mapping[int, Range]) -> bytes:
    """The float model and the range of its tensors -> the int8 model. ConversionRefusedError if the quantiser fails."""
    tensorflow, lite = _tensorflow(), _converter()
    with _quiet():
        try:
            quantized = lite.mlir_quantize(
                edit(float_model, ranges),
                fully_quantize=True,
                input_data_type=tensorflow.int8,
                output_data_type=tensorflow.int8,
            )
        except Exception as error:
            raise ConversionRefusedError(f"the TFLite quantiser failed: {_first_line(error)}") from error
    return edit(bytes(quantized))


def check_graph(graph: Graph) -> None:
    """UnfusedError, FloatGraphError, InputQuantizationError or CellRangeError unless the edge can run this graph."""
    _check_fused(graph)
    _check_integer(graph)
    _check_ends(graph)
    for op in graph.ops:
        if op.kind == LSTM:
            scale = graph.tensors[op.inputs[LSTM_STATES["cell_state"]]].q.scale
            if not 2.0**MIN_CELL_EXPONENT <= scale <= 2.0**MAX_CELL_EXPONENT:
                raise CellRangeError(
                    f"the cell state needs a scale of {scale:g} (values up to {scale * 2**15:g}); the kernel "
                    f"takes 2^{MIN_CELL_EXPONENT} to 2^{MAX_CELL_EXPONENT}, values up to "
                    f"{2.0 ** (MAX_CELL_EXPONENT + 15):g}: train with more regularisation"
                )


def check_clipping(clipping: Mapping[str, Clipping], max_clipped: float) -> None:
    """ClippingError, naming the worst tensors, if one loses more than this share of its calibration values."""
    bad = sorted(((c.share, name) for name, c in clipping.items() if c.share > max_clipped), reverse=True)
    if bad:
        worst = ", ".join(f"{name} {share:.2%}" for share, name in bad[:3])
        raise ClippingError(f"more than {max_clipped:.2%} of the calibration values do not fit: {worst}")


def float_weights(model: Any) -> dict[str, npt.NDArray[Any]]:
    """The trained weights, named as FloatModel takes them. RunError if a layer is missing."""
    names = [layer.name for layer in model.layers]
    convolutions = sorted(name for name in names if name.startswith("conv"))
    missing = {"conv1", "fc", "lstm", "logits"} - set(names)
    if missing:
        raise RunError(f"the model has no layer named {', '.join(sorted(missing))}; it has {', '.join(names)}")
    weights: dict[str, npt.NDArray[Any]] = {}
    for name in (*convolutions, "fc", "logits"):
        layer = getattr(model.get_layer(name), "layer", model.get_layer(name))
        weights[f"{name}.kernel"], weights[f"{name}.bias"] = layer.get_weights()
        if name in convolutions:
            weights[f"{name}.stride"] = np.asarray(layer.strides, dtype=np.int32)
    lstm = model.get_layer("lstm").get_weights()
    weights["lstm.kernel"], weights["lstm.recurrent"], weights["lstm.bias"] = lstm
    return weights


def _check_fused(graph: Graph) -> None:
    kinds = [op.kind for op in graph.ops]
    if kinds.count(LSTM) != 1:
        others = [kind for kind in kinds if kind in ("WHILE", "LSTM", "CALL_ONCE", "READ_VARIABLE")]
        found = ", ".join(others or sorted(set(kinds)))
        raise UnfusedError(f"the LSTM did not become one {LSTM} (found: {found}): build the model with tf_keras")


def _check_integer(graph: Graph) -> None:
    for op in graph.ops:
        if op.kind not in INTEGER_OPS:
            raise FloatGraphError(f"op {op.position} is {op.kind}, which is no integer operation of this network")
        for tensor in (*graph.operands(op), graph.tensors[op.outputs[0]]):
            if tensor.dtype.kind == "f":
                raise FloatGraphError(f"op {op.position} {op.kind} computes in {tensor.dtype} ({tensor.name})")


def _check_ends(graph: Graph) -> None:
    source, output = graph.input, graph.output
    if source.dtype != np.int8 or source.shape != (1, 1, SIDE, SIDE, 1):
        raise InputQuantizationError(f"the input is {source.dtype} {list(source.shape)}")
    if np.float32(source.q.scale) != np.float32(INPUT_SCALE) or source.q.zero_point != INPUT_ZERO_POINT:
        raise InputQuantizationError(
            f"the input has scale {source.q.scale!r} and zero point {source.q.zero_point}; the edge feeds pixel - 128, "
            "which is scale 1/255 and zero point -128"
        )
    if output.dtype != np.int8 or int(np.prod(output.shape)) != output.shape[-1]:
        raise InputQuantizationError(f"the output is {output.dtype} {list(output.shape)}, not one row of int8 logits")


def _pairs(floating: Graph, quantized: Graph) -> dict[int, Tensor]:
    """Float tensor index -> int8 tensor, for the input, all outputs and the states. FloatGraphError if ops differ."""
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
    """int8 tensor index -> the name under which it is reported; a state is named by its LSTM and its role."""
    return {graph.input.index: "input", **{p.tensor: p.name for p in points(graph) if p.tensor is not None}}


def _statistics(
    pairs: Mapping[int, Tensor], ranges: Mapping[int, Range], clipping: Mapping[int, Clipping], names: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Of every calibrated tensor: what was measured and what it became."""
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Sends what TensorFlow's C++ writes to the terminal into a file that is thrown away."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 1)
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _tensorflow() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _quiet():
            import tensorflow
    except ImportError as error:
        raise DependencyError(f"converting needs TensorFlow: {install_extra('train')}") from error
    return tensorflow


def _tf_keras() -> Any:
    _tensorflow()
    try:
        with _quiet():
            import tf_keras
    except ImportError as error:
        raise DependencyError(f"converting needs tf_keras (Keras 2): {install_extra('train')}") from error
    return tf_keras


@dataclass(frozen=True)
class _Lite:
    """The two steps of TensorFlow's own quantised conversion, without the calibration between them: TensorFlow's
    calibrator never clears the LSTM's state, so its ranges are those of one endless word."""

    add_intermediate_tensors: Any
    mlir_quantize: Any


def _converter() -> _Lite:
    try:
        from tensorflow.lite.python.convert import mlir_quantize
        from tensorflow.lite.python.optimize.calibrator import add_intermediate_tensors
    except ImportError as error:
        raise DependencyError("this TensorFlow has no mlir_quantize; 2.21 is known to work") from error
    return _Lite(add_intermediate_tensors, mlir_quantize)
