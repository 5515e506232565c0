"""Signal to quantisation noise, attribution and histograms, on models with known answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from edge.bundle.bundle import Bundle
from quantize.arithmetic.reference import Reference
from quantize.errors import ModelFileError, UnsupportedGraphError
from quantize.losses.attribution import attribute, quantised_weights
from quantize.losses.histograms import BINS, measure_histograms
from quantize.losses.noise import decibels, grids, measure_noise
from quantize.model.float_model import FloatModel, before
from quantize.model.graph import Graph, load_graph
from quantize.model.trace import points
from quantize.model.words import Words

MakeWords = Callable[..., Words]


@pytest.fixture(scope="module")
def bundle(made_bundle: Path) -> Bundle:
    return Bundle.open(made_bundle)


@pytest.fixture(scope="module")
def reference(bundle: Bundle) -> Reference:
    return Reference.load(bundle.contents["model.tflite"])


@pytest.fixture(scope="module")
def floating(bundle: Bundle) -> FloatModel:
    return FloatModel.load(bundle.contents["float.npz"])


def as_quantised(floating: FloatModel, graph: Graph) -> FloatModel:
    """Return the float network with the values that the int8 weights stand for."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for op, layer in zip(graph.ops, floating.layers_of(graph), strict=True):
        if layer:
            arrays |= quantised_weights(graph, op, layer)
    return floating.altered(arrays)


def test_float_has_a_value_at_every_point_and_ends_in_its_logits(
    reference: Reference, floating: FloatModel, make_words: MakeWords
) -> None:
    words = make_words(12)
    trace = floating.trace(reference.graph, words)
    assert {point.key: trace[point.key].shape[1:] for point in points(reference.graph)} == {
        point.key: point.shape for point in points(reference.graph)
    }
    logits = trace["10.output"].reshape(len(words.fragments), -1)
    # The same float32 sums, over chunks of another size.
    np.testing.assert_allclose(logits, floating.logits(words), atol=1e-4)


def test_a_state_before_a_step_is_the_one_after_the_last_and_zero_where_a_word_starts(make_words: MakeWords) -> None:
    words = make_words(5)
    after = np.arange(len(words.fragments), dtype=np.float32)[:, None] + 1
    expected = [
        0.0 if step == 0 else after[i - 1, 0] for i, (_, step) in enumerate(map(words.locate, range(len(after))))
    ]
    assert before(words, after)[:, 0].tolist() == expected


def test_an_operation_alone_errs_less_than_everything_before_it_together(
    reference: Reference, floating: FloatModel, make_words: MakeWords
) -> None:
    noise = {tensor.key: tensor for tensor in measure_noise(reference, floating, make_words(30))}
    assert list(noise) == [point.key for point in points(reference.graph)]
    for key in ("4.output", "7.output", "9.hidden_state", "10.output"):
        level = noise[key]
        assert level.sqnr_db is not None
        assert level.op_sqnr_db is not None
        assert 5 < level.sqnr_db < level.op_sqnr_db < 120, key
    assert noise["9.cell_gate"].scale == 2**-15
    assert noise["9.cell_update"].scale == noise["9.cell_state"].scale


@pytest.mark.parametrize(("key", "wider"), [("1.output", 1.0), ("1.output", 8.0), ("9.hidden_state", 1.0)])
def test_the_grids_noise_is_that_of_the_nearest_number_that_the_tensor_holds(
    key: str, wider: float, reference: Reference, floating: FloatModel, make_words: MakeWords
) -> None:
    """Search all 256 numbers; sums eight times as wide are cut off at both ends."""
    words, graph = make_words(4), reference.graph
    floating = floating.altered({"conv1.kernel": floating.array("conv1.kernel") * wider})
    found = next(tensor for tensor in measure_noise(reference, floating, words) if tensor.key == key)
    exact = np.sort(floating.trace(graph, words)[key].astype(np.float64).ravel())
    held = (np.arange(-128, 128) - found.zero_point) * found.scale
    between = np.searchsorted(held, exact).clip(1, 255)
    error = np.minimum(np.abs(exact - held[between - 1]), np.abs(exact - held[between]))
    assert found.grid_sqnr_db == pytest.approx(decibels((exact**2).sum(), (error**2).sum()), abs=0.01)
    assert found.clipped_share == pytest.approx((error > 0.500001 * found.scale).mean(), abs=1e-4)
    assert (found.clipped_share > 0.1) == (wider > 1)


def test_a_reshape_adds_no_noise(reference: Reference, floating: FloatModel, make_words: MakeWords) -> None:
    noise = {tensor.key: tensor for tensor in measure_noise(reference, floating, make_words(4))}
    assert noise["0.output"].sqnr_db is None, "the input's pixels are exact"
    assert noise["5.output"].op_sqnr_db is None
    assert noise["5.output"].sqnr_db == noise["4.output"].sqnr_db


