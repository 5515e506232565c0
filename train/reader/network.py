"""A reader's structure -> the Keras network: pixels in, a logit for each symbol out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tf_keras

if TYPE_CHECKING:
    from train.reader.structure import Structure

HIDDEN, LOGITS = "hidden-relu", "logits"
"""Names of the layer that gives the hidden layer's outputs, and of the last layer, which makes logits of them."""


def build(structure: Structure, symbols: int, batch: int | None = None) -> tf_keras.Model:
    """Build the untrained network: float32 [batch, side, side, 1] in [0, 1] -> logits [batch, symbols].

    Batch normalisation stands between a layer and its ReLU, where the converter merges it into the layer's weights.
    """
    layers = tf_keras.layers
    x = source = layers.Input((structure.side, structure.side, 1), batch_size=batch, name="fragment")
    for number, layer in enumerate(structure.convolutions, start=1):
        name = f"conv{number}"
        convolution = layers.Conv2D(layer.maps, layer.kernel, layer.stride, use_bias=not structure.refined, name=name)
        x = _activate(convolution(x), structure, name)
        if layer.pool > 1:
            x = layers.MaxPooling2D(layer.pool, name=f"{name}-pool")(x)
    x = layers.Flatten(name="flatten")(x)
    hidden = layers.Dense(structure.hidden, use_bias=not structure.refined, name="hidden")
    x = _activate(hidden(x), structure, "hidden")
    return tf_keras.Model(source, layers.Dense(symbols, name=LOGITS)(x), name="reader")


def _activate(x: Any, structure: Structure, name: str) -> Any:
    """Return the layer's output after batch normalisation, if the structure is refined, and ReLU."""
    if structure.refined:
        x = tf_keras.layers.BatchNormalization(momentum=0.98, name=f"{name}-norm")(x)
    return tf_keras.layers.ReLU(name=f"{name}-relu")(x)
