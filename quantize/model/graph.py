"""The bytes of a .tflite file -> a typed graph: tensors with their quantisation, operations in order."""

import contextlib
import hashlib
import importlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from edge.bundle.golden import FEATURES, LOGITS
from firmware_bridge.files import read_file
from firmware_bridge.installing import install_extra
from quantize.errors import DependencyError, ModelFileError, UnsupportedGraphError

Array: TypeAlias = npt.NDArray[Any]

UNKNOWN = np.dtype(np.void)
"""Type of tensors that are not plain numbers (strings, resources, four-bit weights)."""

OPTIONAL = -1
"""Index of an optional input that is absent."""


@dataclass(frozen=True, eq=False)
class Quantization:
    """Scales and zero points of a tensor, one for all or one for each slice along `axis`.

    An integer q stands for scale (q - zero point).
    """

    scales: npt.NDArray[np.float32]
    zero_points: npt.NDArray[np.int64]
    axis: int

    @property
    def scale(self) -> float:
        """Return the tensor's only scale. UnsupportedGraphError if there is one for each slice."""
        return float(self._single(self.scales))

    @property
    def zero_point(self) -> int:
        """Return the tensor's only zero point. UnsupportedGraphError if there is one for each slice."""
        return int(self._single(self.zero_points))

    def _single(self, values: Array) -> Any:
        if len(values) != 1:
            raise UnsupportedGraphError(f"a tensor has {len(values)} scales where the reference expects one")
        return values[0]


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of a graph.

    data: the values of a constant, None if the tensor is computed. variable: whether the tensor keeps its values from
    one fragment to the next.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    quantization: Quantization | None
    data: Array | None
    variable: bool

    @property
    def q(self) -> Quantization:
        """Return the quantisation. UnsupportedGraphError if the tensor has none."""
        if self.quantization is None:
            raise UnsupportedGraphError(f"tensor {self.index} ({self.name}) has no quantisation")
        return self.quantization

    @property
    def constant(self) -> Array:
        """Return the stored values. UnsupportedGraphError if the tensor is computed."""
        if self.data is None:
            raise UnsupportedGraphError(f"tensor {self.index} ({self.name}) is not a constant")
        return self.data


@dataclass(frozen=True, eq=False)
class Op:
    """An operation of a graph.

    kind: the schema's name, such as CONV_2D. inputs, outputs, intermediates: tensor indices. options: by the schema's
    names.
    """

    position: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...]
    options: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Graph:
    """A model's main subgraph and the hash of its file.

    Only control flow, such as WHILE, has other subgraphs.
    """

    tensors: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    sha256: str

    @cached_property
    def input(self) -> Tensor:
        """Return the only input. UnsupportedGraphError if there are several."""
        if len(self.inputs) != 1:
            raise UnsupportedGraphError(f"the graph has {len(self.inputs)} inputs, one is expected")
        return self.tensors[self.inputs[0]]

    @cached_property
    def named_outputs(self) -> dict[str, Tensor]:
        """Return the outputs by name, in the order of computation.

        What a tanh gives is the features, what any other operation gives the logits. UnsupportedGraphError if there are
        two of one name, or an output that no operation computes.
        """
        made = {op.outputs[0]: op for op in self.ops if op.outputs[0] in self.outputs}
        named = {FEATURES if op.kind == "TANH" else LOGITS: self.tensors[index] for index, op in made.items()}
        if len(named) != len(self.outputs):
            raise UnsupportedGraphError(f"the graph has {len(self.outputs)} outputs; logits and features are expected")
        return named

    @property
    def logits(self) -> Tensor:
        """Return the output that is the logits. UnsupportedGraphError if there is none."""
        if LOGITS not in self.named_outputs:
            raise UnsupportedGraphError("the graph has no logits")
        return self.named_outputs[LOGITS]

    def operands(self, op: Op) -> Iterator[Tensor]:
        """Yield the op's inputs that are present, in order."""
        return (self.tensors[i] for i in op.inputs if i != OPTIONAL)

    def constants(self) -> Iterator[tuple[Op, Tensor]]:
        """Yield every stored tensor that an op reads, with the first op that reads it."""
        seen: set[int] = set()
        for op in self.ops:
            for tensor in self.operands(op):
                if tensor.data is not None and tensor.index not in seen:
                    seen.add(tensor.index)
                    yield op, tensor


def load_graph(model: bytes | Path) -> Graph:
    """Read a model from its bytes or its file. ModelFileError if it is missing or damaged."""
    data = model if isinstance(model, bytes) else read_model(model)
    if data[4:8] != b"TFL3":
        raise ModelFileError("not a TFLite model: the identifier TFL3 is missing")
    schema = _load_accessors()
    try:
        return _graph(schema.Model.GetRootAs(data, 0), schema, hashlib.sha256(data).hexdigest())
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        # The flatbuffer reader checks nothing: damage shows as whatever the wrong offset happens to hit.
        raise ModelFileError(f"a damaged TFLite model ({type(error).__name__}: {error})") from error


