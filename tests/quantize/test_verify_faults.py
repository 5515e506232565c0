"""Faults that `inkgate verify` names: broken arithmetic, swapped tables, other kernels or vectors."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edge.bundle import golden
from edge.bundle.bundle import Bundle, write_bundle
from edge.bundle.kernels import TABLE
from quantize.arithmetic.kernel_sets import KernelSet, always, kernel_set
from quantize.arithmetic.rules import DOUBLE, SINGLE, Rule
from quantize.cli.verify import verify as verify_command
from quantize.errors import KernelSetError
from quantize.verify import verify


@pytest.fixture
def bundle_path(made_bundle: Path, tmp_path: Path) -> Path:
    """Return a bundle without its run: without a test set a verification takes a second."""
    shutil.copytree(made_bundle, tmp_path / "alone" / "bundle")
    return tmp_path / "alone" / "bundle"


def call(bundle: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        verify_command, [str(bundle), "--words", "8", "--json", *arguments], catch_exceptions=False
    )


def break_arithmetic(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[KernelSet], KernelSet]) -> None:
    """Break the arithmetic in the proof of one kernel set only."""

    def broken(asked: str, architecture: str | None = None) -> KernelSet:
        found = kernel_set(asked, architecture)
        return change(found) if asked == name else found

    monkeypatch.setattr("quantize.proof.compare_kernel_sets.kernel_set", broken)


def ask_otherwise(monkeypatch: pytest.MonkeyPatch, name: str, resolver: str) -> None:
    """Ask for the kernel set of that name by another of LiteRT's resolvers."""
    monkeypatch.setitem(TABLE, name, replace(TABLE[name], resolver=resolver))


