from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from edge.decision.evidence import word_scores
from edge.ink.fragment import to_float
from edge.ink.fragment_set import FragmentSet
from train.network import bank
from train.network.backbone import Backbone
from train.network.fit_users import enrol
from train.network.training_settings import EnrolSettings
from train.plan.architecture import adapt

USERS = 3
MakeBackbone = Callable[..., Backbone]
FEW = EnrolSettings(steps=6, words=8, symbols=6, user_versions=1, stranger_versions=1)
"""Settings without augmentation, which depends on grey values even at 1 bit."""


def places(writers: tuple[int, ...], seed: int = 0, count: int = 24, dark: float = 255.0) -> FragmentSet:
    """Return noisy writers whose ink lies in places of their own: a few steps tell them apart."""
    rng = np.random.default_rng(seed)
    own = {writer: np.random.default_rng(writer).random((33, 33)) < 0.25 for writer in writers}
    ink = [(own[w] & (rng.random((count, 33, 33)) < 0.8)) | (rng.random((count, 33, 33)) < 0.05) for w in writers]
    shade = rng.uniform(0.6, 1.0, (count * len(writers), 33, 33)) * dark
    order = np.tile(np.arange(count, dtype=np.int32), len(writers))
    who = np.repeat(np.array(writers, np.int32), count)
    return FragmentSet((np.concatenate(ink) * shade).astype(np.uint8), who, np.full_like(who, -1), order)


def fitted(backbone: Backbone, settings: EnrolSettings, bits: int = 8) -> list[np.ndarray]:
    users, strangers = places((9, 2, 5)).to_bits(bits), places(tuple(range(20, 26))).to_bits(bits)
    model, _ = enrol(backbone, adapt(USERS), users, (9, 2, 5), strangers, settings)
    return list(model.get_weights())


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def weights(make_backbone: MakeBackbone) -> list[np.ndarray]:
    """Return the weights that FEW gives on grey fragments for a wire of 1 bit a pixel."""
    return fitted(make_backbone(), FEW)


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before(
    make_backbone: MakeBackbone, weights: list[np.ndarray]
) -> None:
    backbone = make_backbone()
    tf_keras.utils.set_random_seed(99)
    assert same(weights, fitted(backbone, FEW))
    assert not same(weights, fitted(backbone, replace(FEW, seed=2)))


def test_the_outputs_stand_in_the_order_of_user_writers_the_stranger_last(make_backbone: MakeBackbone) -> None:
    writers, foreign = (9, 2, 5), tuple(range(20, 30))
    settings = replace(FEW, steps=60, words=32, rate=1e-2)
    model, history = enrol(make_backbone(), adapt(USERS), places(writers), writers, places(foreign), settings)
    unseen = places((*writers, *foreign), seed=1, count=10).to_bits(1)
    words = np.stack([unseen.pixels[unseen.writer == w] for w in (*writers, foreign[0])])
    logits = model(to_float(words)).numpy()
    assert logits[:, -1].argmax(axis=-1).tolist() == [0, 1, 2, USERS]
    assert word_scores(logits)[:USERS, -1].argmax(axis=-1).tolist() == [0, 1, 2]
    assert [step for step, _ in history] == [50, 60]
    assert history[1][1] < history[0][1]


def test_at_1_bit_grey_makes_no_difference_for_the_wire_does_not_carry_it(
    make_backbone: MakeBackbone, weights: list[np.ndarray]
) -> None:
    assert same(weights, fitted(make_backbone(), FEW, bits=1))


def test_augmented_fragments_are_such_as_the_wire_can_carry(
    make_backbone: MakeBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []
    original = bank.augment

    def watched(*arguments: Any) -> Any:
        moved = original(*arguments)
        tf.py_function(lambda values: seen.append(np.unique(values.numpy())), [moved], [])
        return moved

    monkeypatch.setattr(bank, "augment", watched)
    fitted(make_backbone(), replace(FEW, user_versions=2))
    assert np.unique(np.concatenate(seen)).tolist() == [0.0, 1.0]
