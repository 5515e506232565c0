"""The claims of Bundle.engine and Engine.verify: what was verified runs, or nothing, with a reason."""

import dataclasses
import hashlib
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

import edge.bundle.engine
from edge.bundle.bundle import MODEL, Bundle, write_bundle
from edge.bundle.engine import Engine
from edge.bundle.golden import GoldenVectors, file_name
from edge.bundle.manifest import Manifest, PinnedExecutor
from edge.errors import (
    EngineError,
    ForeignVectorsError,
    GoldenError,
    KernelsRefusedError,
    OtherKernelsError,
    OtherOutputsError,
    OtherRuntimeError,
    RuntimeMissingError,
    StaleVectorsError,
    UnverifiedError,
)
from edge.ink.fragment import to_int8
from firmware_bridge.installing import install_package

pytestmark = pytest.mark.needs("ai-edge-litert")

Make = Callable[..., Bundle]


@pytest.fixture
def make(tmp_path: Path, manifest: Manifest, contents: dict[str, bytes], golden: GoldenVectors) -> Make:
    """Return a bundle with changed golden vectors and right hashes."""

    def bundle(golden: GoldenVectors = golden, **executor: str) -> Bundle:
        changed = PinnedExecutor(**(msgspec.structs.asdict(manifest.executor) | executor))
        files = {name: data for name, data in contents.items() if not name.startswith("golden-")}
        files[file_name(changed.kernels)] = golden.encode()
        return write_bundle(tmp_path / "made", msgspec.structs.replace(manifest, executor=changed), files)

    return bundle


def rehash(bundle: Bundle, name: str, data: bytes) -> None:
    """Change a file and make the manifest agree, as whoever can write the bundle could."""
    (bundle.path / name).write_bytes(data)
    fields = json.loads((bundle.path / "manifest.json").read_text())
    fields["files"][name] = hashlib.sha256(data).hexdigest()
    (bundle.path / "manifest.json").write_text(json.dumps(fields))


