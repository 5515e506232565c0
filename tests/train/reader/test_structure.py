"""The numbers that follow from a structure are those of the Keras network."""

import numpy as np
import pytest

from train.reader.network import build
from train.reader.structure import PUBLISHED, SHIPPED, STRUCTURES, Structure


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
@pytest.mark.parametrize("symbols", [10, 26])
def test_weights_and_multiply_accumulates_are_those_of_the_network(structure: Structure, symbols: int) -> None:
    network = build(structure, symbols)
    layers = [layer for layer in network.layers if hasattr(layer, "kernel")]
    kernels = [int(np.prod(layer.kernel.shape)) for layer in layers]
    places = [int(np.prod(layer.output.shape[1:-1])) for layer in layers]
    assert structure.macs(symbols) == sum(size * count for size, count in zip(kernels, places, strict=True))
    # Batch normalisation, which the converter merges, gives every output of its layer the bias that is counted.
    assert structure.weights(symbols) == sum(kernels) + sum(int(layer.kernel.shape[-1]) for layer in layers)


def test_the_published_network_is_the_published_one() -> None:
    assert (PUBLISHED.side, PUBLISHED.sides, PUBLISHED.hidden) == (28, (24,), 100)
    assert (PUBLISHED.weights(10), PUBLISHED.macs(10)) == (433_890, 865_000)
    names = [type(layer).__name__ for layer in build(PUBLISHED, 10).layers]
    assert names == ["InputLayer", "Conv2D", "ReLU", "MaxPooling2D", "Flatten", "Dense", "ReLU", "Dense"]


def test_the_shipped_network_costs_about_two_million_multiply_accumulates() -> None:
    assert SHIPPED.sides == (15, 13, 6, 4)
    assert (SHIPPED.weights(10), SHIPPED.macs(10)) == (179_130, 1_941_136)
