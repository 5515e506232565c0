"""Generated int8 models, and one run of a small trained network with its bundle."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from generated_models import Network
from once import once
from tiny_reader import write_reader

from edge.ink.fragment_set import FragmentSet
from quantize.cli.quantize import quantize
from quantize.model.words import Words

Maker = Callable[..., bytes]


@pytest.fixture(scope="session")
def make_model() -> Maker:
    """Return make_model(users=10, style="random", seed=0, **fields of Network) -> an int8 model's bytes."""

    def make(users: int = 10, style: str = "random", seed: int = 0, **fields: Any) -> bytes:
        return Network(users, style, np.random.default_rng(seed), **fields).build()

    return make


@pytest.fixture(scope="session")
def make_words() -> Callable[..., Words]:
    """Return make_words(count, seed=0) -> words of 1..20 fragments: noise of either depth, white, black."""

    def make(count: int, seed: int = 0) -> Words:
        rng = np.random.default_rng(seed)
        lengths = rng.permutation(np.arange(count) % 20 + 1)
        words = [rng.integers(0, 256, (int(n), 33, 33), dtype=np.uint8) for n in lengths]
        for i in range(0, count, 2):
            words[i] = np.where(words[i] >= rng.integers(256), np.uint8(255), np.uint8(0))
        words[0][:] = 0
        words[-1][:] = 255
        return Words.of(words)

    return make


# --- a run and its bundle, by TensorFlow ---------------------------------------------------------------------------

USERS, WRITERS, PER_WRITER = 4, 16, 60


def _writing(writer: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw noisy fragments by a writer whose strokes lie in places of his own: easy to tell apart."""
    own = np.random.default_rng(writer).random((33, 33)) < 0.25
    noise = rng.random((count, 33, 33))
    return np.where((own & (noise < 0.8)) | (noise < 0.05), np.uint8(255), np.uint8(0))


def _fragments(writers: Sequence[int], rng: np.random.Generator) -> FragmentSet:
    pixels = np.concatenate([_writing(w, PER_WRITER, rng) for w in writers])
    writer = np.repeat(np.asarray(writers, dtype=np.int32), PER_WRITER)
    order = np.tile(np.arange(PER_WRITER, dtype=np.int32), len(writers))
    return FragmentSet(pixels, writer, np.full(len(writer), -1, dtype=np.int32), order)


def _network(users: int) -> Any:
    """Return the network that package train builds from the plan's numbers, with random weights."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    layers, width = tf_keras.layers, 49 + users
    x = source = tf_keras.Input((None, 33, 33, 1))
    x = layers.TimeDistributed(layers.Conv2D(6, 5, 2, activation="tanh"), name="conv1")(x)
    x = layers.TimeDistributed(layers.Conv2D(24, 5, 2, activation="tanh"), name="conv2")(x)
    x = layers.TimeDistributed(layers.Flatten(), name="flatten")(x)
    x = layers.TimeDistributed(layers.Dense(width, activation="tanh"), name="fc")(x)
    x = layers.LSTM(width, return_sequences=True, name="lstm")(x)
    model = tf_keras.Model(source, layers.TimeDistributed(layers.Dense(users + 1), name="logits")(x))
    rng = np.random.default_rng(2)  # a bias of zeros would be left out of the graph
    model.set_weights([w + rng.normal(0, 0.05, w.shape) * (w.ndim == 1) for w in model.get_weights()])
    return model


def _fit_outputs(model: Any, fragments: FragmentSet) -> None:
    """Fit the last layer by least squares: the cheapest training that makes decisions worth comparing."""
    import tf_keras

    words = np.stack([fragments.pixels[fragments.writer == w][:10] for w in fragments.writers])
    hidden = tf_keras.Model(model.input, model.get_layer("lstm").output)(words[..., None].astype(np.float32) / 255)
    x = np.asarray(hidden).reshape(-1, hidden.shape[-1])
    label = np.repeat(np.minimum(np.arange(len(words)), USERS), 10)
    target = np.where(np.arange(USERS + 1) == label[:, None], 4.0, -1.0)
    x1 = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    solution = np.linalg.solve(x1.T @ x1 + 1e-2 * np.eye(x1.shape[1]), x1.T @ target)
    model.get_layer("logits").set_weights([solution[:-1], solution[-1]])


@pytest.fixture(scope="session")
def keras_model() -> Any:
    """Return a tf_keras model of 4 users with a fitted last layer."""
    model = _network(USERS)
    _fit_outputs(model, _fragments(range(12), np.random.default_rng(0)))
    return model


@pytest.fixture(scope="session")
def run_path(keras_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a run directory as `inkgate train` does: 4 users, 8 background writers, two sets of strangers."""
    made = once("quantize-run", lambda folder: _make_run(keras_model, folder))
    return shutil.copytree(made, tmp_path_factory.mktemp("quantize") / "run")


def _make_run(keras_model: Any, path: Path) -> Path:
    rng = np.random.default_rng(5)
    users = list(range(USERS))
    _fragments([*users, *range(4, 12)], rng).save(path / "calibration.npz")
    _fragments(range(100, 110), rng).save(path / "development.npz")
    _fragments([*users, *range(200, 210)], rng).save(path / "test.npz")
    keras_model.save(path / "model.keras")
    config = {
        "users": [f"user {k}" for k in users],
        "user_writers": users,
        "pixel_bits": 1,
        "seed": 3,
        "dataset": "places",
        "data_sha256": "0" * 64,
        "something_else": True,
    }
    (path / "config.json").write_text(json.dumps(config))
    (path / "plan.json").write_text(json.dumps({"users": USERS, "outputs": USERS + 1}))
    return path


@pytest.fixture(scope="session")
def handwriting() -> FragmentSet:
    """Return grey blots by three writers."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 33, 33), dtype=np.uint8)
    numbers = np.arange(60, dtype=np.int32)
    return FragmentSet(pixels, numbers // 20, np.full(60, -1, np.int32), numbers % 20)


@pytest.fixture(scope="session")
def made_bundle(run_path: Path) -> Path:
    """Make run/bundle, and run/draws/1/bundle for another draw of users, by the command line."""
    made = once("quantize-bundle", lambda folder: _quantize(shutil.copytree(run_path, folder / "run")))
    shutil.copytree(made, run_path, dirs_exist_ok=True)
    return run_path / "bundle"


def _quantize(run_path: Path) -> Path:
    draw, out = run_path / "draws" / "1", run_path / "bundle"
    draw.mkdir(parents=True)
    for name in ("config.json", "plan.json", "model.keras", "calibration.npz", "development.npz", "test.npz"):
        shutil.copy(run_path / name, draw / name)
    reader = write_reader(run_path.parent / "reader")
    arguments = [str(run_path), "--out", str(out), "--reader", str(reader), "--json"]
    result = CliRunner().invoke(quantize, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["users"], summary["bundle"]) == (4, str(out))
    assert [draw["bundle"] for draw in summary["draws"]] == [str(run_path / "draws" / "1" / "bundle")]
    return run_path
