"""One run on invented writers and its bundle, made by commands, for all end-to-end tests."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from gate_site import Site
from once import once

from edge.bundle.bundle import Bundle
from firmware_bridge.trust.signing import create_signing_key
from inkgate import cli
from train.network.backbone import SHIPPED, Backbone, extract
from train.network.keras_model import build
from train.plan.architecture import adapt
from train.synthetic.writers import synthetic_set

USERS = 3


@pytest.fixture(scope="session")
def run_and_bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return RUN and the BUNDLE beside it, of a network trained just long enough to know its users."""
    folder = shutil.copytree(once("e2e", make), tmp_path_factory.mktemp("e2e") / "path")
    return folder / "run", folder / "bundle"


def make(folder: Path) -> Path:
    synthetic_set(40, 42, seed=5).save(folder / "hands.npz")
    backbone = SHIPPED if (SHIPPED / "backbone-1bit.npz").is_file() else folder
    if backbone == folder:
        Backbone(extract(build(adapt(USERS))), {"pixel_bits": 1, "dataset": "nothing"}).save(folder)
    run, bundle = folder / "run", folder / "bundle"
    train = inkgate(
        "train", "--dataset", folder / "hands.npz", "--users", USERS, "--steps", 400, "--backbone", backbone,
        "--out", run, "--json",
    )  # fmt: skip
    # Among so few writers some impostors write as a user does: a FAR of 1 % would reject nearly everybody.
    create_signing_key(folder / "maker.key")
    inkgate("quantize", run, "--out", bundle, "--far", 0.1, "--far-reject", 0.3, "--key", folder / "maker.key")
    assert list(Bundle.open(bundle).manifest.users) == json.loads(train)["users"]
    return folder


def inkgate(*arguments: object) -> str:
    """Run a command, which must succeed, and return its stdout."""
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Yield a bundle with users and their words; every gate at it ends with the test."""
    made = Site(tmp_path)
    yield made
    made.close()
