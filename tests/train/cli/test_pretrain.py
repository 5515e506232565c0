"""`inkgate pretrain` as a command: what it prints and what it refuses."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.ink.fragment_set import FragmentSet
from train import pretraining
from train.cli.pretrain import pretrain
from train.errors import BackboneError
from train.network.backbone import Backbone
from train.network.sources import Source


def test_it_says_what_it_made_and_leaves_a_backbone(
    hands: FragmentSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def few(leave_out: tuple[str, ...], _: Path | None) -> tuple[Source, ...]:
        asked.append(leave_out)
        return (Source("qmnist", (hands.of_writers(hands.writers[:4]),)),)

    monkeypatch.setattr(pretraining, "load_sources", few)
    order = ["--out", str(tmp_path / "b"), "--leave-out", "unipen", "--leave-out", "pendigits", "--steps", "1"]
    told = CliRunner().invoke(pretrain, [*order, "--json"], catch_exceptions=False)
    assert told.exit_code == 0
    said = json.loads(told.stdout)
    assert said["backbone"] == str(tmp_path / "b")
    assert (said["dataset"], said["background_writers"], said["steps"]) == ("qmnist", 4, 1)
    assert asked == [("unipen", "pendigits")]
    assert Backbone.load(1, tmp_path / "b").about["steps"] == 1
    people = CliRunner().invoke(pretrain, order, catch_exceptions=False)
    assert people.stdout == ""
    assert "4 writers of qmnist" in people.stderr
    assert f"--backbone {tmp_path / 'b'}" in people.stderr


@pytest.mark.parametrize("options", [["--leave-out", "mnist"], ["--steps", "0"]])
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: list[str]) -> None:
    result = CliRunner().invoke(pretrain, ["--out", str(tmp_path / "b"), *options])
    assert result.exit_code == 2
    assert not (tmp_path / "b").exists()


def test_nothing_left_to_train_on_is_one_error(tmp_path: Path) -> None:
    order = ["--out", str(tmp_path / "b"), "--leave-out", "qmnist", "--leave-out", "unipen"]
    with pytest.raises(BackboneError, match="every source") as caught:
        pretrain.main(order, standalone_mode=False)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "b").exists()
