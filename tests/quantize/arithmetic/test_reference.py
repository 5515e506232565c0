"""The reference against LiteRT's reference kernels, on models that nobody trained."""

import dataclasses
import platform
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from generated_models import Case, ModelBuilder, cases, draw_words

from edge.bundle.kernels import comparable, runs_on
from quantize.arithmetic import fixedpoint as fp
from quantize.arithmetic.kernel_sets import KernelSet, always, kernel_set
from quantize.arithmetic.reference import Reference
from quantize.arithmetic.rules import DOUBLE, DOUBLE_UP, SINGLE, Rule, by_factors
from quantize.errors import KernelSetError, UnsupportedGraphError
from quantize.interpreter.executors import EngineExecutor, Tracer, interpreter
from quantize.machine import this_machine
from quantize.model.graph import Graph, load_graph
from quantize.model.trace import points
from quantize.model.words import Words
from quantize.proof.compare import TensorReport, compare, first_mismatch

SAMPLE = [case for number, case in enumerate(cases()) if number % 7 == 0 and "overflowing" not in case.name]
MakeModel = Callable[..., bytes]
MakeWords = Callable[..., Words]


def differing(tensors: list[TensorReport]) -> list[str]:
    return [tensor.describe() for tensor in tensors if tensor.mismatches]


@pytest.mark.parametrize("kernels", comparable())
@pytest.mark.parametrize("case", SAMPLE, ids=[case.name for case in SAMPLE])
def test_every_tensor_that_can_be_read_equals_litert(case: Case, kernels: str) -> None:
    """Compare a sample of the generated models; tests/benchmarks/kernel_sets.py takes all of them."""
    tracer, reference = Tracer(case.model, kernels), Reference.load(case.model, kernel_set(kernels))
    tensors = compare(tracer, reference, draw_words(case.side, 5, seed=1))
    assert differing(tensors) == []
    assert sum(tensor.values for tensor in tensors) > 50_000


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_of_any_depth_equal_litert(seed: int, make_model: MakeModel, make_words: MakeWords) -> None:
    rng = np.random.default_rng(seed)
    maps = [(3,), (6, 24), (4, 8, 5)][seed % 3]
    model = make_model(
        int(rng.integers(1, 40)),
        ("random", "extreme")[seed % 2],
        seed,
        maps=maps,
        cell_exponent=int(rng.integers(-15, -8)),
        cell_clip=float(rng.choice([0.0, 0.6, 10.0])),
        requantize=[None, 0.0213, 1 / 16][seed % 3],
    )
    assert differing(compare(Tracer(model, "litert-reference"), Reference.load(model), make_words(20, seed))) == []


def test_the_comparison_is_not_of_constants(make_model: MakeModel, make_words: MakeWords) -> None:
    model, words = make_model(), make_words(20)
    trace = Tracer(model, "litert-reference").trace(words)
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


def test_the_hidden_state_is_the_lstms_output(make_model: MakeModel, make_words: MakeWords) -> None:
    trace = Reference.load(make_model(3)).trace(make_words(2))
    assert (trace["9.hidden_state"] == trace["9.output"][:, 0]).all()


def test_words_do_not_depend_on_their_neighbours(make_model: MakeModel, make_words: MakeWords) -> None:
    reference, words = Reference.load(make_model()), make_words(20)
    together = reference.logits(words)
    for word in range(len(words)):
        at = slice(int(words.starts[word]), int(words.starts[word] + words.lengths[word]))
        alone = Words(words.fragments[at], words.lengths[word : word + 1])
        assert (reference.logits(alone) == together[at]).all()


@pytest.mark.parametrize("kernels", comparable())
@pytest.mark.parametrize(("users", "names"), [(10, ["features", "logits"]), (0, ["features"])])
def test_the_edges_engine_gives_the_same_outputs(
    users: int, names: list[str], kernels: str, make_model: MakeModel, make_words: MakeWords
) -> None:
    model, words = make_model(users), make_words(20)
    expected = Reference.load(model, kernel_set(kernels)).outputs(words)
    got = EngineExecutor.load(model, kernels).outputs(words)
    assert list(expected) == list(got) == names
    for name, values in expected.items():
        assert len(np.unique(values)) > 50
        np.testing.assert_array_equal(got[name], values, name)


# --- broken on purpose ---------------------------------------------------------------------------------------------


