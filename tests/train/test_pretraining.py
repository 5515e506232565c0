"""`inkgate pretrain`: what it trains on, what it refuses, and what its description says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.ink.fragment_set import FragmentSet
from train import pretraining
from train.data import datasets
from train.errors import BackboneError, MissingDataError, OverwriteError
from train.network import pretrain
from train.network.backbone import Backbone
from train.network.sources import Source
from train.network.training_settings import PretrainSettings
from train.pretraining import PretrainOrder, load_sources, make_shipped_backbone

FEW = PretrainSettings(steps=2, groups=8, augmented=2)


@pytest.fixture
def little_data(hands: FragmentSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the recipe find invented writers in place of the public sets."""
    some = hands.of_writers(hands.writers[:6])
    sources = (Source("qmnist", (some,)), Source("unipen", (some, some), (0.5, 0.5)))
    monkeypatch.setattr(pretraining, "load_sources", lambda leave_out, _: sources[: len(sources) - len(leave_out)])


@pytest.mark.usefixtures("little_data")
def test_a_finished_backbone_is_not_made_again_and_another_stays_unless_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_shipped_backbone(PretrainOrder(settings=FEW, command="inkgate pretrain"), tmp_path / "b")
    about = made.about
    assert about["dataset"] == "qmnist, unipen"
    assert about["background_writers"] == 12
    assert "CC BY-SA" in about["sources"][0]["licence"]
    assert "UNIPEN" in about["sources"][1]["licence"]
    assert about["command"] == "inkgate pretrain"
    assert {"fragments", "words"} == about["final_loss"].keys()
    assert dict(Backbone.load(1, tmp_path / "b").about) == dict(about)
    original = pretrain.pretrain

    def never(*arguments: Any, **more: Any) -> Any:
        raise AssertionError("it trains again")

    monkeypatch.setattr(pretrain, "pretrain", never)
    again = make_shipped_backbone(PretrainOrder(settings=FEW, command="typed otherwise"), tmp_path / "b")
    assert dict(again.about) == dict(about)
    with pytest.raises(OverwriteError, match="--force"):
        make_shipped_backbone(PretrainOrder(("unipen",), FEW), tmp_path / "b")
    monkeypatch.setattr(pretrain, "pretrain", original)
    other = make_shipped_backbone(PretrainOrder(("unipen",), FEW, replace=True), tmp_path / "b")
    assert other.about["dataset"] == "qmnist"
    assert other.about["data_sha256"] != about["data_sha256"]


def test_leaving_everything_out_and_missing_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="leave out fewer"):
        load_sources(("qmnist", "unipen"))
    for left_out in ("unipen", "qmnist"):
        with pytest.raises(MissingDataError):
            load_sources((left_out,), tmp_path)


@pytest.mark.needs("ink")
def test_unipen_is_drawn_by_three_pens_without_its_development_writers() -> None:
    (unipen,) = load_sources(("qmnist",))
    ink = datasets.load_strokes("unipen")
    development = datasets.unipen_development(ink.writer)
    assert set(unipen.writers) == set(ink.writer.tolist()) - set(development)
    first, *others = unipen.renderings
    assert len(unipen.chances) == len(unipen.renderings) == 3
    for other in others:
        np.testing.assert_array_equal(other.writer, first.writer)
        np.testing.assert_array_equal(other.symbol, first.symbol)
        assert (other.pixels != first.pixels).any(axis=(1, 2)).mean() > 0.3


@pytest.mark.needs("qmnist", "mnist")
def test_qmnist_without_ink_is_its_background_writers_scans() -> None:
    (qmnist,) = load_sources(("qmnist-ink", "unipen"))
    scans = datasets.load("qmnist", pixel_bits=8)
    assert qmnist.writers == datasets.split_writers(scans).background
    assert [rendering.sha256 for rendering in qmnist.renderings] == [scans.of_writers(qmnist.writers).sha256]
