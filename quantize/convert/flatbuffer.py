"""A TFLite model -> the same model with other constants, with ranges, or with its features."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from quantize.arithmetic.lstm import BIASES, INPUT_WEIGHTS, RECURRENT_WEIGHTS
from quantize.convert.ranges import Range
from quantize.errors import ModelFileError
from quantize.model.float_model import FloatModel
from quantize.model.graph import OPTIONAL, Array, Graph, load_graph, load_schema
from quantize.model.trace import LSTM


def edit(
    model: bytes, ranges: Mapping[int, Range] | None = None, constants: Mapping[int, Array] | None = None
) -> bytes:
    """Return the model with these ranges and constants, by tensor index, and no limit on the cell state.

    Buffers that nothing refers to are emptied: the quantiser leaves what happened to be in memory in two of them, and
    the same run would give another file each time.
    """
    schema = load_schema()
    parsed = schema.ModelT.InitFromPackedBuf(model, 0)
    subgraph = parsed.subgraphs[0]
    for op in subgraph.operators:
        if isinstance(op.builtinOptions, schema.UnidirectionalSequenceLSTMOptionsT):
            op.builtinOptions.cellClip = 0.0
    for tensor, found in (ranges or {}).items():
        parameters = schema.QuantizationParametersT()
        parameters.min = np.asarray([found.low], dtype=np.float32)
        parameters.max = np.asarray([found.high], dtype=np.float32)
        subgraph.tensors[tensor].quantization = parameters
    for tensor, values in (constants or {}).items():
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), dtype=np.uint8)
        subgraph.tensors[tensor].buffer = len(parsed.buffers)
        parsed.buffers.append(buffer)
    used = {tensor.buffer for tensor in subgraph.tensors} | {entry.buffer for entry in parsed.metadata or ()}
    for index, buffer in enumerate(parsed.buffers):
        if index not in used:
            buffer.data = None
    return _packed(parsed)


def with_features(model: bytes) -> bytes:
    """Return the model with the features, the output of its last tanh, as its second output.

    A model without an LSTM gets them as its only output, and ends there. ModelFileError if it has no tanh.
    """
    graph = load_graph(model)
    last = next((op for op in reversed(graph.ops) if op.kind == "TANH"), None)
    if last is None:
        raise ModelFileError("the model has no tanh, whose output the features could be")
    parsed = load_schema().ModelT.InitFromPackedBuf(model, 0)
    subgraph, recurrent = parsed.subgraphs[0], any(op.kind == LSTM for op in graph.ops)
    kept = [output for output in graph.outputs if recurrent and output != last.outputs[0]]
    subgraph.outputs = [*kept, last.outputs[0]]
    subgraph.operators = subgraph.operators if recurrent else subgraph.operators[: last.position + 1]
    # The signature names the outputs that there were.
    parsed.signatureDefs = None
    return _packed(parsed)


def with_weights(float_model: bytes, weights: Mapping[str, Array]) -> bytes:
    """Return the float model with these weights, named and laid out as FloatModel takes them."""
    graph = load_graph(float_model)
    return edit(float_model, constants=_constants(graph, weights))


def _packed(parsed: Any) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(parsed.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _constants(graph: Graph, weights: Mapping[str, Array]) -> dict[int, Array]:
    """Return tensor index -> values of the weights.

    A bias of zeros has no tensor where the converter left it out.
    """
    constants: dict[int, Array] = {}
    for op, layer in zip(graph.ops, FloatModel(weights).layers_of(graph), strict=True):
        if op.kind == LSTM:
            for part, slots in (("kernel", INPUT_WEIGHTS), ("recurrent", RECURRENT_WEIGHTS), ("bias", BIASES)):
                gates = np.split(weights[f"{layer}.{part}"], 4, axis=-1)
                constants.update({op.inputs[slot]: gate.T for slot, gate in zip(range(16)[slots], gates, strict=True)})
        elif layer:
            kernel = weights[f"{layer}.kernel"]
            constants[op.inputs[1]] = kernel.transpose(3, 0, 1, 2) if op.kind == "CONV_2D" else kernel.T
            if len(op.inputs) > 2 and op.inputs[2] != OPTIONAL:
                constants[op.inputs[2]] = weights[f"{layer}.bias"]
    return {tensor: values.astype(np.float32) for tensor, values in constants.items()}
