"""Structure and style -> int8 readers of symbols as `inkgate train-reader` makes them, with invented integers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from generated_models import Case, Network

RELU = 1
STYLES = ("random", "saturating", "extreme", "growing")


class Layer(NamedTuple):
    """A convolution: maps, side of its kernel, stride; a max-pooling over `pool` x `pool` values if above 1."""

    maps: int
    kernel: int
    stride: int = 1
    pool: int = 1


@dataclass
class ReaderNetwork(Network):
    """A reader of symbols: convolutions with ReLU, perhaps pooled, a hidden layer with ReLU, logits.

    users: the number of symbols. lifted: a ReLU's output has a zero point above -128, so that it really cuts.
    """

    layers: Sequence[Layer] = (Layer(4, 5, 2), Layer(6, 3), Layer(8, 3, 2), Layer(8, 3))
    hidden: int = 16
    lifted: bool = False

    def build(self) -> bytes:
        side, depth = self.side, 1
        source = x = self.b.tensor((1, side, side, 1), scales=1 / 255, zeros=-128)
        for layer in self.layers:
            side = (side - layer.kernel) // layer.stride + 1
            x, depth = self.convolve(x, depth, layer, side), layer.maps
            if layer.pool > 1:
                side //= layer.pool
                x = self.pool(x, layer.pool, side, depth)
        x = self.reshape(x, (1, side * side * depth))
        x = self.dense(x, side * side * depth, self.hidden, (1, self.hidden), fusedActivationFunction=RELU)
        self.lifted = True  # logits have no ReLU, and a zero point in the middle
        return self.b.finish(source, self.dense(x, self.hidden, self.users, (1, self.users)))

    def zero_point(self) -> int:
        return int(self.rng.integers(-100, 60)) if self.lifted else -128

    def convolve(self, x: int, depth: int, layer: Layer, side: int) -> int:
        out_scale, taps = 0.03, layer.kernel**2 * depth
        scales = self.factors(layer.maps, taps) * out_scale / self.scale(x)
        shape = (layer.maps, layer.kernel, layer.kernel, depth)
        kernel = self.b.tensor(shape, data=self.weights(shape), scales=scales)
        biases = self.biases(layer.maps, np.sqrt(taps) * 73 * 60)
        bias = self.b.tensor((layer.maps,), "INT32", data=biases, scales=scales * self.scale(x))
        output = self.b.tensor((1, side, side, layer.maps), scales=out_scale, zeros=self.zero_point())
        options: dict[str, Any] = {"padding": 1, "strideW": layer.stride, "strideH": layer.stride}
        options |= {"dilationWFactor": 1, "dilationHFactor": 1, "fusedActivationFunction": RELU}
        return self.b.op("CONV_2D", [x, kernel, bias], output, version=3, **options)

    def pool(self, x: int, pool: int, side: int, depth: int) -> int:
        before = self.b.graph.tensors[x].quantization
        output = self.b.tensor((1, side, side, depth), scales=self.scale(x), zeros=int(before.zeroPoint[0]))
        options = {"padding": 1, "strideW": pool, "strideH": pool, "filterWidth": pool, "filterHeight": pool}
        return self.b.op("MAX_POOL_2D", [x], output, version=2, **options)


PUBLISHED = {"side": 28, "layers": (Layer(30, 5, pool=2),), "hidden": 100}
"""The published network."""


def reader_cases() -> Iterator[Case]:
    """Yield the generated readers: the shipped structure, the published one, oddities. Equal on every machine."""
    structures: tuple[dict[str, Any], ...] = (
        {},
        {"layers": (Layer(16, 5, 2), Layer(32, 3), Layer(48, 3, 2), Layer(64, 3)), "hidden": 128},
        PUBLISHED,
        {"layers": (Layer(7, 5, 2, 3), Layer(5, 3)), "hidden": 9},
        {"lifted": True},
        PUBLISHED | {"lifted": True},
        {"layers": (Layer(6, 3, 2), Layer(24, 3, 2), Layer(12, 7)), "hidden": 33},  # the last map has one place
        {"bias": False},
    )
    for number, fields in enumerate(structures):
        for style in STYLES:
            network = ReaderNetwork((10, 26)[number % 2], style, np.random.default_rng(500 + number), **fields)
            yield Case(f"reader {number} {style}", network.side, network.build())
