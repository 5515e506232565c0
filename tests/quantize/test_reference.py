"""The reference against LiteRT's reference kernels, on models that nobody trained."""

import dataclasses
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from quantize import fixedpoint as fp
from quantize.compare import TensorReport, compare, first_mismatch
from quantize.errors import KernelSetError, UnsupportedGraphError
from quantize.executors import EngineExecutor, TracingLiteRt
from quantize.graph import load_graph
from quantize.kernels import LITERT_REFERENCE, KernelSet, kernel_set
from quantize.reference import Reference
from quantize.trace import points
from quantize.words import Words

STYLES = ("random", "saturating", "zero", "extreme")
MakeModel = Callable[..., bytes]
MakeWords = Callable[..., Words]


def differing(tensors: list[TensorReport]) -> list[str]:
    return [tensor.describe() for tensor in tensors if tensor.mismatches]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("users", [1, 10, 50, 200])
def test_every_tensor_state_and_temporary_equals_litert(
    users: int, style: str, make_model: MakeModel, make_words: MakeWords
) -> None:
    model = make_model(users, style, seed=users)
    tensors = compare(TracingLiteRt(model), Reference.load(model), make_words(20, seed=users))
    assert differing(tensors) == []
    assert sum(tensor.values for tensor in tensors) > 500_000


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_of_any_depth_equal_litert(seed: int, make_model: MakeModel, make_words: MakeWords) -> None:
    rng = np.random.default_rng(seed)
    maps = [(3,), (6, 24), (4, 8, 5)][seed % 3]
    model = make_model(
        int(rng.integers(1, 40)),
        STYLES[seed % 2 * 3],
        seed,
        maps=maps,
        cell_exponent=int(rng.integers(-15, -8)),
        cell_clip=float(rng.choice([0.0, 0.6, 10.0])),
        requantize=[None, 0.0061, 1 / 16][seed % 3],
    )
    assert differing(compare(TracingLiteRt(model), Reference.load(model), make_words(20, seed))) == []


def test_the_comparison_is_not_of_constants(make_model: MakeModel, make_words: MakeWords) -> None:
    model, words = make_model(), make_words(20)
    trace = TracingLiteRt(model).trace(words)
    for point in points(load_graph(model)):
        assert len(np.unique(trace[point.key])) > 50, point


def test_the_state_is_carried_inside_a_word_and_cleared_between_words(
    make_model: MakeModel, make_words: MakeWords
) -> None:
    reference, words = Reference.load(make_model()), make_words(3)
    fragment = words.fragments[-1:]
    repeated = Words(np.repeat(fragment, 4, axis=0), np.asarray([3, 1]))
    cell = reference.trace(repeated)["9.cell_state"]
    assert (cell[0] != cell[1]).any()
    assert (cell[0] == cell[3]).all()


def test_words_do_not_depend_on_their_neighbours(make_model: MakeModel, make_words: MakeWords) -> None:
    reference, words = Reference.load(make_model()), make_words(20)
    together = reference.logits(words)
    for word in range(len(words)):
        at = slice(int(words.starts[word]), int(words.starts[word] + words.lengths[word]))
        alone = Words(words.fragments[at], words.lengths[word : word + 1])
        assert (reference.logits(alone) == together[at]).all()


def test_the_edges_engine_gives_the_same_logits(make_model: MakeModel, make_words: MakeWords) -> None:
    model, words = make_model(), make_words(20)
    expected = Reference.load(model).logits(words)
    assert (EngineExecutor.load(model, "litert-reference").logits(words) == expected).all()


# --- broken on purpose ---------------------------------------------------------------------------------------------


def rounds_once(x: fp.Int, multiplier: fp.Int, shift: fp.Int) -> fp.Int:
    places = 31 - shift
    return (x * multiplier + (np.int64(1) << (places - 1))) >> places


def floors(x: fp.Int, multiplier: fp.Int, shift: fp.Int) -> fp.Int:
    """Rounding the hidden state once instead of twice would show in one of 2^23 values; not rounding shows at once."""
    return (x * multiplier) >> (31 - shift)


def rounds_halves_up(x: fp.Int, exponent: int) -> fp.Int:
    return (x + (1 << (exponent - 1))) >> exponent