def test_the_logits_operation_alone_errs_by_its_weights_and_its_rounding(
    reference: Reference, floating: FloatModel, make_words: MakeWords
) -> None:
    """With int8's weights in the float network, only the rounding to a step is left: half a step at most."""
    graph, words = reference.graph, make_words(10)
    same = as_quantised(floating, graph)
    integers = reference.trace(words)
    given = {
        p.tensor: grid.dequantise(integers[p.key]).astype(np.float32)
        for p, grid in grids(graph)
        if p.tensor is not None
    }
    exact = same.trace(graph, words, given)["10.output"].astype(np.float64)
    grid = next(grid for point, grid in grids(graph) if point.key == "10.output")
    least, most = grid.dequantise(np.asarray([grid.low, grid.high]))
    error = np.abs(grid.dequantise(integers["10.output"]) - np.clip(exact, least, most)) / grid.scale
    # A bias is rounded to the product of two scales as well, thousands of times finer.
    assert error.max() < 0.51


def test_decibels_are_ten_times_the_logarithm_of_a_ratio_of_powers() -> None:
    assert decibels(1.0, 0.1) == 10.0
    assert decibels(100.0, 100.0) == 0.0
    assert decibels(1.0, 0.0) is None
    assert decibels(1.0, 1e-13) is None, "below float32's own rounding"
    silent = decibels(0.0, 1.0)
    assert silent is not None
    assert silent < -1000


def test_the_parts_noise_adds_up_to_about_the_whole(
    reference: Reference, floating: FloatModel, make_words: MakeWords
) -> None:
    words = make_words(40)
    parts = attribute(reference.graph, floating, words)
    whole = measure_noise(reference, floating, words)[-1].sqnr_db
    assert whole is not None
    assert sum(part.share for part in parts) == pytest.approx(1.0)
    together = sum(10 ** (-part.output_sqnr_db / 10) for part in parts if part.output_sqnr_db is not None)
    # Powers add for independent errors; these are not quite independent: a factor of 2.5, 4 dB, is allowed.
    assert -10 * np.log10(together) == pytest.approx(whole, abs=4.0)


def test_weights_that_are_exact_already_cost_nothing_and_a_spoilt_layer_is_found(
    reference: Reference, floating: FloatModel, make_words: MakeWords
) -> None:
    words, graph = make_words(20), reference.graph
    exact = {part.name: part for part in attribute(graph, as_quantised(floating, graph), words)}
    assert all(part.output_sqnr_db is None for part in exact.values() if part.kind == "weight")
    spoilt = floating.altered({"fc.kernel": floating.array("fc.kernel") * 1.3})
    assert max(attribute(graph, spoilt, words), key=lambda part: part.share).name == "fc, weights"


def test_the_float_weights_of_another_network_are_refused(make_words: MakeWords, reference: Reference) -> None:
    arrays = {
        f"{layer}.{part}": np.zeros((5, 5, 1, 6))
        for layer in ("conv1", "fc", "lstm", "logits")
        for part in ("kernel", "bias")
    }
    one_layer = FloatModel({**arrays, "lstm.recurrent": np.zeros((3, 12))})
    with pytest.raises(UnsupportedGraphError, match="the float weights are not those of a graph of RESHAPE, CONV_2D"):
        one_layer.trace(reference.graph, make_words(1))
    with pytest.raises(ModelFileError, match="lack conv9"):
        one_layer.array("conv9.kernel")


def test_histograms_count_every_value_of_every_int8_and_int16_tensor(
    make_model: Callable[..., bytes], make_words: MakeWords
) -> None:
    reference, words = Reference.load(make_model(3)), make_words(4)
    found = measure_histograms(reference, words)
    trace = reference.trace(words)
    computed = [histogram for histogram in found if histogram.kind != "weight"]
    assert len(computed) == len(points(reference.graph))
    for histogram, point in zip(computed, points(reference.graph), strict=True):
        values = trace[point.key].astype(np.int64)
        expected, _ = np.histogram(values, bins=BINS, range=(histogram.low, histogram.high + 1))
        assert list(histogram.counts) == expected.tolist(), point.key
        assert (histogram.smallest, histogram.largest) == (values.min(), values.max())
        at_the_ends = (values == histogram.low) | (values == histogram.high)
        assert histogram.saturated_share == pytest.approx(at_the_ends.mean())
    weights = [tensor for _, tensor in load_graph(make_model(3)).constants() if tensor.dtype == np.int8]
    assert sum(sum(h.counts) for h in found if h.kind == "weight") == sum(tensor.constant.size for tensor in weights)
