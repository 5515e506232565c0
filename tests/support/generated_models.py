"""Structure and style -> int8 models as `inkgate quantize` makes them, with invented integers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edge.ink.fragment_set import FragmentSet
from quantize.model.words import Words

STYLES = ("random", "saturating", "zero", "extreme", "growing", "overflowing")
USERS = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200)
STRUCTURES: tuple[tuple[int, tuple[int, ...], int], ...] = (
    (13, (6,), 1),
    (13, (6, 24), 1),  # one position is left: the second convolution is a matrix times a vector
    (21, (6, 24), 2),
    (29, (4, 9, 8), 1),
    (33, (10, 80), 1),
    (33, (4,), 1),
    (45, (6, 12, 7), 1),
    (77, (6, 24, 16, 5), 1),
)
"""Side of a fragment, maps of each convolution layer, how many times L_f,min the hidden layers are wide."""


class Case(NamedTuple):
    """A generated model. name: its structure and style; side: that of its fragments; model: its bytes."""

    name: str
    side: int
    model: bytes


def cases() -> Iterator[Case]:
    """Yield the generated models: users by styles, structures by styles, and oddities.

    They are the same on every machine.
    """
    for users in USERS:
        for style in STYLES:
            yield _case(users, style, users)
    for number, (side, maps, widen) in enumerate(STRUCTURES):
        for style in ("random", "extreme", "growing"):
            yield _case(7, style, 300 + number, side=side, maps=maps, widen=widen)
    oddities: tuple[dict[str, Any], ...] = (
        {"bias": False},
        {"requantize": 1 / 16},
        {"requantize": 0.0213},
        {"cell_exponent": -15, "cell_clip": 0.6},
        {"cell_exponent": -9},
    )
    for number, fields in enumerate(oddities):
        for style in ("random", "growing"):
            yield _case(4, style, 400 + number, **fields)


def _case(users: int, style: str, seed: int, **fields: Any) -> Case:
    network = Network(users, style, np.random.default_rng(seed), **fields)
    extra = "".join(f" {name}={value}" for name, value in fields.items())
    return Case(f"K={users} {style}{extra}", network.side, network.build())


def draw_words(side: int, count: int, seed: int, handwriting: FragmentSet | None = None) -> Words:
    """Draw `count` words of 1 to 50 fragments [side, side].

    They are white, black, 8-bit noise, 1-bit noise and handwriting in turn; without handwriting, 1-bit noise again.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.permutation(np.unique(np.linspace(1, 50, count).astype(int)))
    words = [_word(n % 5, int(length), side, rng, handwriting) for n, length in enumerate(np.resize(lengths, count))]
    fragments = np.concatenate(words)[..., np.newaxis]
    return Words((fragments ^ np.uint8(0x80)).view(np.int8), np.asarray([len(word) for word in words], dtype=np.int64))


def _word(
    kind: int, length: int, side: int, rng: np.random.Generator, handwriting: FragmentSet | None
) -> npt.NDArray[np.uint8]:
    """Draw the fragments of a word, uint8 [length, side, side]; handwriting is stretched to the side."""
    shape = (length, side, side)
    if kind < 2:
        return np.full(shape, 255 * kind, dtype=np.uint8)
    if kind == 2:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if kind == 3 or handwriting is None:
        return np.where(rng.random(shape) < rng.random(), np.uint8(255), np.uint8(0))
    index = np.arange(side) * 33 // side
    pixels = handwriting.pixels[rng.integers(0, len(handwriting), length)]
    stretched: npt.NDArray[np.uint8] = pixels[:, index][:, :, index]
    return stretched


