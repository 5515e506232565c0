"""A reader's layers -> its numbers of weights and multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass

from edge.ink.fragment import SIDE


@dataclass(frozen=True)
class Convolution:
    """A convolution layer without padding.

    A max-pooling over `pool` x `pool` values follows if that is above 1.
    """

    maps: int
    kernel: int
    stride: int = 1
    pool: int = 1


@dataclass(frozen=True)
class Structure:
    """A network that reads symbols: convolutions, one hidden layer, an output for each symbol.

    ReLU stands in between.

    name        as `--network` calls it
    side        pixels along each side of its input
    pixel_bits  bits a pixel of its input
    hidden      units of the fully connected layer
    refined     whether it is trained with batch normalisation, which the converter merges into the weights
    """

    name: str
    side: int
    pixel_bits: int
    convolutions: tuple[Convolution, ...]
    hidden: int
    refined: bool

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of the maps of each convolution, before its pooling."""
        sides, side = [], self.side
        for layer in self.convolutions:
            sides.append((side - layer.kernel) // layer.stride + 1)
            side = sides[-1] // layer.pool
        return tuple(sides)

    def weights(self, symbols: int) -> int:
        """Return the number of weights and biases, with `symbols` outputs."""
        return sum(count + biases for count, biases, _ in self._layers(symbols))

    def macs(self, symbols: int) -> int:
        """Return the number of multiply-accumulates a fragment, with `symbols` outputs."""
        return sum(count * places for count, _, places in self._layers(symbols))

    def _layers(self, symbols: int) -> list[tuple[int, int, int]]:
        """Return (weights, biases, places where the weights are applied) of each layer."""
        layers, depth = [], 1
        for layer, side in zip(self.convolutions, self.sides, strict=True):
            layers.append((layer.kernel**2 * depth * layer.maps, layer.maps, side**2))
            depth = layer.maps
        flat = (self.sides[-1] // self.convolutions[-1].pool) ** 2 * depth
        return [*layers, (flat * self.hidden, self.hidden, 1), (self.hidden * symbols, symbols, 1)]


SHIPPED = Structure(
    name="shipped",
    side=SIDE,
    pixel_bits=1,
    convolutions=(Convolution(16, 5, 2), Convolution(32, 3), Convolution(48, 3, 2), Convolution(64, 3)),
    hidden=128,
    refined=True,
)
"""Our own network for the fragments that a board sends."""

PUBLISHED = Structure(
    name="published", side=28, pixel_bits=8, convolutions=(Convolution(30, 5, pool=2),), hidden=100, refined=False
)
"""The published network: MNIST's 28x28 grey pixels, 30 maps of 5x5, max-pooling over 2x2, 100 units, 10 outputs."""

STRUCTURES = {structure.name: structure for structure in (SHIPPED, PUBLISHED)}
