"""A network -> its front, which sees single fragments, its tail, and what the front computes.

Where the front is not trained, its outputs are computed once, for several augmented versions of every fragment, and
only the tail is trained on them: nine tenths of the multiply-accumulates are spent once instead of at every step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from edge.ink.fragment_set import FragmentSet
from train.network.augment import augment, quantise_pixels
from train.network.training_settings import Augmentation
from train.progress import Progress

Features = NDArray[np.float32]

_CHUNK = 2048


def front_of(model: Any) -> Any:
    """Return the network up to the hidden layer, one fragment at a time, sharing the model's weights."""
    fragment = tf_keras.Input(model.input_shape[2:])
    x = fragment
    for layer in model.layers[1:]:
        if layer.name == "lstm":
            break
        x = layer.layer(x)
    return tf_keras.Model(fragment, x)


def tail_of(model: Any, hidden: int) -> Any:
    """Return the network from the hidden layer's output on, sharing the model's weights."""
    features = tf_keras.Input((None, hidden))
    return tf_keras.Model(features, model.get_layer("logits")(model.get_layer("lstm")(features)))


class Bank:
    """The layers of a model that a training leaves as they are: they compute the hidden layer's output."""

    def __init__(self, model: Any, pixel_bits: int, amount: Augmentation, seed: int, progress: Progress) -> None:
        front = front_of(model)
        self._as_written = tf.function(
            lambda pixels: front(quantise_pixels(tf.cast(pixels[..., None], tf.float32), pixel_bits))
        )
        self._moved = tf.function(lambda pixels, seed: front(augment(pixels, seed, amount, pixel_bits)))
        self._seed, self._progress = seed, progress

    def features(self, fragments: FragmentSet, versions: int) -> Features:
        """Compute the hidden layer's output for every version of N fragments: float32 [N * versions, hidden].

        Row n * versions + v is version v of fragment n. Version 0 is the fragment as written; the others are augmented.
        """
        rows = []
        for start in range(0, len(fragments), _CHUNK):
            pixels = fragments.pixels[start : start + _CHUNK]
            seeds = [tf.constant([self._seed, start * versions + v], tf.int32) for v in range(1, versions)]
            made = [self._as_written(pixels), *(self._moved(pixels, seed) for seed in seeds)]
            rows.append(np.stack([part.numpy() for part in made], axis=1))
            self._progress("computing features", min(start + _CHUNK, len(fragments)), len(fragments))
        stacked = np.concatenate(rows)
        return stacked.reshape(-1, stacked.shape[-1])


def pick_versions(index: NDArray[np.int64], versions: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Pick a random version of each fragment; return its row in what `Bank.features` returned."""
    return index * versions + rng.integers(versions, size=index.shape)
