"""Weights that make up for what int8 loses before them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantize.arithmetic.reference import Reference
from quantize.convert.convert import convert, convert_to_float, float_weights, quantize_float
from quantize.convert.flatbuffer import with_weights
from quantize.convert.ranges import CONVOLUTION_REACH, measure_ranges
from quantize.convert.refit import LARGEST, orient, refit, refit_layer, round_together
from quantize.model.float_model import FloatModel
from quantize.model.graph import load_graph
from quantize.model.invented import invented_writing
from quantize.model.words import Words
from quantize.proof.samples import draw_samples

Weights = Mapping[str, np.ndarray]


@pytest.fixture(scope="module")
def words() -> Words:
    return draw_samples(200, invented_writing(), "invented", np.random.default_rng(3)).words


@pytest.fixture(scope="module")
def unseen() -> Words:
    return draw_samples(100, invented_writing(), "invented", np.random.default_rng(4)).words


@pytest.fixture(scope="module")
def float_model(keras_model: Any) -> bytes:
    return convert_to_float(keras_model)


@pytest.fixture(scope="module")
def weights(keras_model: Any, float_model: bytes, words: Words) -> Weights:
    trained = float_weights(keras_model)
    # Sums ten times as wide as tanh's reach, as training makes them: small errors grow large behind such a tanh.
    trained["fc.kernel"] = 10 * trained["fc.kernel"]
    return orient(trained, load_graph(float_model), words)


@pytest.fixture(scope="module")
def refitted(float_model: bytes, weights: Weights, words: Words) -> tuple[Weights, bytes]:
    """Return the refitted weights and the int8 model made from them."""
    floating = with_weights(float_model, weights)
    ranges = measure_ranges(floating, words)
    found = refit(weights, words, lambda trial: quantize_float(with_weights(floating, trial), ranges))
    return found, quantize_float(with_weights(floating, found), ranges)


def test_oriented_maps_reach_further_down_than_up_and_compute_the_same_to_the_bit(
    keras_model: Any, float_model: bytes, weights: Weights, unseen: Words, words: Words
) -> None:
    trained, graph = float_weights(keras_model), load_graph(float_model)
    trained["fc.kernel"] = 10 * trained["fc.kernel"]
    assert (FloatModel(trained).logits(unseen) == FloatModel(weights).logits(unseen)).all()
    values = FloatModel(weights).trace(graph, words)
    for position in (op.position for op in graph.ops if op.kind == "CONV_2D"):
        sums = values[f"{position}.output"].reshape(-1, graph.tensors[graph.ops[position].outputs[0]].shape[-1])
        assert (sums.max(axis=0) <= -sums.min(axis=0)).all()
    negated = {name: not np.array_equal(trained[name], weights[name]) for name in trained}
    assert {name for name, changed in negated.items() if changed} >= {"conv1.kernel", "conv2.kernel", "fc.kernel"}


def test_the_quantiser_finds_the_integers_that_were_chosen(refitted: tuple[Weights, bytes]) -> None:
    """A group of weights whose largest one shrank would get another scale, and so other integers."""
    from quantize.losses.attribution import quantised_weights

    found, model = refitted
    graph = load_graph(model)
    for op, layer in zip(graph.ops, FloatModel(found).layers_of(graph), strict=True):
        if layer in ("conv2", "fc", "lstm"):
            for name, stored in quantised_weights(graph, op, layer).items():
                # Both are integers times a float32 scale.
                np.testing.assert_allclose(stored, found[name], rtol=1e-6, err_msg=name)


def test_refitted_weights_err_less_on_words_that_they_were_not_fitted_on(
    float_model: bytes, weights: Weights, refitted: tuple[Weights, bytes], words: Words, unseen: Words
) -> None:
    floating = with_weights(float_model, weights)
    plain = quantize_float(floating, measure_ranges(floating, words))
    errors = [_feature_error(model, FloatModel(weights), unseen) for model in (plain, refitted[1])]
    # 0.86 and 0.88 for two seeds. A trained network gains more (0.6): its blank places weigh more than random ones.
    assert errors[1] < 0.93 * errors[0]


def _feature_error(model: bytes, exact: FloatModel, words: Words) -> float:
    """Return the root mean square error of the LSTM's inputs."""
    reference = Reference.load(model)
    op = reference.graph.ops[7]
    wanted = exact.trace(reference.graph, words)["7.output"]
    got = reference.trace(words)["7.output"] * reference.graph.tensors[op.outputs[0]].q.scale
    return float(np.sqrt(np.square(got - wanted).mean()))


