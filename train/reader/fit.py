"""Samples of several sources -> a trained reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from train.progress import Progress, silent
from train.reader.augment import Distortion, distort
from train.reader.network import build
from train.reader.samples import Source, batches
from train.reader.structure import Structure

_REPORT_EVERY = 50


@dataclass(frozen=True)
class ReaderSettings:
    """Settings of a reader's training: with structure and data they determine the network.

    steps, batch  number of steps, and of fragments in each
    rate          highest rate of Adam: reached after 5 % of the steps, then lowered to 0 along a cosine
    decay         share of the rate by which weights shrink in each step, where the structure is refined
    """

    steps: int = 14_000
    batch: int = 256
    rate: float = 3e-3
    decay: float = 0.02
    seed: int = 1
    distortion: Distortion = field(default_factory=Distortion)


def fit_reader(
    structure: Structure,
    symbols: int,
    sources: Sequence[Source],
    settings: ReaderSettings,
    progress: Progress = silent,
) -> tuple[Any, list[tuple[int, float]]]:
    """Train a reader of so many symbols; return the network and the losses as (step, mean loss) pairs.

    Every batch has its share of each source. A refined structure sees distorted fragments of 1 bit, another one the
    pixels as they are.
    """
    tf_keras.utils.set_random_seed(settings.seed)
    model, optimizer = build(structure, symbols), _optimizer(structure, settings)
    pixels = [tf.constant(source.samples.pixels) for source in sources]
    labels = [tf.constant(source.samples.label) for source in sources]
    sizes = _sizes([source.share for source in sources], settings.batch)

    @tf.function  # type: ignore[untyped-decorator]
    def learn(indices: Any, seed: Any) -> Any:
        shown = tf.concat([tf.gather(p, i) for p, i in zip(pixels, indices, strict=True)], axis=0)
        label = tf.concat([tf.gather(own, i) for own, i in zip(labels, indices, strict=True)], axis=0)
        seen = _seen(shown, seed, structure, settings)
        with tf.GradientTape() as tape:
            logits = model(seen, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    rng = np.random.default_rng(settings.seed)
    streams = [batches(len(source.samples), size, rng) for source, size in zip(sources, sizes, strict=True)]
    history, losses = [], []
    for number in range(1, settings.steps + 1):
        indices = [tf.constant(next(stream)) for stream in streams]
        losses.append(learn(indices, tf.constant([settings.seed, number], tf.int32)))
        if number % _REPORT_EVERY == 0 or number == settings.steps:
            history.append((number, float(np.mean([float(loss) for loss in losses]))))
            losses = []
            progress(f"training the {structure.name} reader", number, settings.steps, history[-1][1])
    return model, history


def _seen(pixels: Any, seed: Any, structure: Structure, settings: ReaderSettings) -> Any:
    if structure.refined:
        return distort(pixels, seed, settings.distortion)
    return tf.cast(pixels[..., tf.newaxis], tf.float32) / 255.0


def _optimizer(structure: Structure, settings: ReaderSettings) -> Any:
    schedule = tf_keras.optimizers.schedules.CosineDecay(
        0.0, settings.steps, warmup_target=settings.rate, warmup_steps=max(1, settings.steps // 20)
    )
    if not structure.refined:
        return tf_keras.optimizers.Adam(schedule)
    optimizer = tf_keras.optimizers.AdamW(schedule, weight_decay=settings.decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _sizes(shares: Sequence[float], batch: int) -> list[int]:
    """Return how many of a batch each source gives: in proportion to the shares, their sum the batch."""
    ends = np.rint(np.cumsum(shares) / np.sum(shares) * batch).astype(int)
    return [int(size) for size in np.diff(ends, prepend=0)]
