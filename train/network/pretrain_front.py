"""Fragments of many writers -> convolutions and hidden layer that tell them apart.

Each source has outputs of its own, so that nothing is gained by telling the sources apart. An output knows its writer
in general and by each symbol: the features of a 7 are compared with those of the same writer's sevens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from train.network.augment import augment
from train.network.bank import front_of
from train.network.loop import Schedule, WordSampler, run_steps
from train.network.sources import Source, split_by_share
from train.network.training_settings import PretrainSettings
from train.progress import Progress

_START = 0.05
"""Standard deviation of the outputs' weights at the start."""


def train_front(
    model: Any,
    sources: Sequence[Source],
    pixel_bits: int,
    settings: PretrainSettings,
    *,
    recipe: dict[str, Any],
    checkpoints: Path | None,
    progress: Progress,
) -> list[tuple[int, float]]:
    """Train the convolutions and the hidden layer of a model in place; return the losses.

    They are pairs (step, mean loss): the mean cross-entropy of naming a fragment's writer among those of its source.
    recipe: all that the result follows from; checkpoints of another one are not continued.
    """
    front = front_of(model)
    classes = [source.classes for source in sources]
    outputs = [
        WriterOutputs(front.output_shape[-1], len(source.writers), int(codes.max()) + 1)
        for source, codes in zip(sources, classes, strict=True)
    ]
    network = _Network(front, outputs)
    optimizer = Schedule(settings.steps, settings.rate).optimizer()
    groups = split_by_share(sources, settings.groups)
    sizes = [count * settings.each for count in groups]
    renderings = [rendering.pixels for source in sources for rendering in source.renderings]
    starts = np.cumsum([0, *(len(pixels) for pixels in renderings)])
    pixels = tf.constant(np.concatenate(renderings))

    @tf.function  # type: ignore[untyped-decorator]
    def learn(index: Any, label: Any, shown: Any, seed: Any) -> Any:
        seeds = tf.random.experimental.stateless_split(seed, 2)
        seen = augment(tf.gather(pixels, index), seeds[0], settings.augmentation, pixel_bits)
        with tf.GradientTape() as tape:
            features = tf.nn.experimental.stateless_dropout(front(seen, training=True), settings.blanked, seeds[1])
            named, punished = 0.0, 0.0
            parts = (tf.split(values, sizes) for values in (features, label, shown))
            for own, of, codes, heads in zip(*parts, outputs, strict=True):
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(of, heads.logits(own, codes))
                named += tf.reduce_sum(losses) / sum(sizes)
                punished += tf.reduce_sum(heads.by_symbol**2) * (len(of) / sum(sizes))
            loss = named + settings.decay * punished
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return named

    samplers = [WordSampler(source.renderings[0], source.writers) for source in sources]

    def step(number: int) -> Any:
        rng = np.random.default_rng([settings.seed, number])
        index, label, shown, first = [], [], [], 0
        for source, sampler, codes, count in zip(sources, samplers, classes, groups, strict=True):
            who = rng.integers(len(sampler.counts), size=count)
            how = first + rng.choice(len(source.renderings), size=count, p=source.chances)
            chosen = sampler.draw(who, settings.each, rng)
            index.append((starts[how][:, None] + chosen).ravel())
            label.append(np.repeat(who, settings.each))
            shown.append(codes[chosen].ravel())
            first += len(source.renderings)
        drawn = [tf.constant(np.concatenate(values), tf.int32) for values in (index, label, shown)]
        return learn(*drawn, tf.constant([settings.seed, number], tf.int32))

    return run_steps(
        network,
        optimizer,
        step,
        what="pre-training on fragments",
        steps=settings.steps,
        settings=recipe | {"stage": "front", **asdict(settings)},
        checkpoints=checkpoints,
        progress=progress,
    )


class WriterOutputs(tf.Module):  # type: ignore[misc]
    """One output for each writer of a source: weights in general and by symbol, and a bias by symbol."""

    def __init__(self, features: int, writers: int, symbols: int) -> None:
        super().__init__()
        self.symbols = symbols
        self.general = tf.Variable(tf.random.normal([features, writers], stddev=_START))
        self.by_symbol = tf.Variable(tf.zeros([symbols * features, writers]))
        self.bias = tf.Variable(tf.zeros([symbols, writers]))

    def logits(self, features: Any, shown: Any) -> Any:
        """Return the logits [N, writers] of features [N, F] of fragments that show the symbols `shown` [N]."""
        place = tf.one_hot(shown, self.symbols)[:, :, tf.newaxis]
        apart = tf.reshape(place * features[:, tf.newaxis, :], [-1, self.by_symbol.shape[0]])
        return features @ self.general + apart @ self.by_symbol + tf.gather(self.bias, shown)


class _Network(tf.Module):  # type: ignore[misc]
    """A front and the outputs of every source: what is trained and what a checkpoint holds."""

    def __init__(self, front: Any, outputs: list[WriterOutputs]) -> None:
        super().__init__()
        self.front, self.outputs = front, outputs

    @property
    def trainable_variables(self) -> list[Any]:
        """Everything that is trained, the front first."""
        return [*self.front.trainable_variables, *(v for part in self.outputs for v in part.trainable_variables)]