def rounds_once(x: fp.Int, multiplier: fp.Int, shift: fp.Int) -> fp.Int:
    places = 31 - shift
    return (x * multiplier + (np.int64(1) << (places - 1))) >> places


def floors(x: fp.Int, multiplier: fp.Int, shift: fp.Int) -> fp.Int:
    """Floor the hidden state: rounding it once instead of twice would show in one of 2^23 values only."""
    return (x * multiplier) >> (31 - shift)


def rounds_halves_up(x: fp.Int, exponent: int) -> fp.Int:
    return (x + (1 << (exponent - 1))) >> exponent


def truncates(x: fp.Int, factor: fp.Real) -> fp.Int:
    return np.trunc(x * factor).astype(np.int64)


def shifted_table(in_scale: float, in_zero: int, out_scale: float, out_zero: int) -> np.ndarray:
    return fp.tanh_table_int8(in_scale, in_zero + 1, out_scale, out_zero)


def swapped_table(in_scale: float, in_zero: int, out_scale: float, out_zero: int) -> np.ndarray:
    """Order the table's entries by signed value instead of by bits."""
    return np.roll(fp.tanh_table_int8(in_scale, in_zero, out_scale, out_zero), 128)


def exact_logistic(x: fp.Int) -> fp.Int:
    return np.minimum(np.rint(2**15 / (1 + np.exp(-x / 2**12))), 2**15 - 1).astype(np.int64)


def exact_tanh(x: fp.Int, integer_bits: int) -> fp.Int:
    return np.clip(np.rint(2**15 * np.tanh(x / 2 ** (15 - integer_bits))), -(2**15), 2**15 - 1).astype(np.int64)


TRUNCATED = by_factors("truncated", lambda product: product.factors, truncates)
OTHERS = {
    "litert-reference": {"convolution": SINGLE, "fully_connected": DOUBLE, "quantize": SINGLE},
    "litert-xnnpack": {"convolution": DOUBLE, "fully_connected": DOUBLE_UP, "quantize": DOUBLE},
    "litert-optimised": {"convolution": SINGLE, "fully_connected": SINGLE, "quantize": SINGLE},
}
"""By kernel set and operation: a wrong rule that another interpreter uses, easily mistaken for the right one."""

BROKEN = [
    *((kernels, rule, always(other)) for kernels, rules in OTHERS.items() for rule, other in rules.items()),
    *((kernels, rule, always(TRUNCATED)) for kernels, rules in OTHERS.items() for rule in rules),
    *((kernels, "tanh", Rule(t.__name__, t)) for kernels in OTHERS for t in (shifted_table, swapped_table)),
    ("litert-reference", "gate", rounds_once),
    ("litert-reference", "cell_product", rounds_halves_up),
    ("litert-reference", "hidden", floors),
    ("litert-reference", "logistic_int16", exact_logistic),
    ("litert-reference", "tanh_int16", exact_tanh),
]
OPS = {"convolution": "CONV_2D", "fully_connected": "FULLY_CONNECTED", "quantize": "QUANTIZE", "tanh": "TANH"}


def on_x86(kernels: str) -> bool:
    return platform.machine() == "x86_64" or kernels == "litert-reference"


@pytest.mark.parametrize(
    ("kernels", "rule", "broken"), BROKEN, ids=[f"{k}-{r}-{i}" for i, (k, r, _) in enumerate(BROKEN)]
)
def test_a_broken_rounding_rule_is_caught_and_its_op_named(
    kernels: str, rule: str, broken: object, make_model: MakeModel, make_words: MakeWords
) -> None:
    if not on_x86(kernels):
        pytest.skip("the other rules are chosen against those of x86-64")
    model = make_model(requantize=1 / 16)  # a factor of 1/8: rounding once and twice differ already at 3
    words, tracer = make_words(24), Tracer(model, kernels)
    assert first_mismatch(compare(tracer, Reference.load(model, kernel_set(kernels)), words)) is None
    reference = Reference.load(model, dataclasses.replace(kernel_set(kernels), **{rule: broken}))
    found = first_mismatch(compare(tracer, reference, words))
    assert found is not None
    assert found.op.endswith(OPS.get(rule, "UNIDIRECTIONAL_SEQUENCE_LSTM"))
    assert found.first is not None
    assert found.first.word is not None
    assert found.first.step is not None


