"""A reader's structure -> the Keras network: pixels in, a logit for each symbol out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tf_keras

if TYPE_CHECKING:
    from train.reader.structure import Structure

DROPOUT = 0.3
"""Share of the hidden layer's outputs that are blanked at random in training, where the structure is refined."""


def build(structure: Structure, symbols: int, batch: int | None = None) -> tf_keras.Model:
    """Build the untrained network: float32 [batch, side, side, 1] in [0, 1] -> logits [batch, symbols].

    Batch normalisation stands between a layer and its ReLU, where the converter merges it into the layer's weights.
    """
    layers = tf_keras.layers
    x = source = layers.Input((structure.side, structure.side, 1), batch_size=batch, name="fragment")
    for number, layer in enumerate(structure.convolutions, start=1):
        x = layers.Conv2D(layer.maps, layer.kernel, layer.stride, use_bias=not structure.refined, name=f"conv{number}")(
            x
        )
        x = _activate(x, structure)
        if layer.pool > 1:
            x = layers.MaxPooling2D(layer.pool)(x)
    x = layers.Flatten()(x)
    x = _activate(layers.Dense(structure.hidden, use_bias=not structure.refined, name="hidden")(x), structure)
    if structure.refined:
        x = layers.Dropout(DROPOUT)(x)
    return tf_keras.Model(source, layers.Dense(symbols, name="logits")(x), name="reader")


def _activate(x: object, structure: Structure) -> object:
    normalised = tf_keras.layers.BatchNormalization(momentum=0.98)(x) if structure.refined else x
    return tf_keras.layers.ReLU()(normalised)