def rounds_real_by_multiplier(x: fp.Int, factor: fp.Real) -> fp.Int:
    return fp.multiply_by_quantized_multiplier(x, *fp.quantize_multiplier(factor))


def truncates_real(x: fp.Int, factor: fp.Real) -> fp.Int:
    return np.trunc(x * factor).astype(np.int64)


def shifted_table(in_scale: float, in_zero: int, out_scale: float, out_zero: int) -> np.ndarray:
    return fp.tanh_table_int8(in_scale, in_zero + 1, out_scale, out_zero)


def exact_logistic(x: fp.Int) -> fp.Int:
    return np.minimum(np.rint(2**15 / (1 + np.exp(-x / 2**12))), 2**15 - 1).astype(np.int64)


def exact_tanh(x: fp.Int, integer_bits: int) -> fp.Int:
    return np.clip(np.rint(2**15 * np.tanh(x / 2 ** (15 - integer_bits))), -(2**15), 2**15 - 1).astype(np.int64)


BROKEN = [
    ("convolution", rounds_once, "1 CONV_2D"),
    ("fully_connected", rounds_real_by_multiplier, "6 FULLY_CONNECTED"),
    ("fully_connected", truncates_real, "6 FULLY_CONNECTED"),
    ("tanh_table", shifted_table, "2 TANH"),
    ("quantize", rounds_once, "8 QUANTIZE"),
    ("gate", rounds_once, "10 UNIDIRECTIONAL_SEQUENCE_LSTM"),
    ("product", rounds_halves_up, "10 UNIDIRECTIONAL_SEQUENCE_LSTM"),
    ("hidden", floors, "10 UNIDIRECTIONAL_SEQUENCE_LSTM"),
    ("logistic", exact_logistic, "10 UNIDIRECTIONAL_SEQUENCE_LSTM"),
    ("tanh", exact_tanh, "10 UNIDIRECTIONAL_SEQUENCE_LSTM"),
]


@pytest.mark.parametrize(("rule", "broken", "op"), BROKEN, ids=[f"{b[0]}-{b[1].__name__}" for b in BROKEN])
def test_a_broken_rounding_rule_is_caught_and_its_op_named(
    rule: str, broken: Callable[..., fp.Int], op: str, make_model: MakeModel, make_words: MakeWords
) -> None:
    model = make_model(requantize=1 / 16)  # a factor of 1/8: once or twice rounded differs already for 3
    kernels = dataclasses.replace(LITERT_REFERENCE, **{rule: broken})
    found = first_mismatch(compare(TracingLiteRt(model), Reference.load(model, kernels), make_words(60)))
    assert found is not None
    assert found.op == op
    assert found.first is not None
    assert found.first.word is not None
    assert found.first.step is not None


def test_every_rule_of_a_kernel_set_is_broken_above() -> None:
    assert {field.name for field in dataclasses.fields(KernelSet)} == {"name"} | {rule for rule, _, _ in BROKEN}


# --- what the reference does not take ------------------------------------------------------------------------------


def test_the_accumulator_is_exact_where_float32_would_round() -> None:
    """864 products of 127 and 128 pass 2^24: the matrix must switch to float64, and wrap at 32 bits like C."""
    from quantize.matmul import Matrix

    weights = np.full((1, 2000), 127, dtype=np.int8)
    weights[0, 0] = 126
    matrix = Matrix(weights, np.asarray([2**31 - 1], dtype=np.int64), 0)
    assert matrix.dtype is np.float64
    x = np.full((1, 2000), 127, dtype=np.int8)
    total = 2000 * 127 * 127 - 127 + 2**31 - 1
    assert matrix.accumulate(x.astype(np.float64))[0, 0] == total - 2**32
    assert Fraction(total) > 2**31


def test_an_unknown_kernel_set_is_refused_with_the_known_names() -> None:
    with pytest.raises(KernelSetError, match="litert-reference"):
        kernel_set("tflm")


def test_a_cell_scale_for_which_the_kernel_computes_nothing_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(UnsupportedGraphError, match="op 9 UNIDIRECTIONAL_SEQUENCE_LSTM: the cell state has scale"):
        Reference.load(make_model(cell_exponent=-8))
