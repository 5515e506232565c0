"""`inkgate adapt` and `inkgate data`: the keys of --json, the text for people, exit codes."""

import gzip
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import inkgate
from edge.ink.fragment_set import FragmentSet
from train.cli.adapt import adapt as adapt_command
from train.cli.data import data
from train.data import mnist
from train.data.datasets import SOURCES
from train.plan.architecture import ArchitecturePlan, adapt


def invoke(command: Any, *arguments: str) -> Result:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def as_json(command: Any, *arguments: str) -> Any:
    return json.loads(invoke(command, *arguments, "--json").stdout)


def fails(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """Run the console script and return its exit code and stderr."""
    monkeypatch.setattr(sys, "argv", ["inkgate", *arguments])
    with pytest.raises(SystemExit) as stopped:
        inkgate.main()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, capsys.readouterr().err


def test_adapt_prints_the_promised_keys_for_ten_users() -> None:
    plan = as_json(adapt_command, "--users", "10")
    promised = {
        "inputs": 1089,
        "maps": [6, 24],
        "kernel": 5,
        "stride": 2,
        "padding": 0,
        "sides": [15, 6],
        "hidden": 59,
        "outputs": 11,
        "parameters": 83_559,
        "macs": 242_823,
    }
    assert {key: plan[key] for key in promised} == promised
    assert len(plan["stages"]) == 7
    structure = {key: plan[key] for key in adapt(10).to_dict()}
    assert ArchitecturePlan.from_dict(structure) == adapt(10)


def test_adapt_shows_people_every_stage_formula_equation_and_principle() -> None:
    page = invoke(adapt_command, "--users", "10").stderr
    for text in (
        *[f"{n}. " for n in range(1, 8)],
        *[f"eq. {n}" for n in (1, 2, 3, 5)],
        *[f"principle      ({n}) " for n in range(1, 6)],
        "2 L_h2 + L_out = 2 x 24 + 11",
        "83,559",
        "242,823",
        "84,567",
    ):
        assert text in page


@pytest.mark.parametrize(("size", "fits"), [("84567", True), ("84567B", True), ("82.6KiB", True), ("84kB", False)])
def test_a_budget_lists_what_satisfies_it(size: str, fits: bool) -> None:
    plan = as_json(adapt_command, "--users", "10", "--max-flash", size, "--max-ram", "128KiB", "--max-macs", "250k")
    assert (plan["maps"] == [6, 24]) is fits
    assert plan["candidates"][0]["maps"] == plan["maps"]
    limits = plan["budget"]
    assert all(c["weight_bytes"] <= limits["flash"] and c["macs"] <= limits["macs"] for c in plan["candidates"])
    assert limits["ram"] == 131_072
    assert limits["macs"] == 250_000


def test_a_budget_shows_people_the_choice() -> None:
    page = invoke(adapt_command, "--users", "10", "--max-flash", "50000").stderr
    assert "Equation 4" in page
    assert "build" in page
    assert "the seven stages without a budget need flash 84,567" in page


def test_an_impossible_budget_ends_in_exit_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = fails(capsys, monkeypatch, "adapt", "--users", "10", "--max-flash", "1k")
    assert code == 2
    assert "--max-flash 6789" in said


@pytest.mark.parametrize("size", ["12q", "-5", "many", "0", "1e3"])
def test_a_size_that_is_none_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    code, said = fails(capsys, monkeypatch, "adapt", "--users", "10", f"--max-flash={size}")
    assert code == 2
    assert size in said


def test_export_writes_what_info_describes(tmp_path: Path) -> None:
    out, picture = tmp_path / "new" / "some.npz", tmp_path / "pictures" / "some.png"
    options = ("--writers", "4", "--per-writer", "12", "--symbols", "abc", "--seed", "5")
    exported = as_json(data, "export", "synthetic", "--out", str(out), *options)
    assert (exported["fragments"], exported["writers"], exported["pixel_bits"]) == (48, 4, 8)
    assert exported["sha256"] == FragmentSet.load(out).sha256
    described = as_json(data, "info", str(out), "--png", str(picture))
    assert picture.stat().st_mode & 0o777 == 0o600
    assert described["symbols"] == {"a": 16, "b": 16, "c": 16}
    assert described["per_writer"] == {"least": 12, "median": 12.0, "most": 12}
    assert described["pixel_bits"] == 1
    assert "too few" in described["split"]
    assert np.asarray(Image.open(picture)).shape == (4 * 70 + 4, 12 * 70 + 4)
    assert "48" in invoke(data, "info", str(out)).stderr


def test_info_says_how_the_writers_are_split() -> None:
    described = as_json(data, "info", "synthetic", "--writers", "14", "--per-writer", "40")
    assert described["split"] == {"background": 10, "development": 1, "evaluation": 3}


def test_info_without_a_name_lists_the_sources(tmp_path: Path) -> None:
    sources = as_json(data, "info", "--data-dir", str(tmp_path))
    assert set(sources) == {*SOURCES, "FILE.npz"}
    assert "inkgate data fetch" in sources["qmnist"]
    assert "synthetic" in invoke(data, "info").stderr


def test_options_for_invented_writers_are_refused_for_real_ones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = fails(capsys, monkeypatch, "data", "info", "qmnist", "--writers", "3")
    assert code == 2
    assert "synthetic writers only" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("info", "nothing"), "no dataset is called"),
        (("info", "absent.npz"), "absent.npz"),
        (("info", "qmnist", "--data-dir", "absent"), "inkgate data fetch"),
        (("export", "synthetic", "--out", "some.zip"), "end its name so"),
        (("info", "synthetic", "--writers", "2", "--per-writer", "3", "--png", "x.unknown"), "end its name in .png"),
        (("export", "synthetic", "--symbols", "A", "--out", "x.npz"), "they know"),
    ],
)
def test_what_a_person_can_cause_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = fails(capsys, monkeypatch, "data", *arguments)
    assert code == 2
    assert words in said
    assert "Traceback" not in said


def test_fetch_leaves_intact_files_alone_and_says_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = b"published"
    source = mnist.SourceFile("set/file.gz", (), len(raw), hashlib.sha256(raw).hexdigest())
    monkeypatch.setattr(mnist, "FILES", (source,))
    (tmp_path / "set").mkdir()
    (tmp_path / "set/file.gz").write_bytes(gzip.compress(raw))
    answer = as_json(data, "fetch", "--data-dir", str(tmp_path))
    assert answer["folder"] == str(tmp_path)
    assert [(f["path"], f["status"]) for f in answer["files"]] == [(str(tmp_path / "set/file.gz"), "present")]
    page = invoke(data, "fetch", "--data-dir", str(tmp_path)).stderr
    assert "present" in page


def test_fetch_downloads_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = bytes(200_000)
    home = tmp_path / "home.gz"
    home.write_bytes(gzip.compress(raw, 0))
    source = mnist.SourceFile("set/file.gz", (home.as_uri(),), len(raw), hashlib.sha256(raw).hexdigest())
    monkeypatch.setattr(mnist, "FILES", (source,))
    answer = as_json(data, "fetch", "--data-dir", str(tmp_path / "data"))
    assert [(f["status"], f["transferred"]) for f in answer["files"]] == [("downloaded", home.stat().st_size)]
    assert (tmp_path / "data/set/file.gz").read_bytes() == home.read_bytes()
