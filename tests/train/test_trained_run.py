"""The claims of train.trained_run: a run holds all that reproduces its network, and loads it whole."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle.run_directory import Run
from edge.bundle.run_files import CALIBRATION, CONFIG, DEVELOPMENT, ENROL, HISTORY, MODEL, PLAN, TEST
from edge.errors import RunError
from train.evaluation.evaluate import score
from train.trained_run import load_model, plan_of


def test_what_was_written_is_read_back(run: Run) -> None:
    again = Run.open(run.path)
    assert again == run
    assert plan_of(again).users == len(again.config.users)
    assert load_model(again).output_shape == (None, None, plan_of(again).outputs)


def test_a_run_is_its_owner_s_alone_for_it_holds_handwriting(run: Run) -> None:
    assert run.path.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in run.path.glob("*.npz")} == {0o600}


def test_everything_that_reproduces_the_network_is_in_the_run(run: Run) -> None:
    sets = {ENROL, CALIBRATION, DEVELOPMENT, TEST}
    assert {PLAN, CONFIG, MODEL, HISTORY, *sets} <= {file.name for file in run.path.iterdir()}
    assert run.config.command
    assert run.config.created
    assert {"inkgate", "tensorflow", "tf_keras", "numpy"} == set(run.config.versions)
    assert run.config.settings["steps"] > 0
    assert len(run.config.data_sha256) == 64


def missing(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbage(path: Path) -> None:
    path.write_bytes(b"\x00\xff" * 300)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [missing, cut, garbage, empty], ids=lambda d: d.__name__)
def test_a_missing_or_damaged_network_is_named_with_the_command_that_helps(
    own_run: Run, damage: Callable[[Path], None]
) -> None:
    damage(own_run.path / MODEL)
    with pytest.raises(RunError, match=rf"{MODEL}.*inkgate train") as caught:
        score(own_run.path)
    assert caught.value.exit_code == 2


def test_a_plan_whose_figures_contradict_its_structure_is_refused_by_name(own_run: Run) -> None:
    plan = json.loads((own_run.path / PLAN).read_text())
    (own_run.path / PLAN).write_text(json.dumps({**plan, "outputs": 9}))
    with pytest.raises(RunError, match=rf"{PLAN}: damaged run: plan: outputs is 9") as caught:
        plan_of(Run.open(own_run.path))
    assert caught.value.exit_code == 2
