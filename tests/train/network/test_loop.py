from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from hypothesis import given
from hypothesis import strategies as st

from edge.ink.fragment_set import FragmentSet
from train.network.loop import Schedule, WordSampler, run_steps


class KilledError(Exception):
    """Raised in place of a process's sudden end."""


def model_and_step() -> tuple[Any, Any, Any]:
    tf_keras.utils.set_random_seed(3)
    model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(3)])
    optimizer = Schedule(40, 0.05).optimizer()

    def step(number: int) -> Any:
        rng = np.random.default_rng([9, number])
        x = tf.constant(rng.normal(size=(8, 4)), tf.float32)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - x[:, :3] * 2))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return model, optimizer, step


def train(folder: Path | None, *, killed_at: int | None = None, settings: dict[str, int] | None = None) -> Any:
    model, optimizer, step = model_and_step()

    def fragile(number: int) -> Any:
        if number == killed_at:
            raise KilledError
        return step(number)

    history = run_steps(
        model, optimizer, fragile, what="x", steps=40, settings=settings or {"a": 1}, checkpoints=folder, save_every=10
    )
    return [w.numpy() for w in model.trainable_variables], history


@pytest.mark.parametrize("killed_at", [5, 10, 27, 39])
def test_a_killed_training_goes_on_and_ends_with_the_same_weights(tmp_path: Path, killed_at: int) -> None:
    undisturbed, _ = train(None)
    with pytest.raises(KilledError):
        train(tmp_path / "c", killed_at=killed_at)
    resumed, _ = train(tmp_path / "c")
    for mine, theirs in zip(resumed, undisturbed, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not (tmp_path / "c").exists()


def test_it_repeats_no_step_that_a_checkpoint_holds(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        train(tmp_path / "c", killed_at=35)
    model, optimizer, step = model_and_step()
    seen = []

    def watched(number: int) -> Any:
        seen.append(number)
        return step(number)

    run_steps(model, optimizer, watched, what="x", steps=40, settings={"a": 1}, checkpoints=tmp_path / "c")
    assert seen == list(range(30, 40))


def test_checkpoints_of_other_settings_are_not_continued(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        train(tmp_path / "c", killed_at=35)
    other, _ = train(tmp_path / "c", settings={"a": 2})
    fresh, _ = train(None)
    for mine, theirs in zip(other, fresh, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@given(counts=st.lists(st.integers(1, 12), min_size=1, max_size=5), symbols=st.integers(1, 20), seed=st.integers(0, 99))
def test_words_are_by_one_writer_and_repeat_fragments_only_for_want_of_others(
    counts: list[int], symbols: int, seed: int
) -> None:
    writer = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    size = len(writer)
    order = np.arange(size, dtype=np.int32)
    fragments = FragmentSet(np.zeros((size, 33, 33), np.uint8), writer, order, order)
    sampler = WordSampler(fragments, tuple(range(len(counts))))
    positions = np.random.default_rng(seed).integers(len(counts), size=30)
    words = sampler.draw(positions, symbols, np.random.default_rng(seed))
    assert words.shape == (30, symbols)
    np.testing.assert_array_equal(writer[words], np.repeat(positions[:, None], symbols, axis=1))
    for position, word in zip(positions, words, strict=True):
        assert len(np.unique(word)) == min(symbols, counts[position])
