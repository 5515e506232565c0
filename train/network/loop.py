"""A function that trains one step -> a trained model, by a loop that continues from checkpoints."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from edge.ink.fragment_set import FragmentSet
from train.progress import Progress, silent

_SETTINGS = "settings.json"


@dataclass(frozen=True)
class Schedule:
    """Adam with a linear warm-up to `rate` over 5 % of the steps, then a cosine down to 1 % of `rate`."""

    steps: int
    rate: float

    def optimizer(self) -> Any:
        """Return the optimizer; gradients longer than 1 are shortened, since an LSTM's sometimes explode."""
        decay = tf_keras.optimizers.schedules.CosineDecay(
            0.0, self.steps, warmup_target=self.rate, warmup_steps=max(1, self.steps // 20), alpha=0.01
        )
        return tf_keras.optimizers.Adam(decay, clipnorm=1.0)


class WordSampler:
    """A sampler of words for training: rows of fragment indices, each row by one writer.

    A word repeats a fragment only if the writer has too few.
    """

    def __init__(self, fragments: FragmentSet, writers: tuple[int, ...]) -> None:
        own = [np.flatnonzero(fragments.writer == writer) for writer in writers]
        self.counts = np.array([len(rows) for rows in own])
        self._rows = np.zeros((len(own), int(self.counts.max())), np.int64)
        for number, rows in enumerate(own):
            self._rows[number, : len(rows)] = rows

    def draw(self, positions: NDArray[np.int64], symbols: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw a word by each of the writers at `positions` [B]: fragment indices int64 [B, symbols].

        A position counts the writers in the order given to the sampler.
        """
        width = self._rows.shape[1]
        keys = rng.random((len(positions), width)) + (np.arange(width) >= self.counts[positions, None])
        order = np.argsort(keys, axis=1)[:, : min(symbols, width)]
        place = np.arange(symbols) % np.minimum(self.counts[positions], symbols)[:, None]
        chosen = np.take_along_axis(order, place, axis=1)
        return np.asarray(self._rows[positions[:, None], chosen])


def run_steps(
    model: Any,
    optimizer: Any,
    step: Callable[[int], Any],
    *,
    what: str,
    steps: int,
    settings: Mapping[str, Any],
    checkpoints: Path | None = None,
    save_every: int = 1000,
    progress: Progress = silent,
) -> list[tuple[int, float]]:
    """Call step(n) for n = 0..steps-1; return (step, mean loss) pairs.

    step(n) trains `model` once and returns the loss. Everything random in it must come from n: then a training that was
    killed and goes on from `checkpoints` sees the same batches as an undisturbed one. Checkpoints made under other
    `settings` are thrown away.
    """
    done, history = tf.Variable(0, dtype=tf.int64), list[tuple[int, float]]()
    manager = None
    if checkpoints is not None:
        optimizer.build(model.trainable_variables)
        _keep_only(checkpoints, settings)
        state = tf.train.Checkpoint(model=model, optimizer=optimizer, done=done)
        manager = tf.train.CheckpointManager(state, str(checkpoints), max_to_keep=1)
        if manager.restore_or_initialize():
            history = _read_history(checkpoints, int(done))
    losses: list[Any] = []
    for number in range(int(done), steps):
        losses.append(step(number))
        if (number + 1) % 50 == 0 or number + 1 == steps:
            history.append((number + 1, float(np.mean([float(loss) for loss in losses]))))
            losses = []
            progress(what, number + 1, steps, history[-1][1])
        if manager is not None and checkpoints is not None and (number + 1) % save_every == 0:
            done.assign(number + 1)
            (checkpoints / "history.json").write_text(json.dumps(history))
            manager.save()
    if checkpoints is not None:
        # Rename first, then delete: a kill in between leaves nothing that looks like a checkpoint.
        finished = checkpoints.with_suffix(".done")
        shutil.rmtree(finished, ignore_errors=True)
        shutil.rmtree(checkpoints.rename(finished))
    return history


def _keep_only(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder ready for checkpoints of these settings.

    Checkpoints of other settings cannot be continued and are deleted.
    """
    wanted = json.dumps(dict(settings), sort_keys=True)
    recorded = folder / _SETTINGS
    if folder.exists() and (not recorded.is_file() or recorded.read_text() != wanted):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    recorded.write_text(wanted)


def _read_history(folder: Path, done: int) -> list[tuple[int, float]]:
    """Return the recorded losses up to the step that the checkpoint holds."""
    recorded = folder / "history.json"
    pairs = json.loads(recorded.read_text()) if recorded.is_file() else []
    return [(int(number), float(loss)) for number, loss in pairs if number <= done]
