"""Executors: the kernels that really run, what can be traced, and what is refused."""

import dataclasses
import sys
from collections.abc import Callable

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from edge.bundle.kernels import TABLE, comparable, runs_on
from quantize.arithmetic.matmul import single_thread
from quantize.arithmetic.reference import Reference
from quantize.errors import KernelSetError, ModelFileError, UnsupportedGraphError
from quantize.interpreter.executors import EngineExecutor, Tracer, interpreter, run
from quantize.model.float_model import FloatModel
from quantize.model.graph import Graph, load_graph
from quantize.model.trace import points
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
    with pytest.raises(KernelSetError, match="this LiteRT has no kernels litert-optimised"):
        Tracer(make_model(3), known.name)


def test_a_model_that_litert_cannot_load_is_an_error_of_ours(make_model: MakeModel) -> None:
    with pytest.raises(ModelFileError, match="LiteRT cannot load the model"):
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


def test_the_hidden_state_is_the_lstms_output(make_model: MakeModel, make_words: Callable[..., Words]) -> None:
    trace = Reference.load(make_model(3)).trace(make_words(2))
    assert (trace["9.hidden_state"] == trace["9.output"][:, 0]).all()


def blas_threads() -> set[int]:
    """Return the number of threads of NumPy's matrix products now."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def without(graph: Graph, slot: int, tensor: int) -> Graph:
    """Return the graph with another tensor at one of the LSTM's inputs."""
    inputs = list(graph.ops[9].inputs)
    inputs[slot] = tensor
    lstm = dataclasses.replace(graph.ops[9], inputs=tuple(inputs))
    return dataclasses.replace(graph, ops=(*graph.ops[:9], lstm, *graph.ops[10:]))


@pytest.mark.parametrize(
    ("slot", "present", "reason"),
    [
        (9, True, "peephole weights"),
        (16, True, "a projection"),
        (20, True, "layer normalisation"),
        (1, False, "lacks a gate"),
        (12, False, "lacks a gate, a bias"),
    ],
)
def test_a_variant_of_the_lstm_is_refused_by_name(slot: int, present: bool, reason: str, make_model: MakeModel) -> None:
    graph = load_graph(make_model(3))
    with pytest.raises(UnsupportedGraphError, match=f"op 9 UNIDIRECTIONAL_SEQUENCE_LSTM: .*{reason}"):
        Reference(without(graph, slot, graph.ops[9].inputs[2] if present else -1))


def test_an_lstm_without_variable_states_is_refused(make_model: MakeModel) -> None:
    graph = load_graph(make_model(3))
    with pytest.raises(UnsupportedGraphError, match="states are int32 and int16"):
        Reference(without(graph, 18, graph.ops[9].inputs[12]))


def test_float_weights_that_are_damaged_or_incomplete_are_refused() -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        FloatModel.load(b"PK\3\4 but no archive")
    with pytest.raises(ModelFileError, match=r"lack .*lstm\.recurrent"):
        FloatModel({"conv1.kernel": np.zeros(1)})


def test_blas_computes_on_one_thread_inside_and_on_as_many_as_before_outside() -> None:
    with threadpool_limits(2, user_api="blas"):
        assert blas_threads() == {2}
        with single_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {2}


def test_without_threadpoolctl_the_number_of_threads_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with threadpool_limits(2, user_api="blas"):
        monkeypatch.setitem(sys.modules, "threadpoolctl", None)
        with single_thread():
            assert blas_threads() == {2}


def test_only_a_delegate_keeps_the_temporaries_of_the_lstm_to_itself(make_model: MakeModel) -> None:
    model = make_model(3)
    every = points(load_graph(model))
    for kernels in comparable():
        missing = set(every) - set(Tracer(model, kernels).points)
        assert {point.kind for point in missing} == ({"temporary"} if TABLE[runs_on(kernels)].delegate else set())


def test_exposing_every_tensor_changes_no_logit(make_model: MakeModel, make_words: Callable[..., Words]) -> None:
    model, words = make_model(), make_words(20)
    for kernels in comparable():
        tracer = Tracer(model, kernels)
        shown = tracer.trace(words)[tracer.points[-1].key].reshape(len(words.fragments), -1)
        assert (EngineExecutor.load(model, kernels).logits(words) == shown).all()
