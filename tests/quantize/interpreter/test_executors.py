"""Executors: the kernels that really run, what can be traced, and what is refused."""

import dataclasses
from collections.abc import Callable

import pytest

from edge.bundle.kernels import TABLE, comparable, runs_on
from quantize.errors import KernelSetError, ModelFileError
from quantize.interpreter.executors import EngineExecutor, Tracer, interpreter, run
from quantize.model.graph import load_graph
from quantize.model.trace import output_points, points
from quantize.model.words import Words

MakeModel = Callable[..., bytes]


def test_kernels_are_named_as_they_really_run(make_model: MakeModel) -> None:
    for kernels in ("litert-reference", "litert-optimised"):
        executor = EngineExecutor.load(make_model(3), kernels)
        assert executor.name == kernels
        assert executor.version.startswith("ai-edge-litert ")


def without_xnnpack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a request for XNNPACK give the kernels without delegates, as on a processor it does not know."""
    resolver = TABLE["litert-optimised"].resolver
    monkeypatch.setitem(TABLE, "litert-xnnpack", dataclasses.replace(TABLE["litert-xnnpack"], resolver=resolver))


def test_kernels_that_do_not_run_here_are_refused(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> None:
    without_xnnpack(monkeypatch)
    with pytest.raises(KernelSetError, match="litert-xnnpack was asked for and this machine runs litert-optimised"):
        EngineExecutor.load(make_model(3), "litert-xnnpack")


def test_unknown_kernels_are_refused_with_the_known_names(make_model: MakeModel) -> None:
    for load in (EngineExecutor.load, Tracer):
        with pytest.raises(KernelSetError, match=f"known: {', '.join(comparable())}"):
            load(make_model(3), "cmsis-nn")


def test_kernels_that_are_silently_not_there_are_refused(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_xnnpack(monkeypatch)
    with pytest.raises(KernelSetError, match="litert-xnnpack was asked for and this machine's XNNPACK does not take"):
        Tracer(make_model(3), "litert-xnnpack")


def test_kernels_that_this_litert_does_not_have_are_refused(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = TABLE["litert-optimised"]
    monkeypatch.setitem(TABLE, known.name, dataclasses.replace(known, resolver="BUILTIN_OF_ANOTHER_VERSION"))
    with pytest.raises(KernelSetError, match="this ai-edge-litert has no kernels litert-optimised"):
        Tracer(make_model(3), known.name)


def test_a_model_that_litert_cannot_load_is_an_error_of_ours(make_model: MakeModel) -> None:
    with pytest.raises(ModelFileError, match="ai-edge-litert cannot load the model"):
        interpreter(b"not a model", "litert-reference")


def test_the_state_is_reset_before_each_word_and_only_there(make_words: Callable[..., Words]) -> None:
    words, calls = make_words(5), []
    run(words, lambda: calls.append("reset"), lambda _: calls.append("step"))
    expected = [["reset"] + ["step"] * int(length) for length in words.lengths]
    assert calls == [call for word in expected for call in word]


@pytest.mark.parametrize("kernels", comparable())
def test_a_trace_holds_every_point_for_every_fragment(
    kernels: str, make_model: MakeModel, make_words: Callable[..., Words]
) -> None:
    litert, words = Tracer(make_model(3), kernels), make_words(3)
    trace = litert.trace(words)
    assert list(trace) == [point.key for point in litert.points]
    for point in litert.points:
        assert trace[point.key].shape == (len(words.fragments), *point.shape)


def test_only_a_delegate_keeps_the_temporaries_of_the_lstm_to_itself(make_model: MakeModel) -> None:
    model = make_model(3)
    every = points(load_graph(model))
    for kernels in comparable():
        missing = set(every) - set(Tracer(model, kernels).points)
        assert {point.kind for point in missing} == ({"temporary"} if TABLE[runs_on(kernels)].delegate else set())


@pytest.mark.parametrize("users", [0, 10])
def test_exposing_every_tensor_changes_no_output(
    users: int, make_model: MakeModel, make_words: Callable[..., Words]
) -> None:
    model, words = make_model(users), make_words(20)
    for kernels in comparable():
        tracer = Tracer(model, kernels)
        shown, outputs = tracer.trace(words), EngineExecutor.load(model, kernels).outputs(words)
        for name, point in output_points(tracer.graph).items():
            assert (outputs[name] == shown[point.key].reshape(len(words.fragments), -1)).all()
