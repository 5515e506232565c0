"""From a run to a proved bundle by the command lines, and every way in which the proof must fail."""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from threadpoolctl import threadpool_info, threadpool_limits

from edge.bundle.bundle import Bundle
from edge.bundle.kernels import TABLE, comparable, reserved, runs_on
from edge.bundle.manifest import ReaderRecord
from edge.errors import RunError
from edge.ink.fragment_set import FragmentSet
from quantize.arithmetic.matmul import single_thread
from quantize.arithmetic.reference import Reference
from quantize.cli.quantize import quantize
from quantize.cli.verify import verify as verify_command
from quantize.errors import GraphsDifferError, KernelSetError
from quantize.interpreter.executors import Tracer
from quantize.losses.accuracy import EerReport
from quantize.model.graph import load_graph
from quantize.model.words import Words
from quantize.proof.compare import compare, first_mismatch
from quantize.report.page import make_page
from quantize.report.record import Report
from quantize.verify import choose_kernels, verify

ROOT = Path(__file__).parents[2]


def call(command: click.Command, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def bundle_path(made_bundle: Path) -> Path:
    return made_bundle


@pytest.fixture(scope="module")
def report(bundle_path: Path) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("quantize.losses.accuracy.WORDS_PER_SIDE", 400)
        result = call(verify_command, bundle_path, "--kernels", "all", "--words", 60, "--json")
    assert result.exit_code == 0, result.stderr
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


def altered(model: bytes, tensor: int, path: Path) -> Path:
    """Return the model with one bit changed in the middle of a stored tensor."""
    data = load_graph(model).tensors[tensor].constant.tobytes()
    place = model.index(data) + len(data) // 2
    changed = bytearray(model)
    changed[place] ^= 0x01
    path.write_bytes(changed)
    return path


@pytest.fixture(autouse=True)
def fewer_trials(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Draw fewer trials: 1000 words a side take seconds, and only the full report needs many."""
    if "report" not in request.fixturenames:
        monkeypatch.setattr("quantize.losses.accuracy.WORDS_PER_SIDE", 100)


# --- quantize ------------------------------------------------------------------------------------------------------


def test_a_bundle_says_whom_it_knows_and_where_it_came_from(bundle_path: Path, run_path: Path) -> None:
    manifest = Bundle.open(bundle_path).manifest
    assert manifest.users == ("user 0", "user 1", "user 2", "user 3")
    assert manifest.plan == {"users": 4, "outputs": 5}
    assert manifest.thresholds is not None
    assert (manifest.pixel_bits, manifest.thresholds.far_accept) == (1, 0.01)
    assert manifest.thresholds.trials >= 2000
    assert (bundle_path / manifest.provenance.run).resolve() == run_path.resolve()
    assert set(manifest.provenance.run_sha256) >= {"config.json", "model.keras", "test.npz"}
    assert {"tensorflow", "ai-edge-litert"} <= set(manifest.provenance.versions)
    golden = {f"golden-{kernels}.bin" for kernels in (manifest.executor.kernels, *reserved())}
    reader = {"reader.tflite", "reader.json", *(f"reader-{name}" for name in golden)}
    assert set(manifest.files) == {"model.tflite", "calibration.json", "float.npz"} | golden | reader
    assert manifest.reader == ReaderRecord("0127", 1.5)


def test_error_rates_are_measured_and_never_below_three_in_n(bundle_path: Path) -> None:
    rates = Bundle.open(bundle_path).manifest.error_rates
    assert set(rates.far) == set(rates.frr) == set(range(4, 21))
    assert min(rates.far.values()) >= 3 / 1000
    assert rates.frr[8] < 0.5, "writers with places of their own are easy to tell apart"


def test_every_draw_gets_a_bundle_and_the_same_run_the_same_model(bundle_path: Path, run_path: Path) -> None:
    other = Bundle.open(run_path / "draws" / "1" / "bundle")
    assert other.manifest.provenance.run == ".."
    assert other.contents["model.tflite"] == Bundle.open(bundle_path).contents["model.tflite"]


def test_the_bundle_runs_on_the_edge(bundle_path: Path) -> None:
    bundle = Bundle.open(bundle_path)
    engine = bundle.engine()
    assert engine.kernels == bundle.manifest.executor.kernels
    assert engine.outputs == 5
    reader = bundle.reader()
    assert (reader.kernels, reader.alphabet, reader.verified) == (engine.kernels, "0127", True)


@pytest.mark.parametrize("lacking", ["config.json", "plan.json", "model.keras", "calibration.npz", "development.npz"])
def test_a_run_that_lacks_a_file_is_refused_by_name(lacking: str, run_path: Path, tmp_path: Path) -> None:
    for file in run_path.glob("*.*"):
        if file.name != lacking:
            shutil.copy(file, tmp_path / file.name)
    with pytest.raises(RunError, match=lacking):
        call(quantize, tmp_path, "--out", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_a_config_whose_users_and_writers_disagree_is_refused(run_path: Path, tmp_path: Path) -> None:
    config = json.loads((run_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "user_writers": [1]}))
    with pytest.raises(RunError, match="4 users and 1 writer ids"):
        call(quantize, tmp_path, "--out", tmp_path / "bundle")


# --- verify --------------------------------------------------------------------------------------------------------


def test_nothing_differs_in_any_tensor_of_any_kernel_set(report: dict[str, Any]) -> None:
    assert (report["mismatches"], report["max_abs"], report["passed"], report["failures"]) == (0, 0.0, True, [])
    assert [(found["model"], found["kernels"]) for found in report["kernel_sets"]] == [
        (model, kernels) for model in ("model.tflite", "reader.tflite") for kernels in comparable()
    ]
    for found in report["kernel_sets"]:
        assert (found["mismatches"], found["passed"], found["error"]) == (0, True, None), found["kernels"]
        tensors = [tensor for op in found["ops"] for tensor in op["tensors"]] + found["unwatched"]
        outputs = ["features", "logits"] if found["model"] == "model.tflite" else ["logits"]
        assert [tensor["name"].split()[0] for tensor in found["unwatched"]] == outputs
        assert found["values"] == sum(tensor["values"] for tensor in tensors) > 1_500_000
        assert all(t["mismatches"] == 0 and t["max_abs"] == 0 and t["first"] is None for t in tensors)
    compared = [*report["kernel_sets"], *report["golden"]]
    assert report["values"] == sum(part["values"] for part in compared)
    outputs = report["outputs"]["model.tflite"]
    golden = [vectors for vectors in report["golden"] if vectors["model"] == "model.tflite"]
    per_fragment = len(comparable()) * 630 + sum(vectors["fragments"] for vectors in golden)
    assert {name: (found["values"], found["mismatches"]) for name, found in outputs.items()} == {
        "features": (53 * per_fragment, 0),
        "logits": (5 * per_fragment, 0),
    }
    assert (report["words"], report["fragments"]) == (60, 630)
    assert report["sources"]["handwriting"] >= 40


def test_every_kernel_set_says_who_ran_it_and_every_operation_how_it_rounds(report: dict[str, Any]) -> None:
    by_name = {found["kernels"]: found for found in report["kernel_sets"] if found["model"] == "model.tflite"}
    for name, found in by_name.items():
        assert (found["executor"], found["version"]) == ("ai-edge-litert", metadata.version("ai-edge-litert"))
        assert found["machine"].startswith(platform.system())
        assert found["runs_on"] == runs_on(name)
        assert all(op["rule"] for op in found["ops"])
    rules = {name: [op["rule"] for op in found["ops"]] for name, found in by_name.items()}
    assert all(rules[name] == rules[runs_on(name)] for name in reserved())
    assert len({tuple(rule) for rule in rules.values()}) >= 3
    assert [found["deployed"] for found in by_name.values()].count(True) == 1
    assert report["machine"]["architecture"] == platform.machine()


def test_the_report_covers_weights_activations_states_and_temporaries(report: dict[str, Any]) -> None:
    for found in report["kernel_sets"]:
        tensors = [tensor for op in found["ops"] for tensor in op["tensors"]]
        kinds = {tensor["kind"] for tensor in tensors}
        if found["model"] == "reader.tflite":
            assert kinds == {"weight", "activation"}
            continue
        unread = "not the LSTM's temporaries" in found["readable"]
        assert kinds == {"weight", "activation", "state"} | (set() if unread else {"temporary"})
        assert unread == bool(TABLE[found["runs_on"]].delegate)
        assert sum(tensor["name"].endswith(("hidden_state", "cell_state")) for tensor in tensors) == 2


def test_golden_vectors_are_compared_in_every_tensor(report: dict[str, Any]) -> None:
    deployed = report["deployed"]["kernels"]
    for model in ("model.tflite", "reader.tflite"):
        golden = [found for found in report["golden"] if found["model"] == model]
        assert {found["kernels"] for found in golden} == {deployed, *reserved()}
        assert all((found["passed"], found["error"], found["mismatches"]) == (True, None, 0) for found in golden)
        assert min(found["values"] for found in golden) > 30_000


def test_the_report_bounds_what_other_kernels_do_to_decisions(report: dict[str, Any]) -> None:
    deployed = report["deployed"]["kernels"]
    drifts = {(drift["kernels"], drift["architecture"]): drift for drift in report["drift"]}
    here = platform.machine()
    assert set(drifts) >= {(name, here) for name in comparable() if name != deployed}
    assert {architecture for _, architecture in drifts} == {"x86_64", "aarch64"}
    for drift in drifts.values():
        decisions = drift["decisions"]
        assert drift["values"] == drift["fragments"] * 5
        assert (drift["differing"] > 0) == (drift["max_steps"] > 0)
        assert decisions["words"] == report["decisions"]["measured_on"]["words"] == 800
        assert decisions["final"] <= decisions["anywhere"]
        assert decisions["anywhere"] / 800 < decisions["anywhere_upper_bound"] < 1


def test_the_report_measures_float_against_int8(report: dict[str, Any]) -> None:
    decided = report["decisions"]
    against, decisions = decided["int8_against_float"], decided["decisions_against_float"]
    assert against["agreement"] > 0.9
    assert against["agreement"] == pytest.approx(1 - decisions["final"] / decisions["words"])
    assert len(decided["differing_words"]) == min(50, decisions["final"])
    assert decided["eer"]["users_words"] == 400
    assert abs(decided["eer_shift_points"]) <= 0.5
    assert {"float32", *comparable()} <= set(decided["eer"]["percent"])
    assert len(report["noise"]) == 17
    assert sum(part["share"] for part in report["attribution"]) == pytest.approx(1)
    assert {found["dtype"] for found in report["histograms"]} == {"int8", "int16"}


def test_kernel_sets_are_chosen_by_name_and_the_deployed_one_is_always_compared(bundle_path: Path) -> None:
    bundle = Bundle.open(bundle_path)
    deployed = bundle.manifest.executor.kernels
    assert set(choose_kernels(bundle.manifest.executor, [])) == {"litert-reference", deployed}
    assert choose_kernels(bundle.manifest.executor, ["all"]) == comparable()
    assert set(choose_kernels(bundle.manifest.executor, ["inkgate-c", "litert-optimised"])) == {
        "inkgate-c",
        "litert-optimised",
        deployed,
    }
    with pytest.raises(KernelSetError, match="no arithmetic is known for kernels 'cmsis-nn'; known: litert-reference"):
        choose_kernels(bundle.manifest.executor, ["cmsis-nn"])


def test_the_report_is_kept_beside_the_bundle_and_the_bundle_still_opens(
    bundle_path: Path, report: dict[str, Any]
) -> None:
    assert json.loads((bundle_path / "verify.json").read_text()) == report
    assert (bundle_path / "report.html").read_text() == make_page((bundle_path / "verify.json").read_bytes())
    assert Bundle.open(bundle_path).sha256 == report["bundle_sha256"]


def test_a_report_for_people_shows_the_table(bundle_path: Path) -> None:
    result = call(verify_command, bundle_path, "--words", 5, "--kernels", "litert-reference,inkgate-c")
    assert result.exit_code == 0
    assert "CONV_2D" in result.stderr
    assert " 0 differ" in result.stderr
    assert "golden-inkgate-c.bin" in result.stderr
    assert "inkgate-c (reserved) on" in result.stderr
    assert result.stdout == ""


def test_a_changed_weight_of_the_reference_ends_in_exit_code_1_and_a_place(bundle_path: Path, tmp_path: Path) -> None:
    model = Bundle.open(bundle_path).contents["model.tflite"]
    weights = load_graph(model).ops[3].inputs[1]
    before = (bundle_path / "verify.json").read_bytes() if (bundle_path / "verify.json").exists() else None
    result = call(
        verify_command,
        bundle_path,
        "--words",
        20,
        "--json",
        "--reference-model",
        altered(model, weights, tmp_path / "m"),
    )
    assert result.exit_code == 1
    parsed = json.loads(result.stdout)
    assert parsed["mismatches"] > 1
    assert "error: litert-reference: " in result.stderr
    assert "first: 3 CONV_2D" in result.stderr
    assert ", word " in result.stderr
    assert ", step " in result.stderr
    assert "expected" in result.stderr
    after = (bundle_path / "verify.json").read_bytes() if (bundle_path / "verify.json").exists() else None
    assert before == after, "a comparison with a foreign model says nothing about the bundle"


def test_a_changed_byte_in_any_stored_tensor_is_caught(
    bundle_path: Path, tmp_path: Path, make_words: Callable[..., Words]
) -> None:
    model = Bundle.open(bundle_path).contents["model.tflite"]
    litert, words = Tracer(model, "litert-reference"), make_words(1)
    stored = list(load_graph(model).constants())
    assert len(stored) == 23
    for op, tensor in stored:
        changed = altered(model, tensor.index, tmp_path / "changed.tflite").read_bytes()
        if op.kind == "RESHAPE":
            continue  # a shape is no weight; the reference does not read it
        found = compare(litert, Reference.load(changed), words)
        # Equal biases share their bytes in the file.
        assert {t.mismatches for t in found if t.kind == "weight"} == {0, 1}, tensor.name
        assert first_mismatch(found) is not None


def test_a_reference_model_of_another_structure_is_refused(bundle_path: Path, make_model: Callable[..., bytes]) -> None:
    with pytest.raises(GraphsDifferError):
        verify(Bundle.open(bundle_path), words=1, reference_model=make_model(9))


def test_another_set_of_fragments_can_be_given(bundle_path: Path, run_path: Path, tmp_path: Path) -> None:
    FragmentSet.load(run_path / "development.npz").save(tmp_path / "other.npz")
    result = call(verify_command, bundle_path, "--words", 10, "--json", "--fragments", tmp_path / "other.npz")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["sources"]["handwriting"] > 0


def test_without_the_run_the_proof_stands_and_says_what_is_missing(bundle_path: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle_path, tmp_path / "alone" / "bundle")
    found = verify(Bundle.open(tmp_path / "alone" / "bundle"), words=10)
    assert found.decisions is not None
    assert (found.passed, found.mismatches) == (True, 0)
    assert (found.decisions.eer, found.decisions.eer_shift_points) == (None, None)
    assert found.sources["invented handwriting"] > 0
    assert any("is not there" in note for note in found.notes)
    assert any("no handwriting" in note for note in found.notes)
    assert any("no equal error rate" in note for note in found.notes)


def test_a_run_trained_again_since_is_not_used(bundle_path: Path, run_path: Path, tmp_path: Path) -> None:
    shutil.copytree(run_path, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    (tmp_path / "run" / "config.json").write_text(json.dumps({**config, "seed": 99}))
    found = verify(Bundle.open(tmp_path / "run" / "bundle"), words=2)
    assert found.decisions is not None
    assert found.decisions.eer is None
    assert any("is not the one" in note for note in found.notes)


def test_a_shift_of_the_equal_error_rate_beyond_the_limit_fails(
    bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = iter([3.0, 3.51, 3.0])
    monkeypatch.setattr("quantize.verify.equal_error_rate", lambda *_: next(rates))
    found: Report = verify(Bundle.open(bundle_path), words=1)
    assert found.decisions is not None
    assert isinstance(found.decisions.eer, EerReport)
    assert not found.passed
    assert "int8 raises the equal error rate by 0.51 points" in found.failures[0]


@pytest.mark.slow("a process of its own verifies a bundle with its error rates, which nothing shortens there")
def test_verify_and_its_page_need_no_tensorflow_and_no_plotting_library(bundle_path: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'tf_keras', 'keras', 'matplotlib', 'scipy', 'PIL'): sys.modules[name] = None\n"
        f"sys.argv = ['inkgate', 'verify', {str(bundle_path)!r}, '--words', '3', '--json']\n"
        "import inkgate; inkgate.main()"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["mismatches"] == 0


def test_verify_computes_on_one_blas_thread(bundle_path: Path) -> None:
    """Two threads are slower for products as small as the reference's."""
    seen: list[int] = []

    def look(*_: object) -> None:
        seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    with threadpool_limits(2, user_api="blas"):
        verify(Bundle.open(bundle_path), words=1, progress=look)
    assert set(seen) == {1}


def test_the_reference_checks_5000_fragments_a_second_on_one_core(
    bundle_path: Path, make_words: Callable[..., Words]
) -> None:
    reference = Reference.load(Bundle.open(bundle_path).contents["model.tflite"])
    words = make_words(200)
    reference.logits(words)
    # CPU time of this process, so that neighbours on the machine do not count; the best of three.
    spent = []
    with single_thread():
        for _ in range(3):
            start = time.process_time()
            reference.logits(words)
            spent.append(time.process_time() - start)
    assert len(words.fragments) / min(spent) >= 5000