def test_every_rule_of_every_kernel_set_that_runs_is_broken_above() -> None:
    assert set(OTHERS) == {kernels for kernels in comparable() if runs_on(kernels) == kernels}
    assert {field.name for field in dataclasses.fields(KernelSet)} == {"name", "processors"} | {r for _, r, _ in BROKEN}
    for kernels in OTHERS:
        assert set(OPS) <= {rule for k, rule, _ in BROKEN if k == kernels}


def test_each_kernel_set_is_refuted_by_every_other_interpreter(make_model: MakeModel, make_words: MakeWords) -> None:
    """No two of LiteRT's kernel sets compute the same, and comparing shows it for every pair."""
    model, words = make_model(), make_words(24)
    for kernels in OTHERS:
        for other in set(OTHERS) - {kernels}:
            tensors = compare(Tracer(model, kernels), Reference.load(model, kernel_set(other)), words)
            assert first_mismatch(tensors) is not None, (kernels, other)


def test_products_beyond_32_bits_are_refused_and_litert_shows_why(make_words: MakeWords) -> None:
    """Smallest counter-example: bias 2^30, factor 2. The product leaves int32, and x86-64 makes it -2^31."""
    model = one_output(bias=2**30, factor=2.0)
    for kernels in ("litert-reference", "litert-xnnpack", "inkgate-c"):
        with pytest.raises(UnsupportedGraphError, match="op 0 FULLY_CONNECTED: products can pass"):
            Reference.load(model, kernel_set(kernels))
    engine = interpreter(model, "litert-reference")
    engine.invoke()
    found = int(engine.get_tensor(engine.get_output_details()[0]["index"])[0, 0])
    assert found == (-128 if platform.machine() == "x86_64" else 127)


@pytest.mark.parametrize(("slot", "op"), [(1, "1 CONV_2D"), (6, "9 UNIDIRECTIONAL_SEQUENCE_LSTM")])
def test_a_weight_of_minus_128_is_refused(slot: int, op: str, make_model: MakeModel) -> None:
    """TFLite's specification excludes it; NEON kernels overflow on it and give other results."""
    graph = load_graph(make_model())
    position = int(op.split()[0])
    tensor = graph.tensors[graph.ops[position].inputs[slot]]
    lowest = dataclasses.replace(tensor, data=np.full_like(tensor.constant, -128))
    tensors = tuple(lowest if t is tensor else t for t in graph.tensors)
    with pytest.raises(UnsupportedGraphError, match=f"op {op}: .* a weight of -128"):
        Reference(dataclasses.replace(graph, tensors=tensors))


def one_output(bias: int, factor: float) -> bytes:
    """Return a fully connected layer with one weight, 0, whose accumulator is the bias."""
    b = ModelBuilder()
    x = b.tensor((1, 1), scales=1.0)
    weights = b.tensor((1, 1), data=np.zeros((1, 1), dtype=np.int8), scales=factor)
    biases = b.tensor((1,), "INT32", data=np.asarray([bias], dtype=np.int32), scales=factor)
    return b.finish(x, b.op("FULLY_CONNECTED", [x, weights, biases], b.tensor((1, 1), scales=1.0), version=5))


# --- what the reference does not take ------------------------------------------------------------------------------


def test_an_unknown_kernel_set_is_refused_with_the_known_names() -> None:
    with pytest.raises(KernelSetError, match="litert-reference"):
        kernel_set("tflm")


def test_a_processor_without_avx_takes_the_neon_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under `qemu-x86_64 -cpu Nehalem` LiteRT's optimised kernels compute what they do on aarch64."""
    without = msgspec.structs.replace(this_machine(), architecture="x86_64", cpu_features=("sse4_1",))
    monkeypatch.setattr("quantize.arithmetic.kernel_sets.this_machine", lambda: without)
    assert kernel_set("litert-optimised") == kernel_set("litert-optimised", "aarch64")
    with pytest.raises(KernelSetError, match="optimised is known on x86_64, not on x86_64 without AVX"):
        kernel_set("tflite-runtime-optimised")


def test_a_cell_scale_for_which_the_kernel_computes_nothing_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(UnsupportedGraphError, match="op 9 UNIDIRECTIONAL_SEQUENCE_LSTM: the cell state has scale"):
        Reference.load(make_model(cell_exponent=-8))


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
