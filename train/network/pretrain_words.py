"""A trained front and words of many writers -> the LSTM that tells the writers apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from train.network.bank import Bank, pick_versions, tail_of
from train.network.loop import Schedule, WordSampler, run_steps
from train.network.sources import Source, split_by_share
from train.network.training_settings import PretrainSettings
from train.progress import Progress

_WORDS = ((128, 4), (64, 8), (42, 12))
"""Choices of (words a step, fragments a word), each of about 512 fragments a step.

Words are short, because after a dozen symbols the writer is known and nothing more is learned. Enrolment trains on long
words (`EnrolSettings.symbols`).
"""
_IMPOSSIBLE = -1e9


def train_words(
    model: Any,
    sources: Sequence[Source],
    pixel_bits: int,
    settings: PretrainSettings,
    *,
    recipe: dict[str, Any],
    checkpoints: Path | None,
    progress: Progress,
) -> list[tuple[int, float]]:
    """Train the LSTM of a model in place; return the losses, (step, mean loss).

    The model has one output for each writer of every source in turn. The loss is the mean cross-entropy of naming the
    writer among those of the source, after every fragment of a word. All of a word is drawn by one pen. recipe: all
    that the result follows from; checkpoints of another one are not continued.
    """
    bank = Bank(model, pixel_bits, settings.augmentation, settings.seed, progress)
    versions = [[max(1, round(chance * settings.augmented)) for chance in source.chances] for source in sources]
    made = [
        [bank.features(*pair) for pair in zip(source.renderings, each, strict=True)]
        for source, each in zip(sources, versions, strict=True)
    ]
    starts = np.cumsum([0, *(len(part) for parts in made for part in parts)])
    features = tf.constant(np.concatenate([part for parts in made for part in parts]))
    del made
    tail = tail_of(model, features.shape[1])
    optimizer = Schedule(settings.word_steps, settings.rate).optimizer()
    home = np.repeat(np.arange(len(sources)), [len(source.writers) for source in sources])
    rivals = tf.constant(home[:, None] == home[None, :])
    samplers = [WordSampler(source.renderings[0], source.writers) for source in sources]

    def learn_words(index: Any, label: Any, seed: Any) -> Any:
        inputs = tf.nn.experimental.stateless_dropout(tf.gather(features, index), settings.blanked, seed)
        with tf.GradientTape() as tape:
            logits = tf.where(tf.gather(rivals, label)[:, tf.newaxis], tail(inputs, training=True), _IMPOSSIBLE)
            wanted = tf.repeat(label[:, tf.newaxis], tf.shape(index)[1], 1)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits))
        gradients = tape.gradient(loss, tail.trainable_variables)
        optimizer.apply_gradients(zip(gradients, tail.trainable_variables, strict=True))
        return loss

    learn = tf.function(learn_words, reduce_retracing=True)

    def step(number: int) -> Any:
        rng = np.random.default_rng([settings.seed, number])
        words, symbols = _WORDS[rng.integers(len(_WORDS))]
        index: list[NDArray[np.int64]] = []
        label, first, part = [], 0, 0
        counts = split_by_share(sources, words)
        for source, sampler, each, count in zip(sources, samplers, versions, counts, strict=True):
            who = rng.integers(len(sampler.counts), size=count)
            chosen = sampler.draw(who, symbols, rng)
            how = rng.choice(len(each), size=count, p=source.chances)
            for rendering, number_of in enumerate(each):
                chosen[how == rendering] = starts[part] + pick_versions(chosen[how == rendering], number_of, rng)
                part += 1
            index.append(chosen)
            label.append(first + who)
            first += len(sampler.counts)
        drawn = [tf.constant(np.concatenate(values), tf.int32) for values in (index, label)]
        return learn(*drawn, tf.constant([settings.seed, number], tf.int32))

    return run_steps(
        tail,
        optimizer,
        step,
        what="pre-training on words",
        steps=settings.word_steps,
        settings=recipe | {"stage": "words", **asdict(settings)},
        checkpoints=checkpoints,
        progress=progress,
    )
