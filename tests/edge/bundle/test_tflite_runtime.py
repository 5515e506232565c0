"""The claims of edge.bundle on the real tflite-runtime (numpy < 2, Python <= 3.11).

Skipped, aloud, where it is not installed; tests/e2e/test_on_tflite_runtime.py makes an environment that has it and
nothing else, and runs them there. The recorded hash is checked on LiteRT as well, in every environment, so what is
shown here is that the two runtimes agree.
"""

import hashlib
import importlib
import platform
from pathlib import Path

import numpy as np
import pytest
from tiny_gate import make_blots

from edge.bundle.bundle import MODEL, Bundle, write_bundle
from edge.bundle.engine import Engine, find_runtime
from edge.bundle.golden import file_name
from edge.bundle.kernels import find_requested
from edge.bundle.places import SHIPPED
from edge.bundle.reader import golden_name
from edge.errors import KernelsRefusedError, OtherOutputsError, OtherRuntimeError
from edge.ink.fragment import to_int8

RECORDED = "4368a262595ff1064daf00b62cf952794f2985ad58d1d69969638c784b56b661"
"""SHA-256 of the int8 logits of twelve words of noise on optimised kernels, by ai-edge-litert 2.3.0 on x86-64."""

OWN = ("tflite-runtime-optimised", "tflite-runtime-neon", "tflite-runtime-reference")


def usable() -> str:
    """Return the runtime that the engine takes here, "" if there is none."""
    for module, name in (("ai_edge_litert", "ai-edge-litert"), ("tflite_runtime", "tflite-runtime")):
        try:
            importlib.import_module(f"{module}.interpreter")
        except ImportError:
            continue
        return name
    return ""


on_tflite_runtime = pytest.mark.skipif(
    usable() != "tflite-runtime", reason=f"the engine takes {usable() or 'nothing'} here, not tflite-runtime"
)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the logits were recorded on x86-64")
def test_both_runtimes_give_the_recorded_logits_on_the_optimised_kernels(model: bytes) -> None:
    engine = Engine.load(model, "optimised")
    digest = hashlib.sha256()
    for word in make_blots(12, seed=1):
        engine.reset()
        for fragment in to_int8(word):
            digest.update(engine.step_int8(fragment).logits.tobytes())
    assert digest.hexdigest() == RECORDED, engine.runtime


def test_the_ready_bundle_has_golden_words_of_every_kernel_set_that_tflite_runtime_runs() -> None:
    bundle = Bundle.open(SHIPPED)
    for kernels in OWN:
        for vectors in (bundle.golden(kernels), bundle.reader_golden(kernels)):
            assert (vectors.stamp.runtime, vectors.stamp.version) == ("tflite-runtime", "2.14.0")
    assert not np.array_equal(bundle.golden(OWN[0]).features, bundle.golden(OWN[1]).features)


@on_tflite_runtime
def test_tflite_runtime_is_named_with_the_kernels_that_run(model: bytes) -> None:
    engine = Engine.load(model)
    assert (engine.runtime_name, engine.runtime) == ("tflite-runtime", f"tflite-runtime {find_runtime().version}")
    assert engine.kernels == find_requested("tflite-runtime", "optimised").name


@on_tflite_runtime
@pytest.mark.parametrize("kernels", [None, "default", "optimised", "reference"])
def test_the_ready_bundle_runs_verified_as_it_comes(kernels: str | None) -> None:
    bundle = Bundle.open(SHIPPED)
    engine, reader = bundle.engine(kernels), bundle.reader(kernels)
    assert (engine.verified, reader.verified) == (True, True)
    # Its delegate takes no part of these networks, so what is asked for by default runs as the optimised kernels do.
    named = kernels if kernels == "reference" else "optimised"
    assert engine.kernels == reader.kernels == find_requested("tflite-runtime", named).name
    bundle.prove(engine, reader)


@on_tflite_runtime
def test_golden_words_of_which_one_bit_differs_are_refused(tmp_path: Path) -> None:
    bundle = Bundle.open(SHIPPED)
    name = find_requested("tflite-runtime", "optimised").name
    golden = bundle.golden(name)
    altered = {key: values.copy() for key, values in golden.tensors.items()}
    altered[golden.outputs["features"]].flat[0] ^= 1
    wrong = type(golden)(
        golden.stamp, golden.model_sha256, golden.fragments, golden.lengths, altered, dict(golden.outputs)
    )
    made = write_bundle(tmp_path / "b", bundle.manifest, {**bundle.contents, file_name(name): wrong.encode()})
    with pytest.raises(OtherOutputsError, match="does not compute here what was verified"):
        made.engine()


@on_tflite_runtime
def test_a_bundle_without_golden_words_of_it_is_refused_with_what_makes_them(tmp_path: Path) -> None:
    bundle = Bundle.open(SHIPPED)
    lacking = {*map(file_name, OWN), *map(golden_name, OWN)}
    kept = {name: content for name, content in bundle.contents.items() if name not in lacking}
    made = write_bundle(tmp_path / "b", bundle.manifest, kept)
    with pytest.raises(OtherRuntimeError, match="`inkgate verify BUNDLE --pin`"):
        made.engine()
    assert not made.engine("default").verified


@on_tflite_runtime
def test_reference_kernels_are_refused_where_they_are_wrong_and_right_elsewhere(model: bytes) -> None:
    with pytest.raises(KernelsRefusedError, match="wrong results for this network"):
        Engine.load(model, "reference")
    features = Engine.load(Bundle.open(SHIPPED).contents[MODEL], "reference")
    assert features.kernels == "tflite-runtime-reference"
