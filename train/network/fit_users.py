"""Backbone, fragments of K users and of strangers -> a network of K + 1 outputs that knows the users.

Enrolling leaves the convolutions and the hidden layer as the backbone has them. So their output is computed once, for
several augmented versions of every fragment, and only the LSTM and the outputs are trained on it: nine tenths of the
multiply-accumulates are spent once instead of at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from edge.ink.fragment_set import FragmentSet
from train.network.augment import Augmentation, augment, quantise_pixels
from train.network.backbone import Backbone, transfer
from train.network.keras_model import build
from train.network.loop import Schedule, WordSampler, run_steps
from train.network.training_settings import EnrolSettings
from train.plan.architecture import ArchitecturePlan
from train.progress import Progress, silent

Features = NDArray[np.float32]

_CHUNK = 2048


def enrol(
    backbone: Backbone,
    plan: ArchitecturePlan,
    users: FragmentSet,
    user_writers: Sequence[int],
    strangers: FragmentSet,
    settings: EnrolSettings,
    *,
    checkpoints: Path | None = None,
    progress: Progress = silent,
) -> tuple[Any, list[tuple[int, float]]]:
    """Train the LSTM and the K + 1 outputs; return the Keras model and the losses, (step, mean loss).

    users: 8-bit fragments to enrol from. user_writers: their writers in label order. strangers: fragments of background
    writers. The loss is the cross-entropy of equation 2 after every fragment, so that each prefix of a word is a word
    too: the network learns words of 1 to `settings.symbols` fragments.
    """
    tf_keras.utils.set_random_seed(settings.seed)
    model = build(plan)
    transfer(backbone.arrays, model)
    bank = _Bank(model, backbone.pixel_bits, settings.seed, progress)
    mine = bank.features(users, settings.user_versions)
    theirs = bank.features(strangers, settings.stranger_versions)
    features = tf.constant(np.concatenate([mine, theirs]))
    tail = _tail(model, plan.hidden)
    optimizer = Schedule(settings.steps, settings.rate).optimizer()

    user_words = WordSampler(users, tuple(user_writers))
    stranger_words = WordSampler(strangers, tuple(int(w) for w in strangers.writers))

    def learn_words(index: Any, label: Any, seed: Any) -> Any:
        inputs = tf.nn.experimental.stateless_dropout(tf.gather(features, index), settings.blanked, seed)
        with tf.GradientTape() as tape:
            logits = tail(inputs, training=True)
            wanted = tf.repeat(label[:, None], settings.symbols, 1)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits))
        gradients = tape.gradient(loss, tail.trainable_variables)
        optimizer.apply_gradients(zip(gradients, tail.trainable_variables, strict=True))
        return loss

    learn = tf.function(learn_words)

    def step(number: int) -> Any:
        rng = np.random.default_rng([settings.seed, number])
        foreign = rng.random(settings.words) < settings.strangers
        label = np.where(foreign, plan.users, rng.integers(plan.users, size=settings.words))
        index = np.empty((settings.words, settings.symbols), np.int64)
        index[~foreign] = _versions(
            user_words.draw(label[~foreign], settings.symbols, rng), settings.user_versions, rng
        )
        who = rng.integers(len(stranger_words.counts), size=int(foreign.sum()))
        index[foreign] = len(mine) + _versions(
            stranger_words.draw(who, settings.symbols, rng), settings.stranger_versions, rng
        )
        seed = tf.constant([settings.seed, number], tf.int32)
        return learn(tf.constant(index, tf.int32), tf.constant(label, tf.int32), seed)

    history = run_steps(
        tail,
        optimizer,
        step,
        what="enrolling the users",
        steps=settings.steps,
        settings={
            "users": [users.sha256, *user_writers],
            "strangers_sha256": strangers.sha256,
            "plan": plan.to_dict(),
            "backbone": dict(backbone.about),
            **vars(settings),
        },
        checkpoints=checkpoints,
        progress=progress,
    )
    return model, history


class _Bank:
    """The layers of a model that enrolling leaves as they are: they compute the hidden layer's output."""

    def __init__(self, model: Any, pixel_bits: int, seed: int, progress: Progress) -> None:
        front = _front(model)
        self._as_written = tf.function(
            lambda pixels: front(quantise_pixels(tf.cast(pixels[..., None], tf.float32), pixel_bits))
        )
        self._moved = tf.function(lambda pixels, seed: front(augment(pixels, seed, Augmentation(), pixel_bits)))
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


def _front(model: Any) -> Any:
    """Return the network up to the hidden layer, one fragment at a time, sharing the model's weights."""
    fragment = tf_keras.Input(model.input_shape[2:])
    x = fragment
    for layer in model.layers[1:]:
        if layer.name == "lstm":
            break
        x = layer.layer(x)
    return tf_keras.Model(fragment, x)


def _tail(model: Any, hidden: int) -> Any:
    """Return the network from the hidden layer's output on, sharing the model's weights."""
    features = tf_keras.Input((None, hidden))
    return tf_keras.Model(features, model.get_layer("logits")(model.get_layer("lstm")(features)))


def _versions(index: NDArray[np.int64], versions: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Pick a random version of each fragment; return its row in what `_Bank.features` returned."""
    return index * versions + rng.integers(versions, size=index.shape)
