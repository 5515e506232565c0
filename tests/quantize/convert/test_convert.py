"""tf_keras -> int8, and the conversions that are refused."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundle.engine import Engine
from edge.errors import RunError
from quantize.arithmetic.reference import Reference
from quantize.convert.convert import Conversion, convert, convert_to_float, quantize_float
from quantize.convert.graph_checks import check_clipping, check_graph
from quantize.convert.ranges import TANH_REACH, Clipping, Range, limits, measure_clipping, measure_ranges
from quantize.convert.tensorflow import load_keras
from quantize.errors import (
    CellRangeError,
    ClippingError,
    FloatGraphError,
    InputQuantizationError,
    UnfusedError,
)
from quantize.interpreter.executors import Tracer, interpreter
from quantize.model.float_model import FloatModel
from quantize.model.graph import Quantization, load_graph
from quantize.model.words import Words

MakeWords = Callable[..., Words]


@pytest.fixture(scope="module")
def words(make_words: MakeWords) -> Words:
    return make_words(40, seed=2)


@pytest.fixture(scope="module")
def conversion(keras_model: Any, words: Words) -> Conversion:
    return convert(keras_model, words)


@pytest.fixture(scope="module")
def float_model(keras_model: Any) -> bytes:
    return convert_to_float(keras_model)


def keras_states(model: Any, words: Words) -> np.ndarray:
    """Return the trained model's hidden state after each fragment, by tf_keras, word by word."""
    import tf_keras

    hidden = tf_keras.Model(model.input, model.get_layer("lstm").output)
    pixels = (words.fragments.astype(np.float32) + 128) / 255
    parts = np.split(pixels, words.starts[1:])
    return np.concatenate([np.asarray(hidden(part[None]))[0] for part in parts])


def test_a_conversion_is_fused_integer_and_takes_pixels_minus_128(conversion: Conversion) -> None:
    graph = load_graph(conversion.model)
    check_graph(graph)
    assert graph.input.shape == (1, 1, 33, 33, 1)
    assert np.float32(graph.input.q.scale) == np.float32(1 / 255)
    assert graph.input.q.zero_point == -128
    assert {name: output.shape for name, output in graph.named_outputs.items()} == {
        "features": (1, 53),
        "logits": (1, 1, 5),
    }
    features = graph.named_outputs["features"].q
    assert (features.scale, features.zero_point) == (1 / 128, 0)
    assert {t.dtype for op in graph.ops for t in graph.operands(op)} <= {np.dtype(d) for d in ("i1", "i2", "i4")}


def test_the_hidden_range_is_that_of_whole_words_from_a_cleared_state(
    keras_model: Any, float_model: bytes, words: Words
) -> None:
    states = keras_states(keras_model, words)
    graph = load_graph(float_model)
    lstm = graph.ops[9]
    found = measure_ranges(float_model, words)[lstm.outputs[0]]
    # Two float32 implementations of the same sums.
    assert found.low == pytest.approx(states.min(), abs=1e-4)
    assert found.high == pytest.approx(states.max(), abs=1e-4)
    first = states[words.starts]
    assert first.max() - first.min() < 0.9 * (found.high - found.low), "single fragments would give another range"


def test_int8_follows_float_through_whole_words(conversion: Conversion, words: Words) -> None:
    reference = Reference.load(conversion.model)
    q = reference.graph.logits.q
    logits = (reference.logits(words).astype(np.float64) - q.zero_point) * q.scale
    exact = FloatModel(conversion.weights).logits(words)
    # 8 bits through seven layers and 20 steps: a correlation above 0.98 leaves room for noise, not for a wrong scale.
    assert np.corrcoef(logits.ravel(), exact.ravel())[0, 1] > 0.98


def test_the_features_follow_the_float_networks_hidden_layer(
    keras_model: Any, conversion: Conversion, words: Words
) -> None:
    """They are the output of the layer named fc; rounding may move them by some steps of 1/128, not change them."""
    import tf_keras

    hidden = tf_keras.Model(keras_model.input, keras_model.get_layer("fc").output)
    pixels = (words.fragments.astype(np.float32) + 128) / 255
    exact = np.asarray(hidden(pixels[None]))[0]
    features = Engine.load(conversion.model).features(words.fragments) / 128
    assert features.shape == exact.shape
    assert np.corrcoef(features.ravel(), exact.ravel())[0, 1] > 0.98


def test_a_converted_model_equals_litert_everywhere(conversion: Conversion, words: Words) -> None:
    from quantize.proof.compare import compare

    tensors = compare(Tracer(conversion.model, "litert-reference"), Reference.load(conversion.model), words)
    assert [tensor.describe() for tensor in tensors if tensor.mismatches] == []


def test_the_numpy_float_twin_is_the_keras_model(keras_model: Any, conversion: Conversion, words: Words) -> None:
    twin = FloatModel(conversion.weights).logits(words)
    pixels = (words.fragments.astype(np.float32) + 128) / 255
    parts = np.split(pixels, words.starts[1:])
    expected = np.concatenate([np.asarray(keras_model(part[None]))[0] for part in parts])
    # float32 sums of 864 terms in another order.
    np.testing.assert_allclose(twin, expected, rtol=1e-4, atol=1e-4)


def test_the_converters_limit_on_the_cell_state_is_removed(float_model: bytes, conversion: Conversion) -> None:
    assert [load_graph(m).ops[9].options["cellClip"] for m in (float_model, conversion.model)] == [0.0, 0.0]