def test_a_convolution_spends_its_integers_where_tanh_is_steep(refitted: tuple[Weights, bytes]) -> None:
    graph = load_graph(refitted[1])
    scales = [graph.tensors[op.outputs[0]].q.scale for op in graph.ops if op.kind == "CONV_2D"]
    assert len(scales) == 2
    assert max(scales) * 255 <= 2 * CONVOLUTION_REACH * (1 + 1e-6)  # float32 of the scale


@pytest.mark.slow("converts a network twice, fitting its weights to 200 words each time")
def test_the_same_words_give_the_same_file(keras_model: Any, words: Words) -> None:
    assert convert(keras_model, words).model == convert(keras_model, words).model


# --- the ridge fit -------------------------------------------------------------------------------------------------


def layer(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return kernel, bias, int8's inputs and float's sums of a layer; the seed chooses only the inputs.

    Inputs are 3 % too small and off by 0.01, as behind a tanh that saturates early, and each has noise of its own.
    """
    same, rng = np.random.default_rng(0), np.random.default_rng(seed)
    kernel, bias = same.normal(0, 1, (40, 7)), same.normal(0, 1, 7)
    exact = np.tanh(rng.normal(0, 1, (rows, 40)))
    return kernel, bias, 0.97 * exact + 0.01 + rng.normal(0, 0.002, exact.shape), exact @ kernel + bias


def error_of(found: tuple[np.ndarray, np.ndarray], seed: int = 2) -> float:
    _, _, inputs, sums = layer(2000, seed)
    return float(np.sqrt(np.square(inputs @ found[0] + found[1] - sums).mean()))


def test_errors_that_go_with_the_inputs_are_made_up_for() -> None:
    kernel, bias, inputs, sums = layer(2000, seed=1)
    # The inputs' own noise cannot be made up for: 0.002 sqrt(40) = 0.013, and as much by rounding, of 0.14.
    assert error_of(refit_layer(kernel, bias, inputs, sums, len(inputs))) < 0.3 * error_of((kernel, bias))


@pytest.mark.parametrize("rows", [1, 3, 4, 12, 40])
def test_few_fragments_are_not_learned_by_heart(rows: int) -> None:
    kernel, bias, inputs, sums = layer(rows, seed=1)
    # At worst, rounding to 127 steps adds to the error there was.
    assert error_of(refit_layer(kernel, bias, inputs, sums, rows)) < 1.1 * error_of((kernel, bias))


def test_a_bias_of_zeros_stays() -> None:
    """The converter leaves such a bias out, so the model has no tensor for another one."""
    kernel, bias, inputs, sums = layer(400, seed=1)
    _, shift = refit_layer(kernel, np.zeros_like(bias), inputs, sums - bias, len(inputs))
    assert not shift.any()


# --- rounding together ---------------------------------------------------------------------------------------------


@given(st.integers(0, 2**31), st.integers(1, 12))
def test_inputs_that_have_nothing_in_common_are_rounded_to_nearest(seed: int, inputs: int) -> None:
    rng = np.random.default_rng(seed)
    wanted = rng.uniform(-126.0, 126.0, (inputs, 3))
    assert (round_together(wanted, np.diag(rng.uniform(0.1, 9.0, inputs))) == np.round(wanted)).all()


@given(st.integers(0, 2**31))
def test_inputs_that_go_together_are_rounded_to_a_smaller_error_of_the_sum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (400, 1)) + rng.normal(0, 0.3, (400, 30))
    wanted = rng.uniform(-126.0, 126.0, (30, 20))
    together, nearest = round_together(wanted, x.T @ x + np.eye(x.shape[1])), np.round(wanted)
    errors = [np.square(x @ (integers - wanted)).mean() for integers in (together, nearest)]
    # The error of the inputs' common part, most of the power, can vanish; nearest rounding leaves 30/12 of it.
    assert errors[0] < 0.5 * errors[1]


@given(st.integers(0, 2**31))
def test_a_largest_weight_stays_and_none_gets_larger(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (100, 1)) + rng.normal(0, 0.1, (100, 20))
    wanted = rng.uniform(-1.0, 1.0, (20, 8))
    wanted *= LARGEST / np.abs(wanted).max(axis=0)
    rounded = round_together(wanted, x.T @ x + np.eye(x.shape[1]))
    assert (rounded == np.round(rounded)).all()
    assert np.abs(rounded).max() <= LARGEST
    at = np.abs(wanted).argmax(axis=0), np.arange(8)
    assert (rounded[at] == np.copysign(LARGEST, wanted[at])).all()
