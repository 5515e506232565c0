"""Golden vectors of further kernel sets are put into a bundle only where they are proved, and gates then take them."""

import dataclasses
from pathlib import Path

import pytest

from edge.bundle.bundle import Bundle
from edge.bundle.manifest import PinnedExecutor
from edge.bundle.places import SHIPPED, SIGNATURE
from edge.errors import KernelsRefusedError, UnverifiedError
from quantize.arithmetic.kernel_sets import kernel_set, kernel_set_of_vectors
from quantize.arithmetic.rules import DOUBLE
from quantize.errors import KernelSetError, VectorsDifferError
from quantize.interpreter.executors import deployed_here
from quantize.proof import make_golden
from quantize.proof.pin import pin

pytestmark = pytest.mark.needs("ai-edge-litert")

FRESH = "litert-optimised"


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """Return a copy of the ready bundle, as somebody signed it."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    for path in SHIPPED.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / SIGNATURE).write_bytes(b"of another manifest")
    return Bundle.open(folder)


def test_a_gate_takes_the_kernels_that_were_pinned_and_no_others(bundle: Bundle) -> None:
    assert not bundle.engine("optimised").verified
    pinned = pin(bundle, [FRESH])
    assert set(pinned.contents) - set(bundle.contents) == {f"golden-{FRESH}.bin", f"reader-golden-{FRESH}.bin"}
    assert pinned.manifest.executor == bundle.manifest.executor
    engine, reader = pinned.engine("optimised"), pinned.reader("optimised")
    assert (engine.verified, reader.verified) == (True, True)
    pinned.prove(engine, reader)
    assert pinned.engine().kernels == "litert-xnnpack"
    assert not pinned.engine("reference").verified


def test_the_words_are_those_that_were_there_and_the_old_signature_is_gone(bundle: Bundle) -> None:
    pinned = pin(bundle, [FRESH])
    for own, known in (
        (pinned.golden(FRESH), bundle.golden()),
        (pinned.reader_golden(FRESH), bundle.reader_golden()),
    ):
        assert own.fragments.tobytes() == known.fragments.tobytes()
        assert FRESH in own.stamp.tells_apart
    assert not (bundle.path / SIGNATURE).exists()


def test_proof_before_each_accept_is_of_the_kernels_that_run(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = pin(bundle, [FRESH])
    engine = pinned.engine("optimised")
    real = engine.step_int8

    def wrong(fragment: object) -> object:
        codes = real(fragment)  # type: ignore[arg-type]  # as it was called
        codes.features[0] ^= 1
        return codes

    monkeypatch.setattr(engine, "step_int8", wrong)
    with pytest.raises(UnverifiedError, match="does not compute here what was verified"):
        pinned.prove(engine, None)


def test_nothing_is_written_where_the_interpreter_differs(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = dataclasses.replace(kernel_set(FRESH), convolution=lambda _product: DOUBLE)
    monkeypatch.setattr(make_golden, "kernel_set", lambda _name: wrong)
    with pytest.raises(VectorsDifferError, match=f"golden vectors of {FRESH}"):
        pin(bundle, [FRESH])
    assert Bundle.open(bundle.path).sha256 == bundle.sha256


@pytest.mark.parametrize("kernels", ["tflite-runtime-optimised", "tflite-runtime-neon"])
def test_kernels_that_do_not_run_here_cannot_be_pinned(bundle: Bundle, kernels: str) -> None:
    with pytest.raises((KernelSetError, KernelsRefusedError)):
        pin(bundle, [kernels])
    assert Bundle.open(bundle.path).sha256 == bundle.sha256


def test_what_is_deployed_is_the_pin_where_its_interpreter_is_and_else_the_default_of_what_is_there(
    bundle: Bundle,
) -> None:
    model, own = bundle.contents["model.tflite"], bundle.manifest.executor
    assert deployed_here(own, model) == own
    elsewhere = PinnedExecutor("tflite-runtime", "2.14.0", "tflite-runtime-neon")
    found = deployed_here(elsewhere, model)
    assert (found.runtime, found.kernels) == (own.runtime, bundle.engine("default").kernels)


def test_vectors_of_one_arithmetic_are_read_on_any_processor() -> None:
    for processor in ("x86_64", "aarch64", "riscv64"):
        assert kernel_set_of_vectors("tflite-runtime-neon", processor).name == "tflite-runtime-neon"
    with pytest.raises(KernelSetError, match="known on x86_64, aarch64"):
        kernel_set_of_vectors("litert-optimised", "riscv64")


def test_an_engine_of_other_kernels_gives_other_features_on_noise(bundle: Bundle) -> None:
    """Otherwise nothing above would tell whose golden words were compared."""
    golden = bundle.golden()
    one, other = (bundle.engine(name).run_int8(golden.words())["features"] for name in ("default", "optimised"))
    assert (one != other).any()
