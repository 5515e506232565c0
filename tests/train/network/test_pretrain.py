"""Pre-training in two stages: what it learns, what it leaves alone, and what a kill costs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from edge.ink.fragment_set import FragmentSet
from train.network import pretrain as pretraining
from train.network.backbone import Arrays, Backbone
from train.network.pretrain import pretrain
from train.network.pretrain_front import WriterOutputs
from train.network.sources import Source
from train.network.training_settings import PretrainSettings
from train.plan.architecture import adapt
from train.synthetic.writers import synthetic_set

FEW = PretrainSettings(steps=4, groups=9, augmented=3)


@pytest.fixture(scope="module")
def sources() -> tuple[Source, ...]:
    """Return five writers whose fragments have two renderings, and three others."""
    hands, others = synthetic_set(5, 12, seed=3), synthetic_set(3, 12, seed=4)
    bold = replace(hands, pixels=np.maximum(hands.pixels, np.roll(hands.pixels, 1, axis=2)))
    return Source("hands", (hands, bold), (0.7, 0.3), 2.0), Source("others", (others,))


@pytest.fixture(scope="module")
def undisturbed(sources: tuple[Source, ...]) -> Arrays:
    return pretrain(sources, adapt(3), 1, FEW)[0]


@pytest.mark.slow("trains three times")
def test_the_same_seed_gives_the_same_backbone_whatever_was_drawn_before(
    sources: tuple[Source, ...], undisturbed: Arrays
) -> None:
    tf_keras.utils.set_random_seed(99)
    again, losses = pretrain(sources, adapt(3), 1, FEW)
    for name, weight in undisturbed.items():
        np.testing.assert_array_equal(again[name], weight)
    assert [step for step, _ in losses["fragments"]] == [4]
    assert [step for step, _ in losses["words"]] == [2]
    other, _ = pretrain(sources, adapt(3), 1, replace(FEW, seed=2))
    assert any((other[name] != weight).any() for name, weight in undisturbed.items())


def test_it_starts_near_chance_and_the_second_stage_leaves_the_front_alone(
    sources: tuple[Source, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    fronts: list[Arrays] = []
    original = pretraining.train_words

    def watched(model: Any, *rest: Any, **more: Any) -> Any:
        fronts.append(pretraining.extract(model))
        return original(model, *rest, **more)

    monkeypatch.setattr(pretraining, "train_words", watched)
    arrays, losses = pretrain(sources, adapt(3), 1, replace(FEW, rate=1e-3))
    chance = (2 * np.log(5) + np.log(3)) / 3
    for history in losses.values():
        assert abs(history[-1][1] - chance) < 0.3
    for name, weight in fronts[0].items():
        assert np.array_equal(arrays[name], weight) != name.startswith("lstm")


class KilledError(Exception):
    """Raised in place of a process's sudden end."""


@pytest.mark.slow("trains two times, and waits for a third")
def test_a_kill_in_the_second_stage_does_not_cost_the_first(
    sources: tuple[Source, ...], undisturbed: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: Any, **more: Any) -> Any:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "train_words", killed)
        with pytest.raises(KilledError):
            pretrain(sources, adapt(3), 1, FEW, checkpoints=tmp_path / "c")
    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "train_front", killed)
        with pytest.raises(KilledError):  # what another recipe left is not taken
            pretrain(sources, adapt(3), 1, replace(FEW, seed=2), checkpoints=tmp_path / "c")
        resumed, losses = pretrain(sources, adapt(3), 1, FEW, checkpoints=tmp_path / "c")
    assert [step for step, _ in losses["fragments"]] == [4]
    for name, weight in undisturbed.items():
        np.testing.assert_array_equal(resumed[name], weight)
    assert not (tmp_path / "c").exists()


def test_a_backbone_is_gone_on_from(
    sources: tuple[Source, ...], undisturbed: Arrays, make_backbone: Callable[..., Backbone]
) -> None:
    started, _ = pretrain(sources, adapt(3), 1, replace(FEW, rate=1e-9), start=make_backbone(seed=5))
    for name, weight in make_backbone(seed=5).arrays.items():
        np.testing.assert_allclose(started[name], weight, atol=1e-5)


def test_an_output_sees_its_writer_in_general_and_by_the_symbol_shown() -> None:
    heads = WriterOutputs(features=3, writers=4, symbols=2)
    rng = np.random.default_rng(0)
    general, apart, bias = rng.normal(size=(3, 4)), rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4))
    for variable, value in ((heads.general, general), (heads.by_symbol, apart.reshape(6, 4)), (heads.bias, bias)):
        variable.assign(value)
    features, shown = rng.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1])
    expected = [e @ (general + apart[s]) + bias[s] for e, s in zip(features, shown, strict=True)]
    found = heads.logits(tf.constant(features, tf.float32), tf.constant(shown, tf.int32))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)


def test_writers_of_another_source_are_no_rivals(sources: tuple[Source, ...]) -> None:
    lone = FragmentSet(
        *(getattr(sources[1].renderings[0].of_writers([0]), name) for name in ("pixels", "writer")),
        *(getattr(sources[1].renderings[0].of_writers([0]), name) for name in ("symbol", "order")),
    )
    _, losses = pretrain([Source("one writer", (lone,))] * 3, adapt(3), 1, FEW)
    assert losses["fragments"][-1][1] == 0.0
    assert losses["words"][-1][1] == 0.0
