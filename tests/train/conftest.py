"""A small set of invented writers, an untrained backbone and a run, made once per session."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tf_keras

from edge.bundle.run_directory import Run
from edge.ink.fragment_set import FragmentSet
from train.enrol import Order, train_draws
from train.network.backbone import Backbone, extract
from train.network.keras_model import build
from train.network.training_settings import EnrolSettings
from train.plan.architecture import adapt
from train.synthetic.writers import synthetic_set
from train.trained_run import load_model

USERS = 3
FEW_STEPS = EnrolSettings(steps=12, words=8, user_versions=2, stranger_versions=1)


@pytest.fixture(scope="session")
def hands() -> FragmentSet:
    """Return 42 grey fragments by each of 40 writers: 30 background, 3 development, 7 evaluation."""
    return synthetic_set(40, 42, seed=5).of_kind("invented")


@pytest.fixture(scope="session")
def hands_file(hands: FragmentSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "hands.npz"
    hands.save(path)
    return path


@pytest.fixture(scope="session")
def make_backbone() -> Callable[..., Backbone]:
    """Return make_backbone(seed=1, pixel_bits=1) -> an untrained backbone for 3 users."""

    def make(seed: int = 1, pixel_bits: int = 1) -> Backbone:
        tf_keras.utils.set_random_seed(seed)
        about = {"pixel_bits": pixel_bits, "dataset": "nothing", "background_writers": 0, "steps": 0, "seed": seed}
        return Backbone(extract(build(adapt(USERS))), about)

    return make


@pytest.fixture(scope="session")
def backbone_folder(make_backbone: Callable[..., Backbone], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backbone")
    make_backbone().save(folder)
    return folder


@pytest.fixture(scope="session")
def order(hands_file: Path) -> Order:
    return Order(str(hands_file), USERS, enrol=FEW_STEPS, command="inkgate train ...")


@pytest.fixture(scope="session")
def run(order: Order, make_backbone: Callable[..., Backbone], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of 3 users, enrolled in a few steps; do not write to it."""
    return train_draws(order, make_backbone(), tmp_path_factory.mktemp("session") / "run", 1)[0]


@pytest.fixture
def weights() -> Callable[[Run], list[np.ndarray]]:
    return lambda run: load_model(run).get_weights()


@pytest.fixture
def own_run(run: Run, tmp_path: Path) -> Run:
    """Return a copy of the run that a test may damage."""
    folder = tmp_path / "own"
    folder.mkdir()
    for file in run.path.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    return replace(run, path=folder)