def load_schema() -> Any:
    """Import LiteRT's flatbuffer classes, which write models too. DependencyError without it."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise DependencyError(f"writing a model needs ai-edge-litert: {install_extra('edge')}") from error
    return schema_py_generated


def _load_accessors() -> Any:
    """Import the flatbuffer classes that read a model: LiteRT's, or those of the package tflite.

    The latter come with tflite-runtime. Both are generated from one schema. DependencyError if neither is installed.
    """
    for name in ("ai_edge_litert.schema_py_generated", "tflite"):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    raise DependencyError(f"reading a model needs ai-edge-litert, or tflite: {install_extra('edge')}")


def read_model(path: Path) -> bytes:
    """Return the bytes of a model file. ModelFileError if it cannot be read."""
    try:
        return read_file(path)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error


_OPTIONS: Final = {
    "CONV_2D": (
        "Conv2DOptions",
        ("Padding", "StrideW", "StrideH", "FusedActivationFunction", "DilationWFactor", "DilationHFactor"),
    ),
    "MAX_POOL_2D": (
        "Pool2DOptions",
        ("Padding", "StrideW", "StrideH", "FilterWidth", "FilterHeight", "FusedActivationFunction"),
    ),
    "FULLY_CONNECTED": ("FullyConnectedOptions", ("FusedActivationFunction",)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ("UnidirectionalSequenceLSTMOptions", ("CellClip", "ProjClip")),
}
"""Kind of operation -> the schema's table of its options, and those of them that say what it computes."""


def _graph(model: Any, schema: Any, sha256: str) -> Graph:
    subgraph, kinds, dtypes = model.Subgraphs(0), _names(schema.BuiltinOperator), _dtypes(schema)
    tensors = tuple(_tensor(i, subgraph.Tensors(i), model, dtypes) for i in range(subgraph.TensorsLength()))
    ops = tuple(_op(i, subgraph.Operators(i), model, schema, kinds) for i in range(subgraph.OperatorsLength()))
    return Graph(tensors, ops, _indices(subgraph.InputsAsNumpy()), _indices(subgraph.OutputsAsNumpy()), sha256)


def _tensor(index: int, tensor: Any, model: Any, dtypes: dict[int, np.dtype[Any]]) -> Tensor:
    dtype, shape = dtypes.get(tensor.Type(), UNKNOWN), _indices(tensor.ShapeAsNumpy())
    if tensor.Buffer() >= model.BuffersLength():
        raise IndexError(f"tensor {index} has buffer {tensor.Buffer()} of {model.BuffersLength()}")
    buffer = model.Buffers(tensor.Buffer())
    data = None
    if buffer.DataLength() and not tensor.IsVariable() and dtype != UNKNOWN:
        data = np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype=dtype).reshape(shape)
    name = (tensor.Name() or b"").decode("utf-8", "replace")
    return Tensor(index, name, shape, dtype, _quantization(tensor.Quantization()), data, bool(tensor.IsVariable()))


def _quantization(parameters: Any) -> Quantization | None:
    if parameters is None or not parameters.ScaleLength():
        return None
    scales = np.array(parameters.ScaleAsNumpy(), dtype=np.float32)
    zero_points = np.array(parameters.ZeroPointAsNumpy(), dtype=np.int64, ndmin=1)
    return Quantization(scales, zero_points, int(parameters.QuantizedDimension()))


def _op(position: int, op: Any, model: Any, schema: Any, kinds: dict[int, str]) -> Op:
    if op.OpcodeIndex() >= model.OperatorCodesLength():
        raise IndexError(f"operation {position} has code {op.OpcodeIndex()} of {model.OperatorCodesLength()}")
    code = model.OperatorCodes(op.OpcodeIndex())
    kind = kinds.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "UNKNOWN")
    if kind == "CUSTOM":
        kind = f"CUSTOM {(code.CustomCode() or b'?').decode('utf-8', 'replace')}"
    inputs, outputs = _indices(op.InputsAsNumpy()), _indices(op.OutputsAsNumpy())
    return Op(position, kind, inputs, outputs, _indices(op.IntermediatesAsNumpy()), _options(kind, op, schema))


def _options(kind: str, op: Any, schema: Any) -> dict[str, Any]:
    """Return the options of an operation that say what it computes, under the schema's names (strideH)."""
    table, names = _OPTIONS.get(kind, ("", ()))
    if not table:
        return {}
    if op.BuiltinOptionsType() != getattr(schema.BuiltinOptions, table):
        raise ValueError(f"a {kind} has no {table}")
    options, raw = getattr(schema, table)(), op.BuiltinOptions()
    options.Init(raw.Bytes, raw.Pos)
    return {name[0].lower() + name[1:]: getattr(options, name)() for name in names}


def _indices(values: Any) -> tuple[int, ...]:
    """Return a vector of integers; an absent one is empty, for which the reader gives 0."""
    return () if isinstance(values, int) else tuple(int(v) for v in values)


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _dtypes(schema: Any) -> dict[int, np.dtype[Any]]:
    """Return the schema's number types that NumPy has under the same name (INT8 -> int8, ...)."""
    known = {"FLOAT16", "FLOAT32", "FLOAT64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "BOOL"}
    return {v: np.dtype(n.lower()) for v, n in _names(schema.TensorType).items() if n in known}
