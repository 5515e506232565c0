"""Samples of several sources -> a trained reader."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from train.network.loop import run_steps
from train.progress import Progress, silent
from train.reader.augment import distort
from train.reader.network import HIDDEN, LOGITS, build
from train.reader.samples import Pack, Samples, Source
from train.reader.settings import Distortion, ReaderSettings
from train.reader.structure import Structure


def fit_reader(
    structure: Structure,
    symbols: int,
    sources: Sequence[Source],
    settings: ReaderSettings,
    *,
    checkpoints: Path | None = None,
    save_every: int = 1000,
    progress: Progress = silent,
) -> tuple[Any, list[tuple[int, float]]]:
    """Train a reader of so many symbols; return the network and the losses as (step, mean loss) pairs.

    Every batch has its share of each source. A training that was killed goes on from the last of its `checkpoints`,
    which are made every so many steps, unless they are of another training.
    """
    tf_keras.utils.set_random_seed(settings.seed)
    model, optimizer = build(structure, symbols), _optimizer(settings)
    hidden = tf_keras.Model(model.input, model.get_layer(HIDDEN).output)
    pixels = [tf.constant(source.samples.pixels) for source in sources]
    labels = [tf.constant(source.samples.label) for source in sources]
    data = [[source.name, len(source.samples), source.share, _sum(source.samples)] for source in sources]
    sizes = _sizes([source.share for source in sources], settings.batch)

    @tf.function  # type: ignore[untyped-decorator]
    def learn(indices: Any, seed: Any) -> Any:
        shown = tf.concat([tf.gather(p, i) for p, i in zip(pixels, indices, strict=True)], axis=0)
        label = tf.concat([tf.gather(own, i) for own, i in zip(labels, indices, strict=True)], axis=0)
        seeds = tf.random.experimental.stateless_split(seed, 2)
        seen = _seen(shown, seeds[0], settings.distortion)
        with tf.GradientTape() as tape:
            kept = tf.nn.experimental.stateless_dropout(hidden(seen, training=True), settings.blanked, seeds[1])
            logits = model.get_layer(LOGITS)(kept)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    packs = [Pack(len(s.samples), size, settings.seed) for s, size in zip(sources, sizes, strict=True)]

    def step(number: int) -> Any:
        indices = [tf.constant(pack.deal(number)) for pack in packs]
        return learn(indices, tf.constant([settings.seed, number], tf.int32))

    history = run_steps(
        model,
        optimizer,
        step,
        what=f"training the {structure.name} reader",
        steps=settings.steps,
        settings={"structure": asdict(structure), "symbols": symbols, "data": data, **asdict(settings)},
        checkpoints=checkpoints,
        save_every=save_every,
        progress=progress,
    )
    return model, history


def _seen(pixels: Any, seed: Any, distortion: Distortion | None) -> Any:
    """Return what the network is shown: float32 [N, S, S, 1] in [0, 1]."""
    if distortion is not None:
        return distort(pixels, seed, distortion)
    return tf.cast(pixels[..., tf.newaxis], tf.float32) / 255.0


def _optimizer(settings: ReaderSettings) -> Any:
    schedule = tf_keras.optimizers.schedules.CosineDecay(
        0.0, settings.steps, warmup_target=settings.rate, warmup_steps=max(1, settings.steps // 20)
    )
    optimizer = tf_keras.optimizers.AdamW(schedule, weight_decay=settings.decay)
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    return optimizer


def _sum(samples: Samples) -> str:
    """Return a sum over the samples, by which checkpoints made on other ones are told."""
    return hashlib.sha256(samples.pixels.tobytes() + samples.label.tobytes()).hexdigest()


def _sizes(shares: Sequence[float], batch: int) -> list[int]:
    """Return how many of a batch each source gives: in proportion to the shares, their sum the batch."""
    ends = np.rint(np.cumsum(shares) / np.sum(shares) * batch).astype(int)
    return [int(size) for size in np.diff(ends, prepend=0)]
