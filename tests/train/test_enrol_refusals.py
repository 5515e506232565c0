"""More of `inkgate train`: what is refused, and what is not made again."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.bundle.run_directory import Run
from edge.bundle.run_files import CONFIG
from train.cli.train import train
from train.enrol import Order
from train.enrol import make_backbone as pretrain_backbone
from train.network import fit_users, pretrain
from train.network.training_settings import PretrainSettings


def test_a_finished_backbone_is_not_trained_again_and_one_of_other_settings_is(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = PretrainSettings(steps=1)
    first, plan = pretrain_backbone(order, tmp_path, settings)
    assert first.about["background_writers"] == 30
    assert first.about["plan"] == plan.to_dict()

    def never(*arguments: Any, **more: Any) -> Any:
        raise AssertionError("it trains again")

    monkeypatch.setattr(pretrain, "pretrain", never)
    second, _ = pretrain_backbone(replace(order, command="typed otherwise"), tmp_path, settings)
    assert dict(second.about) == dict(first.about)
    for key, weight in first.arrays.items():
        np.testing.assert_array_equal(second.arrays[key], weight)
    with pytest.raises(AssertionError, match="again"):
        pretrain_backbone(order, tmp_path, PretrainSettings(steps=1, seed=2))


IMPATIENT = (
    "import sys, inkgate, train.network.loop; train.network.loop.run_steps.__kwdefaults__['save_every'] = 2; "
    "sys.argv = ['inkgate', *sys.argv[1:]]; inkgate.main()"
)


@pytest.mark.slow("trains three times, once in a process of its own that loads TensorFlow")
def test_a_killed_train_goes_on_and_ends_with_the_same_network(
    hands_file: Path,
    backbone_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    weights: Callable[[Run], list[np.ndarray]],
) -> None:
    order = ["--dataset", str(hands_file), "--users", "3", "--backbone", str(backbone_folder), "--steps", "60"]
    killed, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, "train", *order, "--out", str(killed)], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120  # busy cores
        while not (killed / "checkpoints" / "checkpoint").is_file():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (killed / CONFIG).exists()

    steps: list[int] = []
    original = fit_users.run_steps

    def counted(model: Any, optimizer: Any, step: Callable[[int], Any], **more: Any) -> Any:
        def stepped(number: int) -> Any:
            steps.append(number)
            return step(number)

        return original(model, optimizer, stepped, **more)

    monkeypatch.setattr(fit_users, "run_steps", counted)
    train.main([*order, "--out", str(killed)], standalone_mode=False)
    assert 2 <= steps[0] < 60
    assert steps[-1] == 59
    train.main([*order, "--out", str(undisturbed)], standalone_mode=False)
    for mine, theirs in zip(weights(Run.open(killed)), weights(Run.open(undisturbed)), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert not (killed / "checkpoints").exists()
