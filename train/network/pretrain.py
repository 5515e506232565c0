"""Background writers -> the backbone: convolutions, hidden layer and LSTM that tell writers apart.

The network is trained to name the background writer after every fragment of a word (softmax over all of them). Then its
outputs, which name these writers, are thrown away. Every enrolment starts from the layers that remain.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from edge.ink.fragment_set import FragmentSet
from train.network.augment import Augmentation, augment
from train.network.backbone import Arrays, Backbone, extract, transfer
from train.network.keras_model import build
from train.network.loop import Schedule, WordSampler, run_steps
from train.network.training_settings import PretrainSettings
from train.plan.architecture import ArchitecturePlan
from train.progress import Progress, silent

_WORDS = ((128, 4), (64, 8), (42, 12))
"""Choices of (words a step, fragments a word), each of about 512 fragments a step.

Words are short, because after a dozen symbols the writer is known and nothing more is learned. Enrolment trains on long
words (`EnrolSettings.symbols`).
"""


def pretrain(
    background: FragmentSet,
    plan: ArchitecturePlan,
    pixel_bits: int,
    settings: PretrainSettings,
    *,
    start: Backbone | None = None,
    checkpoints: Path | None = None,
    progress: Progress = silent,
) -> tuple[Arrays, list[tuple[int, float]]]:
    """Train a network to tell the background writers apart; return the backbone's weights and the losses.

    The network is the plan's, with an output for each background writer; losses are (step, mean loss). `start` is a
    backbone to go on from, perhaps of another depth of pixels.
    """
    tf_keras.utils.set_random_seed(settings.seed)
    writers = tuple(int(w) for w in background.writers)
    sampler = WordSampler(background, writers)
    model = build(plan, outputs=len(writers))
    if start is not None:
        transfer(start.arrays, model)
    schedule = Schedule(settings.steps, settings.rate)
    optimizer = schedule.optimizer()
    pixels = tf.constant(background.pixels)

    def learn_words(index: Any, label: Any, seed: Any) -> Any:
        words, symbols = tf.shape(index)[0], tf.shape(index)[1]
        moved = augment(tf.gather(pixels, tf.reshape(index, [-1])), seed, Augmentation(), pixel_bits)
        fragments = tf.reshape(moved, [words, symbols, plan.side, plan.side, 1])
        with tf.GradientTape() as tape:
            logits = model(fragments, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.repeat(label[:, None], symbols, 1), logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    learn = tf.function(learn_words, reduce_retracing=True)

    def step(number: int) -> Any:
        rng = np.random.default_rng([settings.seed, number])
        words, symbols = _WORDS[rng.integers(len(_WORDS))]
        label = rng.integers(len(writers), size=words)
        index = sampler.draw(label, symbols, rng)
        return learn(
            tf.constant(index, tf.int32), tf.constant(label, tf.int32), tf.constant([settings.seed, number], tf.int32)
        )

    history = run_steps(
        model,
        optimizer,
        step,
        what="pre-training the backbone",
        steps=settings.steps,
        settings={
            "data": background.sha256,
            "plan": plan.to_dict(),
            "bits": pixel_bits,
            "seed": settings.seed,
            "rate": settings.rate,
            "steps": settings.steps,
            "start": dict(start.about) if start else None,
        },
        checkpoints=checkpoints,
        progress=progress,
    )
    return extract(model), history
