"""The reference against LiteRT on readers of symbols: ReLU, max-pooling, no state."""

import dataclasses

import numpy as np
import pytest
from generated_models import Case, draw_words
from generated_readers import PUBLISHED, ReaderNetwork, reader_cases

from edge.bundle.kernels import comparable
from quantize.arithmetic import reference as under_test
from quantize.arithmetic.fixedpoint import INT8_MIN
from quantize.arithmetic.kernel_sets import kernel_set
from quantize.arithmetic.reference import Reference
from quantize.errors import UnsupportedGraphError
from quantize.interpreter.executors import Tracer
from quantize.model.graph import Graph, load_graph
from quantize.model.trace import points
from quantize.proof.compare import compare, first_mismatch

CASES = list(reader_cases())


def published(style: str = "random", **fields: object) -> bytes:
    return ReaderNetwork(10, style, np.random.default_rng(3), **(PUBLISHED | fields)).build()  # type: ignore[arg-type]


@pytest.mark.parametrize("kernels", comparable())
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_tensor_of_a_reader_equals_litert(case: Case, kernels: str) -> None:
    tracer, reference = Tracer(case.model, kernels), Reference.load(case.model, kernel_set(kernels))
    tensors = compare(tracer, reference, draw_words(case.side, 3, seed=1))
    assert [tensor.describe() for tensor in tensors if tensor.mismatches] == []
    assert sum(tensor.values for tensor in tensors) > 30_000


@pytest.mark.parametrize("kernels", comparable())
def test_a_relu_that_is_left_out_is_caught(kernels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = published(lifted=True)
    monkeypatch.setattr(under_test, "_least", lambda _graph, _op: INT8_MIN)
    found = first_mismatch(compare(Tracer(model, kernels), Reference.load(model, kernel_set(kernels)), words()))
    assert found is not None
    assert found.op == "0 CONV_2D"


def test_the_comparison_is_not_of_constants() -> None:
    model = published(lifted=True)
    trace = Tracer(model, "litert-reference").trace(words())
    kinds = [point.op for point in points(load_graph(model))]
    assert kinds == ["CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "FULLY_CONNECTED"]
    for point in points(load_graph(model)):
        assert len(np.unique(trace[point.key])) > 50, point


def words():  # type: ignore[no-untyped-def]
    return draw_words(28, 3, seed=2)


# --- what the reference does not take ------------------------------------------------------------------------------


def with_option(graph: Graph, position: int, **options: int) -> Graph:
    op = dataclasses.replace(graph.ops[position], options=graph.ops[position].options | options)
    return dataclasses.replace(graph, ops=(*graph.ops[:position], op, *graph.ops[position + 1 :]))


@pytest.mark.parametrize(
    ("position", "option", "reason"),
    [
        (0, {"fusedActivationFunction": 3}, "op 0 CONV_2D: .*a fused activation other than ReLU"),
        (1, {"fusedActivationFunction": 3}, "op 1 MAX_POOL_2D: .*a fused activation other than ReLU"),
        (1, {"padding": 0}, "op 1 MAX_POOL_2D: .*padding SAME"),
        (3, {"fusedActivationFunction": 4}, "op 3 FULLY_CONNECTED: .*a fused activation other than ReLU"),
    ],
)
def test_a_variant_of_an_operation_is_refused_by_name(position: int, option: dict[str, int], reason: str) -> None:
    with pytest.raises(UnsupportedGraphError, match=reason):
        Reference(with_option(load_graph(published()), position, **option))


def test_a_pooling_that_would_have_to_requantise_is_refused() -> None:
    graph = load_graph(published())
    pooled = graph.tensors[graph.ops[1].outputs[0]]
    other = dataclasses.replace(pooled, quantization=graph.input.quantization)
    tensors = tuple(other if tensor is pooled else tensor for tensor in graph.tensors)
    with pytest.raises(UnsupportedGraphError, match=r"op 1 MAX_POOL_2D: .*changes the scale"):
        Reference(dataclasses.replace(graph, tensors=tensors))
