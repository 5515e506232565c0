"""The bytes of a .tflite file -> a typed graph: tensors with their quantisation, operations in order."""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

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
    schema = load_schema()
    try:
        parsed = schema.ModelT.InitFromPackedBuf(data, 0)
        return _graph(parsed, schema, hashlib.sha256(data).hexdigest())
    except (struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        # The flatbuffer reader checks nothing: damage shows as whatever the wrong offset happens to hit.
        raise ModelFileError(f"a damaged TFLite model ({type(error).__name__}: {error})") from error


def load_schema() -> Any:
    """Import LiteRT's module of flatbuffer classes. DependencyError if it is not installed."""
    try:
        from ai_edge_litert import schema_py_generated
    except ImportError as error:
        raise DependencyError(f"reading a model needs ai-edge-litert: {install_extra('edge')}") from error
    return schema_py_generated


def read_model(path: Path) -> bytes:
    """Return the bytes of a model file. ModelFileError if it cannot be read."""
    try:
        return read_file(path)
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error


def _graph(parsed: Any, schema: Any, sha256: str) -> Graph:
    subgraph = parsed.subgraphs[0]
    kinds = _names(schema.BuiltinOperator)
    dtypes = _dtypes(schema)
    tensors = tuple(_tensor(i, t, parsed.buffers, dtypes) for i, t in enumerate(subgraph.tensors))
    ops = tuple(_op(i, o, parsed.operatorCodes, kinds) for i, o in enumerate(subgraph.operators))
    return Graph(tensors, ops, _indices(subgraph.inputs), _indices(subgraph.outputs), sha256)


def _tensor(index: int, tensor: Any, buffers: Any, dtypes: dict[int, np.dtype[Any]]) -> Tensor:
    dtype = dtypes.get(tensor.type, UNKNOWN)
    shape = () if tensor.shape is None else tuple(int(n) for n in tensor.shape)
    raw = buffers[tensor.buffer].data
    data = None
    if raw is not None and len(raw) and not tensor.isVariable and dtype != UNKNOWN:
        data = np.frombuffer(np.asarray(raw, dtype=np.uint8).tobytes(), dtype=dtype).reshape(shape)
    name = (tensor.name or b"").decode("utf-8", "replace")
    return Tensor(index, name, shape, dtype, _quantization(tensor.quantization), data, bool(tensor.isVariable))


def _quantization(parameters: Any) -> Quantization | None:
    if parameters is None or parameters.scale is None or len(parameters.scale) == 0:
        return None
    scales = np.asarray(parameters.scale, dtype=np.float32)
    zero_points = np.asarray(parameters.zeroPoint, dtype=np.int64)
    return Quantization(scales, zero_points, int(parameters.quantizedDimension))


def _op(position: int, op: Any, codes: Any, kinds: dict[int, str]) -> Op:
    code = codes[op.opcodeIndex]
    kind = kinds.get(max(code.builtinCode, code.deprecatedBuiltinCode), "UNKNOWN")
    if kind == "CUSTOM":
        kind = f"CUSTOM {(code.customCode or b'?').decode('utf-8', 'replace')}"
    options = dict(vars(op.builtinOptions)) if op.builtinOptions is not None else {}
    return Op(position, kind, _indices(op.inputs), _indices(op.outputs), _indices(op.intermediates), options)


def _indices(values: Any) -> tuple[int, ...]:
    return () if values is None else tuple(int(v) for v in values)


def _names(enumeration: Any) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


def _dtypes(schema: Any) -> dict[int, np.dtype[Any]]:
    """Return the schema's number types that NumPy has under the same name (INT8 -> int8, ...)."""
    known = {"FLOAT16", "FLOAT32", "FLOAT64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "BOOL"}
    return {v: np.dtype(n.lower()) for v, n in _names(schema.TensorType).items() if n in known}
