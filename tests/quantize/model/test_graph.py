"""The bytes of a model become a graph, and other bytes are refused."""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantize.arithmetic.reference import Reference
from quantize.errors import ModelFileError, QuantizeError, UnsupportedGraphError
from quantize.model.graph import load_graph
from quantize.model.trace import output_points, points

MakeModel = Callable[..., bytes]


def test_the_graph_lists_operations_in_order_with_their_quantisation(make_model: MakeModel) -> None:
    graph = load_graph(make_model(10))
    kinds = "RESHAPE CONV_2D TANH CONV_2D TANH RESHAPE FULLY_CONNECTED TANH RESHAPE UNIDIRECTIONAL_SEQUENCE_LSTM"
    assert [op.kind for op in graph.ops] == [*kinds.split(), "FULLY_CONNECTED"]
    weights = graph.tensors[graph.ops[3].inputs[1]]
    assert weights.constant.shape == weights.shape == (24, 5, 5, 6)
    assert (weights.q.scales.shape, weights.q.axis) == ((24,), 0)
    assert graph.ops[1].options["strideH"] == 2
    assert graph.input.q.zero_point == -128
    with pytest.raises(UnsupportedGraphError, match="24 scales"):
        _ = weights.q.scale


def test_states_are_variables_without_stored_values(make_model: MakeModel) -> None:
    graph = load_graph(make_model(3))
    hidden, cell = (graph.tensors[i] for i in graph.ops[9].inputs[18:20])
    assert [(t.variable, t.data, t.dtype.name) for t in (hidden, cell)] == [(True, None, "int8"), (True, None, "int16")]


def test_every_stored_tensor_is_listed_once(make_model: MakeModel) -> None:
    names = [tensor.index for _, tensor in load_graph(make_model(3)).constants()]
    # 3 shapes, 4 layers of weights and bias, 8 gate matrices and 4 biases.
    assert len(names) == len(set(names)) == 3 + 8 + 12


def test_points_are_unique_and_cover_outputs_states_and_temporaries(make_model: MakeModel) -> None:
    found = points(load_graph(make_model(3)))
    assert len({point.key for point in found}) == len(found) == 11 + 2 + 4
    assert {point.kind for point in found} == {"activation", "state", "temporary"}


@pytest.mark.parametrize(
    ("users", "outputs"),
    [(3, {"features": ("7.output", 52), "logits": ("10.output", 4)}), (0, {"features": ("7.output", 49)})],
)
def test_outputs_have_names_by_the_operation_that_makes_them(
    users: int, outputs: dict[str, tuple[str, int]], make_model: MakeModel
) -> None:
    graph = load_graph(make_model(users))
    found = {name: (point.key, point.shape[-1]) for name, point in output_points(graph).items()}
    assert (found, list(found)) == (outputs, list(outputs))
    assert [point.name for point in points(graph) if point.key in {key for key, _ in outputs.values()}] == list(outputs)
    if users == 0:
        with pytest.raises(UnsupportedGraphError, match="no logits"):
            _ = graph.logits


def test_two_outputs_of_one_name_and_an_output_that_nothing_computes_are_refused(make_model: MakeModel) -> None:
    graph = load_graph(make_model(3))
    for outputs in ((graph.ops[2].outputs[0], graph.ops[7].outputs[0]), (graph.ops[-1].outputs[0], graph.inputs[0])):
        with pytest.raises(UnsupportedGraphError, match="2 outputs; logits and features are expected"):
            _ = dataclasses.replace(graph, outputs=outputs).named_outputs


def test_a_missing_file_and_other_bytes_are_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_graph(tmp_path / "none.tflite")
    for content in (b"", b"TFL3", b"\0" * 64):
        with pytest.raises(ModelFileError, match="not a TFLite model"):
            load_graph(content)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_model_is_an_error_of_ours_or_a_graph(data: st.DataObject, make_model: MakeModel) -> None:
    """Whatever byte is damaged, no traceback comes from inside the flatbuffer reader."""
    model = bytearray(make_model(1, maps=(2, 3)))
    cut = data.draw(st.integers(8, len(model)))
    place = data.draw(st.integers(8, cut - 1)) if cut > 8 else None
    if place is not None:
        model[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(QuantizeError):
        Reference(load_graph(bytes(model[:cut])))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"padding": 0}, "padding SAME"),
        ({"fusedActivationFunction": 3}, "a fused activation other than ReLU"),
        ({"dilationHFactor": 2}, "a dilation"),
    ],
)
def test_a_variant_that_the_reference_lacks_is_named(
    change: dict[str, int], reason: str, make_model: MakeModel
) -> None:
    graph = load_graph(make_model(2))
    graph.ops[1].options.update(change)
    with pytest.raises(UnsupportedGraphError, match=f"op 1 CONV_2D: the reference does not implement {reason}"):
        Reference(graph)


def test_an_unknown_operation_is_named(make_model: MakeModel) -> None:
    graph = load_graph(make_model(2))
    object.__setattr__(graph.ops[2], "kind", "SOFTMAX")
    with pytest.raises(UnsupportedGraphError, match="op 2: no integer reference for SOFTMAX"):
        Reference(graph)


def test_the_hash_is_of_the_file(make_model: MakeModel) -> None:
    a, b = make_model(2), bytearray(make_model(2))
    b[-1] ^= 1
    assert load_graph(a).sha256 != load_graph(bytes(b)).sha256
    assert np.unique([load_graph(a).sha256, load_graph(a).sha256]).size == 1
