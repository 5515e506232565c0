"""int8 models made from nothing, and one run of a small trained network with its bundle."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge.fragments import FragmentSet
from quantize.words import Words

Maker = Callable[..., bytes]


class ModelBuilder:
    """Tensors and operations, one after the other -> the bytes of a .tflite file."""

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

    def finish(self, source: int, output: int) -> bytes:
        self.graph.inputs, self.graph.outputs = [source], [output]
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


@dataclass
class Network:
    """A CNN-LSTM as `inkgate quantize` makes it, with invented integers. style says how the weights and scales are:

    random      outputs spread over the int8 range;  saturating  most outputs at its ends;
    zero        nothing but zeros;
    extreme     factors over ten orders of magnitude, biases up to 2^30, zero points at the ends.

    requantize, if given, is the scale of a QUANTIZE before the LSTM.
    """

    users: int
    style: str
    rng: np.random.Generator
    maps: tuple[int, ...] = (6, 24)
    cell_exponent: int = -12
    cell_clip: float = 0.0
    requantize: float | None = None
    b: ModelBuilder = field(default_factory=ModelBuilder)

    def build(self) -> bytes:
        source = x = self.b.tensor((1, 1, 33, 33, 1), scales=1 / 255, zeros=-128)
        x, side, depth = self.reshape(x, (1, 33, 33, 1)), 33, 1
        for maps in self.maps:
            side = (side - 5) // 2 + 1
            x, depth = self.tanh(self.convolution(x, depth, maps, side)), maps
        x = self.reshape(x, (1, side * side * depth))
        width = 49 + self.users
        x = self.tanh(self.dense(x, side * side * depth, width, (1, width)))
        if self.requantize is not None:
            x = self.b.op("QUANTIZE", [x], self.b.tensor((1, width), scales=self.requantize, zeros=-7), version=2)
        x = self.lstm(self.reshape(x, (1, 1, width)), width)
        return self.b.finish(source, self.dense(x, width, self.users + 1, (1, 1, self.users + 1), keepNumDims=True))

    def scale(self, tensor: int) -> float:
        return float(self.b.graph.tensors[tensor].quantization.scale[0])

    def weights(self, shape: Sequence[int]) -> npt.NDArray[np.int8]:
        if self.style == "zero":
            return np.zeros(shape, dtype=np.int8)
        if self.style == "extreme":
            return self.rng.choice(np.asarray([-128, -127, 0, 127], dtype=np.int8), size=shape)
        return self.rng.integers(-127, 128, size=shape, dtype=np.int8)

    def bias(self, size: int, spread: float) -> npt.NDArray[np.int32]:
        if self.style == "zero":
            return np.zeros(size, dtype=np.int32)
        if self.style == "extreme":
            return self.rng.integers(-(2**30), 2**30, size=size, dtype=np.int32)
        return self.rng.normal(0, spread / 4, size=size).astype(np.int32)

    def factors(self, size: int, depth: int, steps: float = 50.0) -> npt.NDArray[np.float64]:
        """Real factors that turn accumulators over `depth` products into about `steps` steps of the output."""
        wanted = steps / (np.sqrt(depth) * 73 * 60)
        spread = {"saturating": (20.0, 40.0), "extreme": (1e-7, 1e3)}.get(self.style, (0.7, 1.4))
        return wanted * np.exp(self.rng.uniform(*np.log(spread), size=size))

    def zero_point(self) -> int:
        return int(self.rng.choice([-128, 127])) if self.style == "extreme" else int(self.rng.integers(-60, 60))

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
        bias = self.b.tensor((maps,), "INT32", data=self.bias(maps, spread), scales=scales * self.scale(x))
        output = self.b.tensor((1, side, side, maps), scales=out_scale, zeros=self.zero_point())
        options = {"padding": 1, "strideW": 2, "strideH": 2, "dilationWFactor": 1, "dilationHFactor": 1}
        return self.b.op("CONV_2D", [x, kernel, bias], output, version=3, **options)

    def dense(self, x: int, depth: int, size: int, shape: Sequence[int], **options: Any) -> int:
        out_scale = 0.04
        scales = self.factors(size, depth) * out_scale / self.scale(x)
        kernel = self.b.tensor((size, depth), data=self.weights((size, depth)), scales=scales)
        spread = np.sqrt(depth) * 73 * 60
        bias = self.b.tensor((size,), "INT32", data=self.bias(size, spread), scales=scales * self.scale(x))
        output = self.b.tensor(shape, scales=out_scale, zeros=self.zero_point())
        return self.b.op("FULLY_CONNECTED", [x, kernel, bias], output, version=5, **options)

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
        biases = [self.b.tensor((width,), "INT32", data=self.bias(width, spread), scales=1.0) for _ in range(4)]
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


@pytest.fixture(scope="session")
def make_model() -> Maker:
    """make_model(users=10, style="random", seed=0, **fields of Network) -> the bytes of an int8 model."""

    def make(users: int = 10, style: str = "random", seed: int = 0, **fields: Any) -> bytes:
        return Network(users, style, np.random.default_rng(seed), **fields).build()

    return make


@pytest.fixture(scope="session")
def make_words() -> Callable[..., Words]:
    """make_words(count, seed=0) -> that many words of 1..20 fragments: noise of either depth, white and black."""

    def make(count: int, seed: int = 0) -> Words:
        rng = np.random.default_rng(seed)
        lengths = rng.permutation(np.arange(count) % 20 + 1)
        words = [rng.integers(0, 256, (int(n), 33, 33), dtype=np.uint8) for n in lengths]
        for i in range(0, count, 2):
            words[i] = np.where(words[i] >= rng.integers(256), np.uint8(255), np.uint8(0))
        words[0][:] = 0
        words[-1][:] = 255
        return Words.of(words)

    return make


# --- a run and its bundle, by TensorFlow ---------------------------------------------------------------------------

USERS, WRITERS, PER_WRITER = 4, 16, 60


def _writing(writer: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Fragments by a writer whose strokes lie in places of his own, with noise: easy to tell apart."""
    own = np.random.default_rng(writer).random((33, 33)) < 0.25
    noise = rng.random((count, 33, 33))
    return np.where((own & (noise < 0.8)) | (noise < 0.05), np.uint8(255), np.uint8(0))


