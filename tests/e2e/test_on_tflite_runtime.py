"""A gate on tflite-runtime 2.14 alone, installed as a user does it: verified, pinned, and at a virtual board.

Skipped, aloud, without Python 3.11 or without a network for pip.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from needs import require_packages
from once import once

ROOT = Path(__file__).parents[2]
TRIAL = ROOT / "tests" / "benchmarks" / "start_up.py"

pytestmark = [
    pytest.mark.slow("installs a gate, whose board writes in a person's time"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="names the kernels of x86-64; `make test-pi` is for Arm"),
]

ALONE = {"tensorflow", "tf_keras", "ai_edge_litert"}
"""What must not be beside it."""

PINNED = """
import sys
from edge.bundle.bundle import Bundle
engine = Bundle.open(sys.argv[1]).engine()
print(engine.runtime, engine.kernels, engine.verified, engine.outputs)
"""


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an installation whose interpreter is tflite-runtime; it has pytest too."""
    python = next((path for name in ("python3.11", "python3") if (path := shutil.which(name)) and is_3_11(path)), None)
    if python is None:
        pytest.skip("tflite-runtime comes for Python 3.11 at most, which is not here")
    require_packages(tmp_path_factory.mktemp("probe"))
    return once("on-tflite-runtime", lambda folder: install(folder, python))


def is_3_11(python: str) -> bool:
    test = "import sys, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))"
    return subprocess.run([python, "-c", test], capture_output=True, check=False).returncode == 0


def install(folder: Path, python: str) -> Path:
    places = ("--prefix", folder / "gate", "--bin", folder / "bin", "--python", python)
    run(ROOT / "install.sh", "--runtime", "tflite-runtime", *places)
    pip = (folder / "gate/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "-c", ROOT / "constraints.txt", "pytest", "hypothesis")
    return folder / "gate"


def run(*command: object, fails: bool = False, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command away from the sources; unless it may fail it must succeed."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    done = subprocess.run(words, env=clean | environment, cwd="/", capture_output=True, text=True, check=False)
    assert fails or done.returncode == 0, done.stdout + done.stderr
    return done


def test_nothing_else_is_installed_that_could_run_the_network(gate: Path) -> None:
    packages = {path.name for path in gate.glob("lib/python3*/site-packages/*")}
    assert {"tflite_runtime", "tflite"} <= packages
    assert not packages & ALONE


def test_the_edges_claims_hold_on_it(gate: Path) -> None:
    tests = ROOT / "tests/edge/bundle/test_tflite_runtime.py"
    done = run(gate / "bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, PYTHONPATH=str(ROOT))
    assert "skipped" not in done.stdout
    assert "10 passed" in done.stdout


def test_every_value_of_the_ready_bundle_is_the_references(gate: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = run(gate / "bin/inkgate", "verify", "ready", "--kernels", "all", "--words", 10, "--html", page, "--json")
    report = json.loads(done.stdout)
    assert (report["passed"], report["mismatches"], report["failures"]) == (True, 0, [])
    sets = {found["kernels"]: found for found in report["kernel_sets"]}
    assert {"tflite-runtime-optimised", "tflite-runtime-reference"} == set(sets)
    assert all(found["values"] > 10**5 and found["version"] == "2.14.0" for found in sets.values())
    assert len(report["golden"]) == 10
    assert "thresholds and evidence were made on ai-edge-litert" in " ".join(report["notes"])


def test_a_bundle_with_users_is_verified_pinned_and_then_runs_verified(
    gate: Path, run_and_bundle: tuple[Path, Path], tmp_path: Path
) -> None:
    """Its network keeps a state and has logits, which tflite-runtime's reference kernels compute wrongly."""
    bundle = shutil.copytree(run_and_bundle[0].parent, tmp_path / "path") / "bundle"  # others run it as it was signed
    before = run(gate / "bin/python", "-c", PINNED, bundle, fails=True)
    assert "`inkgate verify BUNDLE --pin`" in before.stderr
    verify = (gate / "bin/inkgate", "verify", bundle, "--words", 10, "--json")
    refused = json.loads(run(*verify, "--kernels", "tflite-runtime-reference", fails=True).stdout)
    assert any("give wrong results for this network" in failure for failure in refused["failures"])
    report = json.loads(run(*verify, "--pin", fails=True).stdout)
    assert report["mismatches"] == 0
    assert [found["kernels"] for found in report["kernel_sets"]] == ["tflite-runtime-optimised"] * 2
    assert {drift["kernels"] for drift in report["drift"]} == {"litert-xnnpack"}
    if not report["passed"]:
        # A network trained for so few steps may lose more by int8 than is allowed; nothing is pinned then.
        pytest.skip(f"the network of the tests is refused: {report['failures']}")
    after = run(gate / "bin/python", "-c", PINNED, bundle)
    assert after.stdout.split()[:4] == ["tflite-runtime", "2.14.0", "tflite-runtime-optimised", "True"]
    assert int(after.stdout.split()[4]) > 1


def test_at_a_virtual_board_it_decides_verified_and_as_litert_does(gate: Path) -> None:
    trial = (TRIAL, "--runs", 1, "--words", 4, "--json")
    there = ("--inkgate", gate / "bin/inkgate", "--python", gate / "bin/python")
    own = json.loads(run(sys.executable, *trial, PYTHONPATH=str(ROOT)).stdout)
    other = json.loads(run(sys.executable, *trial, *there).stdout)
    assert [found["runtime"] for found in other["computed"].values()] == ["tflite-runtime 2.14.0"] * 2
    assert other["doctor"]["kernels"] == "ok"
    for mine, its in zip(own["decisions"], other["decisions"], strict=True):
        assert (mine["decision"], mine["user"]) == (its["decision"], its["user"])
        assert abs(mine["score"] - its["score"]) < 0.1
        assert its["verified"] is True
    assert {"ACCEPT", "REJECT"} == {found["decision"] for found in other["decisions"]}