def test_calibration_statistics_describe_every_activation_and_state(conversion: Conversion) -> None:
    calibration = conversion.calibration
    assert json.loads(json.dumps(calibration)) == calibration
    entries = {entry["tensor"]: entry for entry in calibration["tensors"]}
    assert len(entries) == 14
    assert entries["input"]["scale"] == pytest.approx(1 / 255)
    for entry in calibration["tensors"]:
        assert entry["min"] <= 0.0 <= entry["max"]
        assert 0.0 <= entry["clipped_share"] <= calibration["max_clipped_share"]


def test_a_layer_of_zeros_still_converts(float_model: bytes, words: Words) -> None:
    ranges = measure_ranges(float_model, words)
    assert min(found.high - found.low for found in ranges.values()) >= 2.0**-7


# --- refused -------------------------------------------------------------------------------------------------------


def test_a_keras_3_lstm_is_refused_as_unfused(keras_model: Any) -> None:
    import keras

    source = keras.Input((None, 33, 33, 1))
    x = keras.layers.LSTM(3, return_sequences=True)(keras.layers.Reshape((-1, 1089))(source))
    with pytest.raises(UnfusedError, match="WHILE"):
        convert_to_float(keras.Model(source, x))


def test_a_model_without_an_lstm_is_refused_as_unfused(keras_model: Any) -> None:
    import tf_keras

    source = tf_keras.Input((None, 33, 33, 1))
    x = tf_keras.layers.TimeDistributed(tf_keras.layers.Flatten())(source)
    with pytest.raises(UnfusedError, match="did not become one UNIDIRECTIONAL_SEQUENCE_LSTM"):
        convert_to_float(tf_keras.Model(source, x))


def test_a_float_graph_is_refused_with_the_op(float_model: bytes) -> None:
    with pytest.raises(FloatGraphError, match=r"op 0 RESHAPE computes in float32"):
        check_graph(load_graph(float_model))


def test_ranges_that_clip_are_refused_with_the_worst_tensor(float_model: bytes, words: Words) -> None:
    graph = load_graph(float_model)
    narrow = graph.ops[1].outputs[0]
    ranges = {**measure_ranges(float_model, words), narrow: Range(-0.05, 0.05)}
    quantized = load_graph(quantize_float(float_model, ranges))
    found = measure_clipping(float_model, words, {narrow: quantized.tensors[quantized.ops[1].outputs[0]].q})
    assert found[narrow].share > 0.1
    with pytest.raises(ClippingError, match=r"more than 0\.10% .*: conv1 \d"):
        check_clipping({"conv1": found[narrow], "fine": Clipping(1000, 1)}, 0.001)


def test_one_step_past_the_largest_integer_is_not_clipping() -> None:
    tanh = Quantization(np.asarray([1 / 128], dtype=np.float32), np.asarray([0]), 0)
    low, high = limits(tanh, 8)
    assert low < -1.0 < 1.0 < high < 1.0 + 1e-6


def test_a_cell_state_beyond_the_kernels_scales_is_refused(float_model: bytes, words: Words) -> None:
    ranges = measure_ranges(float_model, words)
    ranges[load_graph(float_model).ops[9].inputs[19]] = Range(-100.0, 100.0)
    with pytest.raises(CellRangeError, match="values up to 128"):
        check_graph(load_graph(quantize_float(float_model, ranges)))


def test_another_input_scale_is_refused(float_model: bytes, words: Words) -> None:
    ranges = measure_ranges(float_model, words)
    ranges[load_graph(float_model).input.index] = Range(0.0, 2.0)
    with pytest.raises(InputQuantizationError, match="1/255"):
        check_graph(load_graph(quantize_float(float_model, ranges)))


def test_a_run_without_a_readable_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no trained model; `inkgate train"):
        load_keras(tmp_path / "model.keras")
    (tmp_path / "model.keras").write_bytes(b"not a model")
    with pytest.raises(RunError, match="cannot read this model"):
        load_keras(tmp_path / "model.keras")


def test_the_state_in_the_float_interpreter_is_cleared_between_words(float_model: bytes, words: Words) -> None:
    """TensorFlow's own calibrator never clears it: its ranges are those of one endless word."""
    graph = load_graph(float_model)
    engine = interpreter(float_model, "litert-optimised", preserve=True)
    state = graph.ops[9].inputs[19]
    engine.set_tensor(graph.input.index, np.ones(graph.input.shape, dtype=np.float32))
    engine.invoke()
    assert engine.get_tensor(state).any()
    engine.reset_all_variables()
    assert not engine.get_tensor(state).any()


def test_converting_says_what_to_install_where_tensorflow_is_missing(tmp_path: Path) -> None:
    code = "import sys; sys.modules['tensorflow'] = None\nfrom quantize.convert.tensorflow import load_keras\n" + (
        "from pathlib import Path\nPath('m.keras').write_bytes(b'')\n"
        "try: load_keras(Path('m.keras'))\nexcept Exception as e: print(type(e).__name__, e)"
    )
    root = str(Path(__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": root}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("DependencyError converting needs TensorFlow"), done.stderr


@given(st.floats(TANH_REACH, 1e30))
def test_beyond_its_reach_a_tanh_of_int8_no_longer_changes(x: float) -> None:
    def as_int8(y: float) -> int:
        return max(-128, min(127, round(128 * math.tanh(y))))

    assert (as_int8(x), as_int8(-x)) == (127, -128)


def test_what_feeds_only_a_tanh_spends_its_integers_within_the_reach(conversion: Conversion) -> None:
    graph = load_graph(conversion.model)
    fed = [graph.tensors[op.inputs[0]] for op in graph.ops if op.kind == "TANH"]
    assert fed
    for tensor in fed:
        assert tensor.q.scale * 255 <= 2 * TANH_REACH * (1 + 1e-6)  # the scale is a float32