def errors(result: Result) -> list[str]:
    return [line for line in result.stderr.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize(
    ("name", "rule"),
    [("litert-reference", SINGLE), ("litert-xnnpack", DOUBLE), ("litert-optimised", SINGLE), ("inkgate-c", SINGLE)],
)
def test_a_broken_rounding_rule_is_named_with_its_kernel_set_op_tensor_word_and_step(
    name: str, rule: Rule, bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_arithmetic(monkeypatch, name, lambda kernels: replace(kernels, convolution=always(rule)))
    result = call(bundle_path, "--kernels", "all")
    assert result.exit_code == 1
    found = [error for error in errors(result) if error.startswith(f"error: {name}: ")]
    assert len(found) == 1
    assert " values differ, first: 1 CONV_2D " in found[0]
    assert all(part in found[0] for part in (", word ", ", step ", "expected ", "got "))
    report = json.loads(result.stdout)
    # The golden vectors of that set fail too; every other kernel set stays proved.
    assert {s["kernels"] for s in report["kernel_sets"] if not s["passed"]} == {name}
    assert report["mismatches"] > 0


def test_a_swapped_tanh_table_is_named(bundle_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def swapped(kernels: KernelSet) -> KernelSet:
        prepare = kernels.tanh.prepare
        return replace(
            kernels, tanh=Rule("another layer's table", lambda *scales: prepare(scales[0] * 1.5, *scales[1:]))
        )

    break_arithmetic(monkeypatch, "litert-reference", swapped)
    result = call(bundle_path)
    assert result.exit_code == 1
    assert any(e.startswith("error: litert-reference: ") and "first: 2 TANH " in e for e in errors(result))


def test_an_interpreter_that_computes_with_another_kernel_set_is_found(
    bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_otherwise(monkeypatch, "litert-optimised", "BUILTIN_REF")
    result = call(bundle_path, "--kernels", "litert-optimised")
    assert result.exit_code == 1
    assert any(e.startswith("error: litert-optimised: ") and "first: " in e for e in errors(result))


def without_xnnpack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the default run the optimised kernels, as on a Pi whose processor XNNPACK does not recognise."""
    ask_otherwise(monkeypatch, "litert-xnnpack", "BUILTIN_WITHOUT_DEFAULT_DELEGATES")


def test_deployed_kernels_that_do_not_run_here_fail_the_proof_by_name(
    bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_xnnpack(monkeypatch)
    result = call(bundle_path)
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    found = next(s for s in report["kernel_sets"] if s["kernels"] == "litert-xnnpack")
    assert found["error"] is not None
    assert found["deployed"]
    assert any(e.startswith("error: litert-xnnpack could not be compared on this machine: ") for e in errors(result))


def test_kernels_that_nobody_named_may_be_missing_and_that_is_said(
    bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_otherwise(monkeypatch, "litert-optimised", "BUILTIN_OF_ANOTHER_VERSION")
    result = call(bundle_path, "--kernels", "all")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    failed = [s["kernels"] for s in report["kernel_sets"] if s["error"]]
    assert failed == ["litert-optimised", "litert-optimised"], "once for each model"
    assert any("litert-optimised was not compared on this machine" in note for note in report["notes"])
    assert call(bundle_path, "--kernels", "litert-optimised").exit_code == 1


def test_another_version_than_the_pinned_one_fails_the_proof(
    bundle_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = Bundle.open(bundle_path).manifest.executor.version
    monkeypatch.setattr("edge.bundle.engine.metadata.version", lambda _: "9.9.9")
    found = verify(Bundle.open(bundle_path), words=2)
    assert found.mismatches == 0
    assert len(found.failures) == 2, "once for each model"
    wanted = f"litert-xnnpack: the bundle is pinned to ai-edge-litert {pinned}, this machine has "
    assert all(wanted in failure for failure in found.failures)


def forge(path: Path, file: str, change: Callable[[golden.GoldenVectors], golden.GoldenVectors]) -> None:
    """Change golden vectors and seal them and the manifest anew, as a forger would."""
    bundle = Bundle.open(path)
    vectors = change(golden.decode(bundle.contents[file]))
    write_bundle(path, bundle.manifest, {**bundle.contents, file: vectors.encode()})


@pytest.mark.parametrize("key", ["2.output", "9.cell_state", "10.output"])
def test_a_changed_golden_vector_is_named_with_its_tensor_word_and_step(key: str, bundle_path: Path) -> None:
    def change(vectors: golden.GoldenVectors) -> golden.GoldenVectors:
        changed = np.array(vectors.tensors[key])
        changed.reshape(len(changed), -1)[-1, 0] ^= 1
        return replace(vectors, tensors={**vectors.tensors, key: changed})

    forge(bundle_path, "golden-inkgate-c.bin", change)
    result = call(bundle_path)
    assert result.exit_code == 1
    (error,) = errors(result)
    assert error.startswith(f"error: golden-inkgate-c.bin: {key.partition('.')[0]} ")
    assert (
        f", word {len(golden.decode(Bundle.open(bundle_path).contents['golden-inkgate-c.bin']).lengths) - 1}" in error
    )
    assert "(1 of " in error


def test_another_models_golden_vectors_are_refused_by_name(bundle_path: Path) -> None:
    forge(bundle_path, "golden-inkgate-c.bin", lambda vectors: replace(vectors, model_sha256="0" * 64))
    result = call(bundle_path)
    assert result.exit_code == 1
    assert any("golden-inkgate-c.bin: the golden vectors are those of model 000000000000" in e for e in errors(result))


def test_golden_vectors_of_other_kernels_are_refused_by_name(bundle_path: Path) -> None:
    def change(vectors: golden.GoldenVectors) -> golden.GoldenVectors:
        return replace(vectors, stamp=replace(vectors.stamp, kernels="litert-optimised"))

    forge(bundle_path, "golden-inkgate-c.bin", change)
    found = verify(Bundle.open(bundle_path), words=2)
    assert any("those of kernels litert-optimised, not of inkgate-c" in failure for failure in found.failures)


def test_an_unknown_kernel_set_is_a_usage_error(bundle_path: Path) -> None:
    with pytest.raises(KernelSetError) as error:
        verify(Bundle.open(bundle_path), kernels=["cmsis-nn"])
    assert error.value.exit_code == 2
