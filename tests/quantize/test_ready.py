"""A backbone alone becomes a bundle without users: its features are proved, and it knows nobody."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from once import once
from tiny_reader import write_reader

from edge.bundle.bundle import MODEL, Bundle
from edge.bundle.kernels import comparable
from edge.bundle.origin import find_origin
from edge.errors import NoUsersError
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import FragmentSet
from quantize.cli.bench import bench
from quantize.cli.quantize import quantize
from quantize.cli.verify import verify
from quantize.convert.backbone import BackboneFile
from quantize.model.invented import invented_writing

BACKBONE = Path(__file__).parents[2] / "train" / "network" / "backbones" / "backbone-1bit.npz"

pytestmark = pytest.mark.slow("a backbone is converted, its weights refitted on 300 words")


def call(command: click.Command, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once("ready-bundle", _make)


def _make(folder: Path) -> Path:
    strangers = invented_writing().select(np.arange(100))
    strangers.save(folder / "more.npz")
    given = ("--fragments", folder / "more.npz", "--reader", write_reader(folder / "reader"))
    result = call(quantize, BACKBONE, "--out", folder / "b", *given, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["users"] == 0
    return folder / "b"


@pytest.fixture(scope="module")
def report(ready: Path) -> dict[str, Any]:
    result = call(verify, ready, "--kernels", "all", "--words", 40, "--json")
    assert result.exit_code == 0, result.stderr
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


def test_it_has_features_and_no_users_thresholds_or_run(ready: Path) -> None:
    bundle = Bundle.open(ready)
    manifest, engine = bundle.manifest, bundle.engine()
    assert (manifest.users, manifest.thresholds, manifest.plan["users"]) == ((), None, 0)
    assert (engine.verified, engine.outputs, engine.width) == (True, 0, 59)
    assert find_origin(bundle) is None
    assert manifest.provenance.run_sha256 == BackboneFile.read(BACKBONE).sha256
    with pytest.raises(NoUsersError, match="knows no user by itself"):
        _ = bundle.thresholds


def test_its_features_are_the_float_networks_but_for_rounding(ready: Path) -> None:
    pixels = invented_writing().to_bits(1).pixels[:200]
    exact = np.asarray(BackboneFile.read(BACKBONE).network()(pixels[np.newaxis, ..., np.newaxis] / np.float32(255)))[0]
    features = Bundle.open(ready).engine().features(to_int8(pixels)) / 128
    assert features.shape == exact.shape
    # Measured: 0.010 on average, which is 1.3 of the features' steps, with a spread of 0.93.
    assert np.abs(features - exact).mean() < 0.02
    assert exact.std() > 0.8


def test_every_kernel_set_is_proved_in_every_tensor_and_the_features_are_counted(report: dict[str, Any]) -> None:
    assert (report["passed"], report["mismatches"], report["failures"]) == (True, 0, [])
    assert [found["kernels"] for found in report["kernel_sets"]] == [*comparable(), *comparable()]
    golden = [found for found in report["golden"] if found["model"] == MODEL]
    fragments = len(comparable()) * report["fragments"] + sum(found["fragments"] for found in golden)
    assert report["outputs"][MODEL] == {"features": {"name": "features", "values": 59 * fragments, "mismatches": 0}}
    assert (report["decisions"], report["drift"]) == (None, [])
    assert [tensor["name"] for tensor in report["noise"]][-1] == "features"
    assert sum(part["share"] for part in report["attribution"]) == pytest.approx(1)
    assert any("features only" in note for note in report["notes"])


def test_the_page_says_so(ready: Path, report: dict[str, Any]) -> None:
    page = (ready / "report.html").read_text()
    assert f"0</b> of {report['outputs'][MODEL]['features']['values']:,} features differ" in page
    assert "decides nothing by itself" in page


def test_its_golden_words_are_invented(ready: Path) -> None:
    golden = Bundle.open(ready).golden()
    invented = {to_int8(pixels[np.newaxis])[0].tobytes() for pixels in invented_writing().to_bits(1).pixels}
    written = golden.fragments[7:]  # behind two white, two black and three random ones
    assert len(written) == 17
    assert {fragment.tobytes() for fragment in written} <= invented


def test_its_speed_is_measured_without_an_error_rate(ready: Path) -> None:
    result = call(bench, ready, "--fragments", 80, "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["rows"]
    assert (row["fragments"], row["error"], row["batched_error"]) == (80, None, None)


def test_what_means_nothing_for_a_backbone_or_for_a_run_is_refused(tmp_path: Path, handwriting: FragmentSet) -> None:
    handwriting.save(tmp_path / "more.npz")
    for option in ("--far", "--far-reject"):
        done = CliRunner().invoke(quantize, [str(BACKBONE), "--out", str(tmp_path / "b"), option, "0.01"])
        assert done.exit_code == 2
        assert f"leave {option} away" in done.output
    done = CliRunner().invoke(
        quantize, ["RUN", "--out", str(tmp_path / "b"), "--fragments", str(tmp_path / "more.npz")]
    )
    assert done.exit_code == 2
    assert "leave --fragments away" in done.output
