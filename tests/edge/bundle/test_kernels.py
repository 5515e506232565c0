"""The table of kernel sets: what follows from a record, and that the records agree with each other."""

import platform

import pytest

from edge.bundle.kernels import (
    DELEGATE,
    INTERPRETERS,
    LITERT,
    TABLE,
    TFLITE_RUNTIME,
    Kernels,
    find_requested,
    recognise,
    request_for,
    requests,
)
from edge.errors import KernelsRefusedError


def test_the_names_that_bundles_and_boards_carry_are_never_changed() -> None:
    """Names in manifests, golden vectors and boards' answers are looked up here, however old those are."""
    assert set(TABLE) >= {
        "litert-reference",
        "litert-xnnpack",
        "litert-optimised",
        "inkgate-c",
        "tflite-runtime-xnnpack",
        "tflite-runtime-optimised",
        "tflite-runtime-neon",
        "tflite-runtime-reference",
    }
    assert all(len(name.encode()) <= 32 for name in TABLE)  # the room that IDENTITY has for a name


@pytest.mark.parametrize("kernels", TABLE.values(), ids=lambda kernels: kernels.name)
def test_a_record_agrees_with_itself_and_with_those_it_names(kernels: Kernels) -> None:
    runs = kernels.interpreter is not None
    assert runs == bool(kernels.request) == bool(kernels.resolver) == (not kernels.reserved)
    assert not runs or kernels.interpreter in INTERPRETERS
    assert not (runs and kernels.oracle)
    assert bool(kernels.delegate) == bool(kernels.undelegated)
    if kernels.undelegated:
        instead = [
            k for k in TABLE.values() if k.interpreter is kernels.interpreter and k.request == kernels.undelegated
        ]
        assert instead
        assert not any(k.delegate for k in instead)
    if kernels.oracle:
        assert TABLE[kernels.oracle].interpreter is LITERT


@pytest.mark.parametrize("processor", ["x86_64", "aarch64", "riscv64"])
def test_no_interpreter_has_two_kernel_sets_for_one_request_on_one_processor(processor: str) -> None:
    there = [k for k in TABLE.values() if k.interpreter is not None and k.processor in ("", processor)]
    asked = [(kernels.interpreter, kernels.request) for kernels in there]
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("kernels", [k for k in TABLE.values() if k.interpreter], ids=lambda k: k.name)
def test_what_is_asked_for_is_what_a_pin_names(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernels.interpreter is not None
    monkeypatch.setattr(platform, "machine", lambda: kernels.processor or "x86_64")
    assert find_requested(kernels.interpreter.distribution, request_for(kernels.name)) is kernels


@pytest.mark.parametrize(
    ("asked", "operations", "runs"),
    [
        ("litert-xnnpack", [DELEGATE], "litert-xnnpack"),
        ("litert-xnnpack", ["CONV_2D"], "litert-optimised"),
        ("litert-optimised", ["CONV_2D"], "litert-optimised"),
        ("litert-optimised", [DELEGATE], "litert-xnnpack"),
        ("litert-reference", ["CONV_2D"], "litert-reference"),
        ("tflite-runtime-xnnpack", [DELEGATE], "tflite-runtime-xnnpack"),
    ],
)
def test_what_runs_is_told_by_the_prepared_graph(asked: str, operations: list[str], runs: str) -> None:
    assert recognise(TABLE[asked], operations).name == runs


@pytest.mark.parametrize(
    ("processor", "runs"), [("x86_64", "tflite-runtime-optimised"), ("aarch64", "tflite-runtime-neon")]
)
def test_tflite_runtime_without_its_delegate_runs_what_the_processor_has(
    monkeypatch: pytest.MonkeyPatch, processor: str, runs: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: processor)
    assert recognise(TABLE["tflite-runtime-xnnpack"], ["CONV_2D"]).name == runs
    assert find_requested(TFLITE_RUNTIME.distribution, "optimised").name == runs


def test_on_a_processor_of_which_nothing_is_known_no_kernels_are_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "armv7l")
    with pytest.raises(KernelsRefusedError, match="tflite-runtime has no kernels named 'optimised' here"):
        recognise(TABLE["tflite-runtime-xnnpack"], ["CONV_2D"])


def test_a_reserved_name_cannot_be_asked_for_and_says_for_what_it_is_kept() -> None:
    with pytest.raises(KernelsRefusedError, match="reserved for the on-board engine, which does not exist yet"):
        request_for("inkgate-c")
    assert "" not in requests()


def test_a_name_that_is_not_in_the_table_is_refused() -> None:
    for name in ("cmsis-nn", "litert", "", "xnnpack"):
        with pytest.raises(KernelsRefusedError, match="no interpreter has kernels named"):
            request_for(name)
