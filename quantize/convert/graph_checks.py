"""A converted graph -> the reason to refuse it, if there is one."""

from collections.abc import Mapping

import numpy as np

from edge.ink.fragment import INPUT_SCALE, INPUT_ZERO_POINT, SIDE
from quantize.arithmetic.lstm import MAX_CELL_EXPONENT, MIN_CELL_EXPONENT
from quantize.convert.ranges import Clipping
from quantize.errors import CellRangeError, ClippingError, FloatGraphError, InputQuantizationError, UnfusedError
from quantize.model.graph import Graph
from quantize.model.trace import LSTM, LSTM_STATES

INTEGER_OPS = {"CONV_2D", "FULLY_CONNECTED", "QUANTIZE", "RESHAPE", "TANH", LSTM}


def check_graph(graph: Graph, recurrent: bool = True) -> None:
    """Refuse a graph that the edge cannot run. recurrent: whether it must have an LSTM.

    UnfusedError, FloatGraphError, InputQuantizationError or CellRangeError, naming the reason.
    """
    if recurrent:
        check_fused(graph)
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
    """Refuse tensors that lose more than this share of their calibration values.

    ClippingError, naming the worst three.
    """
    bad = sorted(((c.share, name) for name, c in clipping.items() if c.share > max_clipped), reverse=True)
    if bad:
        worst = ", ".join(f"{name} {share:.2%}" for share, name in bad[:3])
        raise ClippingError(f"more than {max_clipped:.2%} of the calibration values do not fit: {worst}")


def check_fused(graph: Graph) -> None:
    """Refuse a graph whose LSTM did not become one operation.

    UnfusedError, naming what was found instead.
    """
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
    source = graph.input
    if source.dtype != np.int8 or source.shape != (1, 1, SIDE, SIDE, 1):
        raise InputQuantizationError(f"the input is {source.dtype} {list(source.shape)}")
    if np.float32(source.q.scale) != np.float32(INPUT_SCALE) or source.q.zero_point != INPUT_ZERO_POINT:
        raise InputQuantizationError(
            f"the input has scale {source.q.scale!r} and zero point {source.q.zero_point}; the edge feeds pixel - 128, "
            "which is scale 1/255 and zero point -128"
        )
    for name, output in graph.named_outputs.items():
        if output.dtype != np.int8 or int(np.prod(output.shape)) != output.shape[-1]:
            raise InputQuantizationError(f"the {name} are {output.dtype} {list(output.shape)}, not one row of int8")