def test_the_engine_that_was_verified_is_given_away_verified_and_cleared(
    bundle: Bundle, words: list[np.ndarray], engine: Engine
) -> None:
    found = bundle.engine()
    assert found.verified
    first = to_int8(words[0])[0]
    engine.reset()
    for got, expected in zip(found.step_int8(first), engine.step_int8(first), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_an_engine_that_nobody_compared_is_not_verified(model: bytes) -> None:
    assert not Engine.load(model).verified


def test_xnnpack_that_is_silently_off_is_refused_by_name(
    bundle: Bundle, default_becomes: Callable[[str], None]
) -> None:
    """Imitate a Pi whose processor LiteRT does not recognise: one request, other kernels."""
    default_becomes("BUILTIN_WITHOUT_DEFAULT_DELEGATES")
    message = r"verified on kernels litert-xnnpack, this machine runs litert-optimised \(XNNPACK is off.*--kernels"
    with pytest.raises(OtherKernelsError, match=message) as caught:
        bundle.engine()
    assert caught.value.exit_code == 4
    assert isinstance(caught.value, KernelsRefusedError)
    assert not bundle.engine("optimised").verified


def test_another_version_is_refused_with_the_command_that_installs_the_verified_one(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = bundle.manifest.executor.version
    monkeypatch.setattr(edge.bundle.engine.metadata, "version", lambda _: "9.9.9")
    message = (
        f"verified on ai-edge-litert {pinned}, here is ai-edge-litert 9.9.9; "
        f"{install_package(f'ai-edge-litert=={pinned}')}"
    )
    with pytest.raises(OtherRuntimeError, match=message) as caught:
        bundle.engine()
    assert caught.value.exit_code == 4
    assert not bundle.engine("default").verified  # The same kernels, but nobody verified this version of them.


def test_a_gate_without_an_interpreter_is_told_which_one_the_bundle_was_verified_on(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ai_edge_litert", "tflite_runtime"):
        monkeypatch.setitem(sys.modules, f"{name}.interpreter", None)
    with pytest.raises(RuntimeMissingError, match=rf"on ai-edge-litert=={bundle.manifest.executor.version}: install"):
        bundle.engine()


def test_tflite_runtime_in_place_of_what_was_verified_is_told_how_to_verify_it_there(
    bundle: Bundle, engine: Engine, golden: GoldenVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`inkgate quantize` pins the LiteRT that it needs; not every bundle has golden words of tflite-runtime."""
    monkeypatch.setattr(engine, "runtime_name", "tflite-runtime")
    monkeypatch.setattr(engine, "runtime", "tflite-runtime 2.14.0")
    told = "`inkgate verify BUNDLE --pin` where tflite-runtime .* is installed verifies that"
    with pytest.raises(OtherRuntimeError, match=told):
        engine.verify(golden)


def test_another_runtime_is_refused_by_name(make: Make, golden: GoldenVectors) -> None:
    runtime = {"runtime": "tflite-runtime", "version": "2.14.0", "kernels": "tflite-runtime-optimised"}
    stamp = dataclasses.replace(golden.stamp, **runtime)
    bundle = make(dataclasses.replace(golden, stamp=stamp), **runtime)
    if importlib.util.find_spec("tflite_runtime") is None:
        with pytest.raises(OtherRuntimeError, match=r"verified on tflite-runtime 2\.14\.0, here is ai-edge-litert"):
            bundle.engine()


@pytest.mark.parametrize("asked", ["BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"])
def test_other_kernels_under_the_verified_name_are_refused_with_the_first_value_that_differs(
    bundle: Bundle, default_becomes: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """Only the golden words show an interpreter that claims the pinned kernels and runs others."""
    default_becomes(asked)
    monkeypatch.setattr(edge.bundle.engine, "recognise", lambda asked, _operations: asked)
    with pytest.raises(OtherOutputsError, match=r"golden word \d, step \d, \w+ \d+: expected -?\d+, got -?\d+"):
        bundle.engine()


@pytest.mark.parametrize(("fragment", "place"), [(0, "word 0, step 0"), (2, "word 1, step 1"), (7, "word 2, step 4")])
@pytest.mark.parametrize(("output", "position"), [("logits", 0), ("logits", 3), ("features", 0), ("features", 11)])
def test_one_golden_value_of_one_step_off_is_refused_and_named(
    make: Make, golden: GoldenVectors, fragment: int, place: str, output: str, position: int
) -> None:
    values = golden.output(output).copy()
    values[fragment, position] ^= 1
    bundle = make(dataclasses.replace(golden, tensors={**golden.tensors, golden.outputs[output]: values}))
    with pytest.raises(
        OtherOutputsError, match=f"golden {place}, {output} {position}: expected {values[fragment, position]}, got"
    ):
        bundle.engine()
    assert not bundle.engine("default").verified


def test_a_changed_model_is_refused_though_every_hash_in_the_manifest_is_right(bundle: Bundle) -> None:
    model = bytearray(bundle.contents[MODEL])
    model[-1] ^= 1
    rehash(bundle, MODEL, bytes(model))
    opened = Bundle.open(bundle.path)
    for kernels in (None, "default", "reference"):
        with pytest.raises(StaleVectorsError, match=r"golden-litert-xnnpack\.bin: .* model here is") as caught:
            opened.engine(kernels)
        assert caught.value.exit_code == 4


def test_golden_vectors_of_another_model_or_kernel_set_make_no_bundle(make: Make, golden: GoldenVectors) -> None:
    with pytest.raises(StaleVectorsError, match="000000000000"):
        make(dataclasses.replace(golden, model_sha256="0" * 64))
    with pytest.raises(ForeignVectorsError, match="litert-xnnpack, not of litert-reference"):
        make(golden, kernels="litert-reference")
    with pytest.raises(ForeignVectorsError, match=r"not of ai-edge-litert 1\.0"):
        make(golden, version="1.0")


def test_a_manifest_changed_to_pin_what_runs_here_is_refused(make: Make, golden: GoldenVectors) -> None:
    stamp = dataclasses.replace(golden.stamp, version="1.0")
    bundle = make(dataclasses.replace(golden, stamp=stamp), version="1.0")
    with pytest.raises(OtherRuntimeError):
        bundle.engine()
    path = bundle.path / "manifest.json"
    fields = json.loads(path.read_text())
    fields["executor"]["version"] = golden.stamp.version
    path.write_text(json.dumps(fields))
    with pytest.raises(ForeignVectorsError, match=r"those of ai-edge-litert 1\.0, not of"):
        Bundle.open(bundle.path).engine()


def test_golden_vectors_that_are_damaged_are_refused_though_every_hash_in_the_manifest_is_right(
    bundle: Bundle, golden: GoldenVectors
) -> None:
    name = file_name(golden.stamp.kernels)
    for data in (b"", b"INKGOLD", bundle.contents[name][:-1], bundle.contents[name][:-1] + b"\0"):
        rehash(bundle, name, data)
        with pytest.raises(GoldenError, match="inkgate quantize"):
            Bundle.open(bundle.path).engine()


def test_vectors_of_a_kernel_set_that_the_bundle_does_not_hold_are_an_error(bundle: Bundle) -> None:
    assert bundle.golden().stamp.kernels == "litert-xnnpack"
    with pytest.raises(GoldenError, match=r"no golden-inkgate-c\.bin"):
        bundle.golden("inkgate-c")


def test_a_pin_that_no_interpreter_has_is_refused(make: Make, golden: GoldenVectors) -> None:
    bundle = make(
        dataclasses.replace(golden, stamp=dataclasses.replace(golden.stamp, kernels="inkgate-c")), kernels="inkgate-c"
    )
    reserved = "no interpreter has kernels named 'inkgate-c': the name is reserved for the on-board engine"
    with pytest.raises(KernelsRefusedError, match=reserved):
        bundle.engine()
    assert not bundle.engine("default").verified


def test_an_interpreter_that_fails_on_a_golden_word_is_no_engine(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EngineError("the interpreter failed on a fragment")

    monkeypatch.setattr(Engine, "step_int8", fail)
    for kernels in (None, "default"):
        with pytest.raises(EngineError, match="failed on a fragment") as caught:
            bundle.engine(kernels)
        assert not isinstance(caught.value, UnverifiedError)
