"""A backbone's file becomes the network of its features, or is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantize.convert.backbone import BackboneFile
from quantize.errors import BackboneFileError

SHIPPED = Path(__file__).parents[3] / "train" / "network" / "backbones" / "backbone-1bit.npz"


@pytest.fixture
def backbone(tmp_path: Path) -> Path:
    """Return a copy of the shipped backbone, for changing."""
    for file in (SHIPPED, SHIPPED.with_suffix(".json")):
        shutil.copy(file, tmp_path)
    return tmp_path / SHIPPED.name


def describe(backbone: Path, **changes: Any) -> None:
    file = backbone.with_suffix(".json")
    about = json.loads(file.read_text())
    file.write_text(json.dumps({**about, "plan": {**about["plan"], **changes}}))


def test_the_plan_is_the_backbones_for_no_users() -> None:
    found = BackboneFile.read(SHIPPED)
    assert (found.plan["users"], found.plan["maps"], found.plan["hidden"]) == (0, [6, 24], 59)
    assert not {"lstm", "outputs", "parameters", "macs"} & set(found.plan)
    assert (found.pixel_bits, set(found.sha256)) == (1, {"backbone-1bit.npz", "backbone-1bit.json"})


def test_the_network_computes_what_the_weights_say() -> None:
    """Compute convolutions and the fully connected layer by plain sums."""
    found = BackboneFile.read(SHIPPED)
    pixels = (np.random.default_rng(0).random((2, 3, 33, 33, 1)) < 0.2).astype(np.float32)
    x = pixels.reshape(6, 33, 33, 1)
    for layer in ("conv1", "conv2"):
        windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(1, 2))[:, ::2, ::2]
        x = np.tanh(np.einsum("nyxcij,ijcm->nyxm", windows, found.arrays[f"{layer}/0"]) + found.arrays[f"{layer}/1"])
    expected = np.tanh(x.reshape(6, -1) @ found.arrays["fc/0"] + found.arrays["fc/1"]).reshape(2, 3, 59)
    # float32 sums of 864 terms in another order.
    np.testing.assert_allclose(np.asarray(found.network()(pixels)), expected, atol=1e-4)


def test_a_file_that_is_not_there_or_no_backbone_is_refused_by_name(tmp_path: Path, backbone: Path) -> None:
    with pytest.raises(BackboneFileError, match=r"none\.npz: no backbone, .*none\.npz: No such file"):
        BackboneFile.read(tmp_path / "none.npz")
    backbone.with_suffix(".json").rename(tmp_path / "aside")
    with pytest.raises(
        BackboneFileError, match=r"backbone-1bit\.npz: no backbone, .*backbone-1bit\.json: No such file"
    ):
        BackboneFile.read(backbone)
    for content in (b"", b"PK", b"not a backbone", SHIPPED.read_bytes()[:1000]):
        backbone.write_bytes(content)
        with pytest.raises(BackboneFileError, match=r"backbone-1bit\.npz: not a backbone, or a damaged one"):
            BackboneFile.read(backbone)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"plan": 3}', '{"plan": {"side": 33}}'])
def test_a_description_that_is_none_is_refused(backbone: Path, content: str) -> None:
    backbone.with_suffix(".json").write_text(content)
    with pytest.raises(BackboneFileError, match="not a backbone, or a damaged one"):
        BackboneFile.read(backbone)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"maps": [6, 24, 48]}, "lacks conv3/0, conv3/1"),
        ({"padding": 1}, "with padding"),
        ({"side": 28}, "another side than 33"),
    ],
)
def test_a_plan_that_is_no_network_of_these_weights_is_refused(
    backbone: Path, changes: dict[str, Any], reason: str
) -> None:
    describe(backbone, **changes)
    with pytest.raises(BackboneFileError, match=reason):
        BackboneFile.read(backbone)


def test_weights_of_another_shape_than_the_plans_are_refused(backbone: Path) -> None:
    describe(backbone, hidden=60)
    with pytest.raises(BackboneFileError, match="do not fit the plan"):
        BackboneFile.read(backbone).network()
