"""The claims of edge.bundle.engine on the real tflite-runtime (numpy < 2, Python <= 3.11).

Skipped, aloud, where it is not installed. To run it: `pip install -e ".[edge-tflite-runtime]" pytest hypothesis` in a
new environment without LiteRT, then `pytest tests/edge/bundle/test_tflite_runtime.py`. The recorded hash is checked on
LiteRT as well, in every environment, so what is shown here is that the two runtimes agree.
"""

import hashlib
import importlib
import platform

import pytest
from tiny_gate import make_blots

from edge.bundle.engine import Engine, find_runtime
from edge.errors import KernelsRefusedError
from edge.ink.fragment import to_int8

RECORDED = "4368a262595ff1064daf00b62cf952794f2985ad58d1d69969638c784b56b661"
"""SHA-256 of the int8 logits of twelve words of noise on optimised kernels, by ai-edge-litert 2.3.0 on x86-64."""


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


@on_tflite_runtime
def test_tflite_runtime_is_named_with_the_kernels_that_run(model: bytes) -> None:
    engine = Engine.load(model)
    assert (engine.runtime_name, engine.runtime) == ("tflite-runtime", f"tflite-runtime {find_runtime().version}")
    operations = [op["op_name"] for op in engine.interpreter._get_ops_details()]
    assert engine.kernels == f"tflite-runtime-{'xnnpack' if 'DELEGATE' in operations else 'optimised'}"


@on_tflite_runtime
def test_reference_kernels_of_tflite_runtime_are_refused(model: bytes) -> None:
    with pytest.raises(KernelsRefusedError, match="wrong results"):
        Engine.load(model, "reference")
