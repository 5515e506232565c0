import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tf_keras

from firmware_bridge.errors import UnwritableError
from firmware_bridge.trust.private_folder import replace_file
from train.errors import BackboneError
from train.network.backbone import SHIPPED, Backbone, extract, transfer
from train.network.keras_model import build
from train.network.pretrain import pretrain
from train.network.sources import Source
from train.network.training_settings import PretrainSettings
from train.plan.architecture import adapt
from train.synthetic.writers import synthetic_set


@pytest.fixture(scope="module")
def network() -> tf_keras.Model:
    tf_keras.utils.set_random_seed(1)
    return build(adapt(10), outputs=40)


def test_a_network_of_the_same_plan_takes_the_backbone_whole(network: tf_keras.Model) -> None:
    arrays = extract(network)
    other = build(adapt(10))
    transfer(arrays, other)
    for key, weight in extract(other).items():
        np.testing.assert_array_equal(weight, arrays[key])
    assert not any(key.startswith("logits") for key in arrays)


@pytest.mark.parametrize("users", [3, 25])
def test_fewer_or_more_users_take_the_units_that_both_have(network: tf_keras.Model, users: int) -> None:
    plan = adapt(users)
    other = build(plan)
    transfer(extract(network), other)
    common = min(plan.hidden, 59)
    given, taken = extract(network), extract(other)
    np.testing.assert_array_equal(taken["conv1/0"], given["conv1/0"])
    np.testing.assert_array_equal(taken["fc/0"][:, :common], given["fc/0"][:, :common])
    for gate in range(4):
        mine = taken["lstm/1"].reshape(plan.hidden, 4, plan.hidden)[:common, gate, :common]
        theirs = given["lstm/1"].reshape(59, 4, 59)[:common, gate, :common]
        np.testing.assert_array_equal(mine, theirs)


def test_units_beyond_the_backbones_keep_their_own_start(network: tf_keras.Model) -> None:
    tf_keras.utils.set_random_seed(5)
    other = build(adapt(25))
    before = extract(other)["fc/0"][:, 59:].copy()
    transfer(extract(network), other)
    np.testing.assert_array_equal(extract(other)["fc/0"][:, 59:], before)


def test_another_kernel_shape_is_refused(network: tf_keras.Model) -> None:
    arrays = {**extract(network), "conv1/0": np.zeros((3, 3, 1, 6), np.float32)}
    with pytest.raises(BackboneError, match="conv1"):
        transfer(arrays, build(adapt(10)))


def test_a_backbone_comes_back_as_it_was_saved(tmp_path: Path, network: tf_keras.Model) -> None:
    saved = Backbone(extract(network), {"pixel_bits": 1, "dataset": "x"})
    saved.save(tmp_path)
    loaded = Backbone.load(1, tmp_path)
    assert dict(loaded.about) == dict(saved.about)
    for key, weight in saved.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[key], weight)


@pytest.mark.parametrize("damage", ["missing", "cut", "garbage"])
def test_a_missing_or_damaged_backbone_is_an_error_with_the_next_command(
    tmp_path: Path, network: tf_keras.Model, damage: str
) -> None:
    Backbone(extract(network), {"pixel_bits": 1}).save(tmp_path)
    path = tmp_path / "backbone-1bit.npz"
    match damage:
        case "missing":
            path.unlink()
        case "cut":
            path.write_bytes(path.read_bytes()[:1000])
        case "garbage":
            path.write_bytes(b"\x00" * 500)
    with pytest.raises(BackboneError, match="from-scratch"):
        Backbone.load(1, tmp_path)


@pytest.mark.parametrize("bits", [1, 8])
def test_the_shipped_backbone_fits_the_plan_and_its_card_says_what_it_is(bits: int) -> None:
    backbone = Backbone.load(bits)
    assert backbone.pixel_bits == bits
    transfer(backbone.arrays, build(adapt(10)))
    for key in ("dataset", "data_sha256", "command", "created", "steps", "background_writers", "versions"):
        assert backbone.about[key]
    card = (SHIPPED / "card.md").read_text()
    assert backbone.about["command"] in card
    assert backbone.about["data_sha256"] in card
    assert json.loads((SHIPPED / f"backbone-{bits}bit.json").read_text()) == dict(backbone.about)


@pytest.mark.slow("fewer than 100 steps of training show nothing")
def test_pretraining_learns_to_tell_writers_apart() -> None:
    background = synthetic_set(4, 30, seed=3)
    _, losses = pretrain([Source("hands", (background,))], adapt(10), 1, PretrainSettings(steps=100))
    fragments, words = dict(losses["fragments"]), dict(losses["words"])
    assert fragments[100] < 0.9 * fragments[50]
    assert words[50] < 0.9 * np.log(4)


def test_a_backbone_whose_writing_is_cut_off_is_none_and_never_a_wrong_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {"pixel_bits": 1, "seed": 1}
    Backbone({"fc/0": np.zeros(3, np.float32)}, about).save(tmp_path)
    later = Backbone({"fc/0": np.ones(3, np.float32)}, {**about, "seed": 2})

    for allowed in (0, 1):
        left = iter(range(allowed))

        def cut_off(file: Path, fresh: Path, content: bytes, mode: int, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise OSError(28, "No space left on device")
            replace_file(file, fresh, content, mode)

        monkeypatch.setattr("train.network.backbone.replace_file", cut_off)
        with pytest.raises(UnwritableError, match="No space left on device: make room"):
            later.save(tmp_path)
        with pytest.raises(BackboneError):
            Backbone.load(1, tmp_path)
    monkeypatch.undo()
    later.save(tmp_path)
    assert Backbone.load(1, tmp_path).about["seed"] == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["backbone-1bit.json", "backbone-1bit.npz"]