class ModelBuilder:
    """A .tflite file under construction, to which tensors and operations are added one after the other."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.model.subgraphs = [self.graph]

    def tensor(
        self,
        shape: Sequence[int],
        dtype: str = "INT8",
        *,
        data: npt.NDArray[Any] | None = None,
        scales: Sequence[float] | float | None = None,
        zeros: int = 0,
        variable: bool = False,
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.isVariable = list(shape), getattr(schema.TensorType, dtype), variable
        tensor.name, tensor.buffer = f"t{len(self.graph.tensors)}".encode(), 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), dtype=np.uint8)
            tensor.buffer = len(self.model.buffers)
            self.model.buffers.append(buffer)
        if scales is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.atleast_1d(np.asarray(scales, dtype=np.float32))
            tensor.quantization.zeroPoint = np.full(len(tensor.quantization.scale), zeros, dtype=np.int64)
            tensor.quantization.quantizedDimension = 0
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def op(
        self,
        kind: str,
        inputs: Sequence[int],
        output: int,
        *,
        version: int = 1,
        intermediates: Sequence[int] | None = None,
        **options: Any,
    ) -> int:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode, code.version = code.builtinCode, version
        op = schema.OperatorT()
        op.opcodeIndex, op.inputs, op.outputs = len(self.model.operatorCodes), list(inputs), [output]
        if intermediates is not None:
            op.intermediates = list(intermediates)
        names = {
            "CONV_2D": "Conv2DOptions",
            "FULLY_CONNECTED": "FullyConnectedOptions",
            "MAX_POOL_2D": "Pool2DOptions",
            "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
        }
        if kind in names:
            op.builtinOptionsType = getattr(schema.BuiltinOptions, names[kind])
            op.builtinOptions = getattr(schema, names[kind] + "T")()
            for name, value in options.items():
                setattr(op.builtinOptions, name, value)
        self.model.operatorCodes.append(code)
        self.graph.operators.append(op)
        return output

    def finish(self, source: int, *outputs: int) -> bytes:
        self.graph.inputs, self.graph.outputs = [source], list(outputs)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


@dataclass
class Network:
    """A CNN-LSTM as `inkgate quantize` makes it, with invented integers.

    The style says how the weights and scales are chosen:

    random       outputs spread over the int8 range
    saturating   most outputs at the ends of the int8 range
    zero         nothing but zeros
    extreme      factors over ten orders of magnitude, biases up to 2^30, zero points at the ends
    growing      factors up to 20, so that multipliers shift to the left
    overflowing  factors up to 20 and biases up to 2^30, so that products leave 32 bits

    users: the outputs are logits and features, for 0 users features alone. requantize: scale of a QUANTIZE before the
    LSTM, None for none. bias: whether fully connected layers have one.
    """

    users: int
    style: str
    rng: np.random.Generator
    side: int = 33
    maps: tuple[int, ...] = (6, 24)
    widen: int = 1
    bias: bool = True
    cell_exponent: int = -12
    cell_clip: float = 0.0
    requantize: float | None = None
    b: ModelBuilder = field(default_factory=ModelBuilder)

    def build(self) -> bytes:
        side, depth = self.side, 1
        source = x = self.b.tensor((1, 1, side, side, 1), scales=1 / 255, zeros=-128)
        x = self.reshape(x, (1, side, side, 1))
        for maps in self.maps:
            side = (side - 5) // 2 + 1
            x, depth = self.tanh(self.convolution(x, depth, maps, side)), maps
        x = self.reshape(x, (1, side * side * depth))
        width = (2 * self.maps[-1] + self.users + 1) * self.widen
        x = features = self.tanh(self.dense(x, side * side * depth, width, (1, width)))
        if self.users == 0:
            return self.b.finish(source, features)
        if self.requantize is not None:
            x = self.b.op("QUANTIZE", [x], self.b.tensor((1, width), scales=self.requantize, zeros=-7), version=2)
        x = self.lstm(self.reshape(x, (1, 1, width)), width)
        logits = self.dense(x, width, self.users + 1, (1, 1, self.users + 1), keepNumDims=True)
        return self.b.finish(source, logits, features)

    def scale(self, tensor: int) -> float:
        return float(self.b.graph.tensors[tensor].quantization.scale[0])

    def weights(self, shape: Sequence[int]) -> npt.NDArray[np.int8]:
        if self.style == "zero":
            return np.zeros(shape, dtype=np.int8)
        if self.style in ("extreme", "growing", "overflowing"):
            return self.rng.choice(np.asarray([-127, -126, 0, 127], dtype=np.int8), size=shape)
        return self.rng.integers(-127, 128, size=shape, dtype=np.int8)

    def biases(self, size: int, spread: float) -> npt.NDArray[np.int32]:
        if self.style == "zero":
            return np.zeros(size, dtype=np.int32)
        if self.style in ("extreme", "overflowing"):
            return self.rng.integers(-(2**30), 2**30, size=size, dtype=np.int32)
        return self.rng.normal(0, spread / 4, size=size).astype(np.int32)

    def factors(self, size: int, depth: int, steps: float = 50.0) -> npt.NDArray[np.float64]:
        """Draw real factors that turn sums of `depth` products into about `steps` steps of the output."""
        if self.style in ("growing", "overflowing"):
            return np.exp(self.rng.uniform(np.log(0.5), np.log(20.0), size=size))
        wanted = steps / (np.sqrt(depth) * 73 * 60)
        spread = {"saturating": (20.0, 40.0), "extreme": (1e-7, 1e3)}.get(self.style, (0.7, 1.4))
        return wanted * np.exp(self.rng.uniform(*np.log(spread), size=size))

    def zero_point(self) -> int:
        if self.style in ("extreme", "growing", "overflowing"):
            return int(self.rng.choice([-128, 127]))
        return int(self.rng.integers(-60, 60))

    def reshape(self, x: int, shape: Sequence[int]) -> int:
        t = self.b.graph.tensors[x].quantization
        target = self.b.tensor((len(shape),), "INT32", data=np.asarray(shape, dtype=np.int32))
        output = self.b.tensor(shape, scales=float(t.scale[0]), zeros=int(t.zeroPoint[0]))
        return self.b.op("RESHAPE", [x, target], output)

    def tanh(self, x: int) -> int:
        shape = self.b.graph.tensors[x].shape
        return self.b.op("TANH", [x], self.b.tensor(shape, scales=1 / 128), version=2)

    def convolution(self, x: int, depth: int, maps: int, side: int) -> int:
        out_scale = 0.03
        scales = self.factors(maps, 25 * depth) * out_scale / self.scale(x)
        kernel = self.b.tensor((maps, 5, 5, depth), data=self.weights((maps, 5, 5, depth)), scales=scales)
        spread = np.sqrt(25 * depth) * 73 * 60
        bias = self.b.tensor((maps,), "INT32", data=self.biases(maps, spread), scales=scales * self.scale(x))
        output = self.b.tensor((1, side, side, maps), scales=out_scale, zeros=self.zero_point())
        options = {"padding": 1, "strideW": 2, "strideH": 2, "dilationWFactor": 1, "dilationHFactor": 1}
        return self.b.op("CONV_2D", [x, kernel, bias], output, version=3, **options)

    def dense(self, x: int, depth: int, size: int, shape: Sequence[int], **options: Any) -> int:
        out_scale = 0.04
        scales = self.factors(size, depth) * out_scale / self.scale(x)
        kernel = self.b.tensor((size, depth), data=self.weights((size, depth)), scales=scales)
        spread = np.sqrt(depth) * 73 * 60
        bias = self.b.tensor((size,), "INT32", data=self.biases(size, spread), scales=scales * self.scale(x))
        output = self.b.tensor(shape, scales=out_scale, zeros=self.zero_point())
        return self.b.op("FULLY_CONNECTED", [x, kernel, bias if self.bias else -1], output, version=5, **options)

    def lstm(self, x: int, width: int) -> int:
        hidden = (0.0075, self.zero_point())
        state = self.b.tensor((1, width), scales=hidden[0], zeros=hidden[1], variable=True)
        cell = self.b.tensor((1, width), "INT16", scales=2.0**self.cell_exponent, variable=True)
        steps = 1.5 / 2**-12
        gates = [
            [
                self.b.tensor(
                    (width, width),
                    data=self.weights((width, width)),
                    scales=self.factors(1, width, steps) * 2**-12 / self.scale(source),
                )
                for _ in range(4)
            ]
            for source in (x, state)
        ]
        spread = np.sqrt(width) * 73 * 60
        biases = [self.b.tensor((width,), "INT32", data=self.biases(width, spread), scales=1.0) for _ in range(4)]
        empty = [self.b.tensor((0,), "FLOAT32") for _ in range(4)]
        before = self.b.tensor((0,), scales=hidden[0], zeros=hidden[1])
        inputs = [x, *gates[0], *gates[1], -1, -1, -1, *biases, -1, -1, state, cell, -1, -1, -1, -1]
        return self.b.op(
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            inputs,
            self.b.tensor((1, 1, width), scales=hidden[0], zeros=hidden[1]),
            intermediates=[*empty, before],
            fusedActivationFunction=4,
            cellClip=self.cell_clip,
        )
