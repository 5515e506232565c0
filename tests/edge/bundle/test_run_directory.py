"""The claims of edge.bundle.run_directory: a damaged run is refused by file, with what helps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from edge.bundle.run_directory import Run, read_config
from edge.bundle.run_files import CALIBRATION, CONFIG, DEVELOPMENT, ENROL, PLAN, TEST
from edge.errors import RunError
from edge.ink.fragment_set import FragmentSet

SETS = (ENROL, CALIBRATION, DEVELOPMENT, TEST)
OLDEST = {"users": ["Ada", "Ben", "Cleo"], "user_writers": [3, 1, 2], "pixel_bits": 1, "seed": 7}


def write_run(folder: Path, **fields: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(json.dumps(OLDEST | fields))
    (folder / PLAN).write_text(json.dumps({"users": 3, "outputs": 4}))
    numbers = np.arange(8, dtype=np.int32)
    pixels = np.zeros((8, 33, 33), np.uint8)
    for name in SETS:
        FragmentSet(pixels, numbers // 2, np.full(8, -1, np.int32), numbers % 2).save(folder / name)
    return folder


@pytest.fixture
def own_run(tmp_path: Path) -> Run:
    return Run.open(write_run(tmp_path / "own"))


def missing(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbage(path: Path) -> None:
    path.write_bytes(b"\x00\xff" * 300)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def not_utf8(path: Path) -> None:
    path.write_bytes(b'{"users": ["\xff"]}')


def another_kind(path: Path) -> None:
    path.write_text("[1, 2, 3]")


@pytest.mark.parametrize("damage", [missing, cut, garbage, empty, not_utf8, another_kind], ids=lambda d: d.__name__)
@pytest.mark.parametrize("name", [CONFIG, PLAN])
def test_a_directory_without_whole_config_and_plan_is_no_run(
    own_run: Run, name: str, damage: Callable[[Path], None]
) -> None:
    damage(own_run.path / name)
    with pytest.raises(RunError, match=f"own.*{name}") as caught:
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


def test_a_set_that_may_be_missing_is_none_but_never_none_for_a_damaged_one(own_run: Run) -> None:
    (own_run.path / TEST).unlink()
    assert own_run.find_fragments(TEST) is None
    garbage(own_run.path / TEST)
    with pytest.raises(RunError, match=TEST):
        own_run.find_fragments(TEST)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"users": ["Ada", "Ben"], "user_writers": [3, 1]}, "2 users where the plan has 3"),
        ({"user_writers": [3]}, "3 users and 1 writer ids"),
    ],
)
def test_users_on_which_plan_and_config_disagree_are_refused(
    fields: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=message):
        Run.open(write_run(tmp_path / "run", **fields))


def test_a_run_without_users_is_refused(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", users=[], user_writers=[])
    (folder / PLAN).write_text('{"users": 0}')
    with pytest.raises(RunError, match="0 users and 0 writer ids"):
        Run.open(folder)


def test_a_run_that_was_made_before_later_fields_is_read(tmp_path: Path) -> None:
    config = Run.open(write_run(tmp_path / "run", a_later_versions_field=True)).config
    assert (config.users, config.user_writers) == (("Ada", "Ben", "Cleo"), (3, 1, 2))
    assert (config.dataset, config.draw, config.strangers, config.far_known) == ("unknown", 0, None, True)


@pytest.mark.parametrize("lacking", sorted(OLDEST))
def test_a_config_without_what_every_run_had_is_damaged(lacking: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    (folder / CONFIG).write_text(json.dumps({name: value for name, value in OLDEST.items() if name != lacking}))
    with pytest.raises(RunError, match=f"damaged run.*{lacking}"):
        read_config(folder)


def test_a_config_is_written_in_the_order_in_which_it_always_was(own_run: Run) -> None:
    assert list(msgspec.json.decode(msgspec.json.encode(own_run.config))) == [
        *("users", "user_writers", "pixel_bits", "dataset", "data_sha256", "seed", "draw", "settings", "backbone"),
        *("versions", "command", "created", "strangers", "far_known"),
    ]


def test_draws_come_in_order_of_their_numbers(own_run: Run) -> None:
    for number in (10, 2, 1):
        write_run(own_run.path / "draws" / str(number))
    (own_run.path / "draws" / "3").mkdir()  # begun, not complete
    assert [draw.path.name for draw in own_run.draws()] == ["own", "1", "2", "10"]