def _fragments(writers: Sequence[int], rng: np.random.Generator) -> FragmentSet:
    pixels = np.concatenate([_writing(w, PER_WRITER, rng) for w in writers])
    writer = np.repeat(np.asarray(writers, dtype=np.int32), PER_WRITER)
    order = np.tile(np.arange(PER_WRITER, dtype=np.int32), len(writers))
    return FragmentSet(pixels, writer, np.full(len(writer), -1, dtype=np.int32), order)


def _network(users: int) -> Any:
    """The network as package train builds it, from the plan's numbers, with random weights."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    layers, width = tf_keras.layers, 49 + users
    x = source = tf_keras.Input((None, 33, 33, 1))
    x = layers.TimeDistributed(layers.Conv2D(6, 5, 2, activation="tanh"), name="conv1")(x)
    x = layers.TimeDistributed(layers.Conv2D(24, 5, 2, activation="tanh"), name="conv2")(x)
    x = layers.TimeDistributed(layers.Flatten(), name="flatten")(x)
    x = layers.TimeDistributed(layers.Dense(width, activation="tanh"), name="fc")(x)
    x = layers.LSTM(width, return_sequences=True, name="lstm")(x)
    model = tf_keras.Model(source, layers.TimeDistributed(layers.Dense(users + 1), name="logits")(x))
    rng = np.random.default_rng(2)  # a bias of zeros would be left out of the graph
    model.set_weights([w + rng.normal(0, 0.05, w.shape) * (w.ndim == 1) for w in model.get_weights()])
    return model


def _fit_outputs(model: Any, fragments: FragmentSet) -> None:
    """Least squares for the last layer alone: the cheapest training that makes decisions worth comparing."""
    import tf_keras

    words = np.stack([fragments.pixels[fragments.writer == w][:10] for w in fragments.writers])
    hidden = tf_keras.Model(model.input, model.get_layer("lstm").output)(words[..., None].astype(np.float32) / 255)
    x = np.asarray(hidden).reshape(-1, hidden.shape[-1])
    label = np.repeat(np.minimum(np.arange(len(words)), USERS), 10)
    target = np.where(np.arange(USERS + 1) == label[:, None], 4.0, -1.0)
    x1 = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    solution = np.linalg.solve(x1.T @ x1 + 1e-2 * np.eye(x1.shape[1]), x1.T @ target)
    model.get_layer("logits").set_weights([solution[:-1], solution[-1]])


@pytest.fixture(scope="session")
def keras_model() -> Any:
    """A tf_keras model of 4 users whose last layer was fitted."""
    model = _network(USERS)
    _fit_outputs(model, _fragments(range(12), np.random.default_rng(0)))
    return model


@pytest.fixture(scope="session")
def run_path(keras_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory as `inkgate train` leaves it: 4 users, 8 background writers, strangers for two purposes."""
    path, rng = tmp_path_factory.mktemp("run"), np.random.default_rng(5)
    users = list(range(USERS))
    _fragments([*users, *range(4, 12)], rng).save(path / "calibration.npz")
    _fragments(range(100, 110), rng).save(path / "development.npz")
    _fragments([*users, *range(200, 210)], rng).save(path / "test.npz")
    keras_model.save(path / "model.keras")
    config = {
        "users": [f"user {k}" for k in users],
        "user_writers": users,
        "pixel_bits": 1,
        "seed": 3,
        "dataset": "places",
        "data_sha256": "0" * 64,
        "something_else": True,
    }
    (path / "config.json").write_text(json.dumps(config))
    (path / "plan.json").write_text(json.dumps({"users": USERS, "outputs": USERS + 1}))
    return path
