"""Backbone, fragments of K users and of strangers -> a network of K + 1 outputs that knows the users.

Enrolling leaves the convolutions and the hidden layer as the backbone has them: only the LSTM and the outputs are
trained, on features that are computed once (`train.network.bank`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from edge.ink.fragment_set import FragmentSet
from train.network.backbone import Backbone, transfer
from train.network.bank import Bank, pick_versions, tail_of
from train.network.keras_model import build
from train.network.loop import Schedule, WordSampler, run_steps
from train.network.training_settings import Augmentation, EnrolSettings
from train.plan.architecture import ArchitecturePlan
from train.progress import Progress, silent


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
    bank = Bank(model, backbone.pixel_bits, Augmentation(), settings.seed, progress)
    mine = bank.features(users, settings.user_versions)
    theirs = bank.features(strangers, settings.stranger_versions)
    features = tf.constant(np.concatenate([mine, theirs]))
    tail = tail_of(model, plan.hidden)
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
        index[~foreign] = pick_versions(
            user_words.draw(label[~foreign], settings.symbols, rng), settings.user_versions, rng
        )
        who = rng.integers(len(stranger_words.counts), size=int(foreign.sum()))
        index[foreign] = len(mine) + pick_versions(
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
