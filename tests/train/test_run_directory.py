from collections.abc import Callable
from pathlib import Path

import pytest

from train.errors import RunError
from train.evaluation.evaluate import score
from train.run_directory import CALIBRATION, CONFIG, DEVELOPMENT, ENROL, HISTORY, MODEL, PLAN, TEST, Run, write_json

SETS = (ENROL, CALIBRATION, DEVELOPMENT, TEST)


def test_what_was_written_is_read_back(run: Run) -> None:
    again = Run.open(run.path)
    assert again == run
    assert again.plan.users == len(again.config.users)
    assert again.model().output_shape == (None, None, again.plan.outputs)


def test_everything_that_reproduces_the_network_is_in_the_run(run: Run) -> None:
    assert {PLAN, CONFIG, MODEL, HISTORY, *SETS} <= {file.name for file in run.path.iterdir()}
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


def another_kind(path: Path) -> None:
    write_json(path, [1, 2, 3])


@pytest.mark.parametrize("damage", [missing, cut, garbage, empty, another_kind], ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", [CONFIG, PLAN])
def test_a_directory_without_whole_config_and_plan_is_no_run(
    own_run: Run, name: str, damage: Callable[[Path], None]
) -> None:
    damage(own_run.path / name)
    with pytest.raises(RunError, match="own") as caught:
        Run.open(own_run.path)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("damage", [missing, cut, garbage, empty], ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", SETS)
def test_a_missing_or_damaged_set_is_named_with_the_command_that_helps(
    own_run: Run, name: str, damage: Callable[[Path], None]
) -> None:
    damage(own_run.path / name)
    with pytest.raises(RunError, match=rf"{name}.*inkgate train") as caught:
        own_run.fragments(name)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("damage", [missing, cut, garbage, empty], ids=lambda d: d.__name__)
def test_a_missing_or_damaged_network_is_named_with_the_command_that_helps(
    own_run: Run, damage: Callable[[Path], None]
) -> None:
    damage(own_run.path / MODEL)
    with pytest.raises(RunError, match=rf"{MODEL}.*inkgate train") as caught:
        score(own_run.path)
    assert caught.value.exit_code == 2


def test_users_that_the_plan_has_not_are_refused(own_run: Run) -> None:
    text = (own_run.path / CONFIG).read_text()
    (own_run.path / CONFIG).write_text(text.replace(f'"{own_run.config.users[0]}",', "", 1))
    with pytest.raises(RunError, match="2 users where the plan has 3"):
        Run.open(own_run.path)


def test_a_folder_that_is_no_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no run .*inkgate train --out"):
        Run.open(tmp_path / "nowhere")


def test_draws_come_in_order_of_their_numbers(own_run: Run) -> None:
    for number in (10, 2, 1):
        folder = own_run.path / "draws" / str(number)
        folder.mkdir(parents=True)
        for name in (CONFIG, PLAN):
            (folder / name).write_bytes((own_run.path / name).read_bytes())
    (own_run.path / "draws" / "3").mkdir()  # begun, not complete
    assert [draw.path.name for draw in own_run.draws()] == ["own", "1", "2", "10"]
