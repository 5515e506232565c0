"""One int8 vector per fragment -> hidden and cell states, by TFLite's integer LSTM 8x8_16.

i, f, o = logistic(W x + U h + b), g = tanh(W x + U h + b), c <- f c + i g, h <- o tanh(c). Gates before their
activation are Q3.12 and after it Q0.15, the cell state is an int16 with a power-of-two scale, the hidden state an int8.
Source: LstmStepInteger8x8_16, kernels/lstm_eval.cc; scales: PopulateQuantizedLstmParams8x8_16,
kernels/unidirectional_sequence_lstm.cc.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quantize.arithmetic.fixedpoint import (
    INT8_MIN,
    Int,
    power_of_two_exponent,
    quantize_multiplier,
    saturate_int8,
    saturate_int16,
    table_int16,
    wrap_int16,
)
from quantize.arithmetic.kernel_sets import KernelSet
from quantize.arithmetic.matmul import Matrix
from quantize.errors import UnsupportedGraphError
from quantize.model.graph import OPTIONAL, Array, Graph, Op, Tensor
from quantize.model.trace import LSTM_STATES, LSTM_TEMPORARIES, OUTPUT
from quantize.model.words import Words

Table = npt.NDArray[np.int16]

INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES = slice(1, 5), slice(5, 9), slice(12, 16)
"""Positions among the op's inputs. Each slice holds the input, forget, cell and output gate in this order."""

LOWEST_WEIGHT = "a weight of -128: TFLite's weights are -127 to 127, and NEON kernels add two products in 16 bits"
"""Why a weight of -128 is refused: two products of -128 and -128 overflow 16 bits, and results would differ."""

ABSENT = {"peephole weights": slice(9, 12), "a projection": slice(16, 18), "layer normalisation": slice(20, 24)}
HIDDEN_INTERMEDIATE = 4
MIN_CELL_EXPONENT, MAX_CELL_EXPONENT = -15, -9
"""Exponents e of the cell scales 2^e for which the kernel computes tanh; for others it leaves the output as it was."""


@dataclass(frozen=True, eq=False)
class _Lstm:
    """An LSTM operation with its constants computed.

    Multipliers and shifts hold one entry per gate and cell, [4 cells].
    """

    kernels: KernelSet
    cells: int
    input: Matrix
    recurrent: Matrix
    input_scale: tuple[Int, Int]
    recurrent_scale: tuple[Int, Int]
    hidden_scale: tuple[Int, Int]
    hidden_zero: int
    state_zero: int
    cell_exponent: int
    cell_clip: int
    logistic: Table
    gate_tanh: Table
    cell_tanh: Table


def prepare_lstm(graph: Graph, op: Op, kernels: KernelSet) -> tuple[str, Callable[[Array, Words], Mapping[str, Array]]]:
    """Return how the LSTM rounds, in words, and the function that computes it.

    The function takes input values [N, ..., depth] and their words and returns output, states and temporaries by role,
    each [N, ..., cells]. UnsupportedGraphError, naming the reason, for an LSTM that the reference does not compute.
    """
    lstm = _prepared(graph, op, kernels)
    shape = graph.tensors[op.outputs[0]].shape[1:]

    def step(x: Array, words: Words) -> Mapping[str, Array]:
        results = _run(lstm, x.reshape(len(x), -1), words)
        return {**results, OUTPUT: results["hidden_state"].reshape(len(x), *shape)}

    return kernels.lstm_rule, step


def _run(lstm: _Lstm, x: Array, words: Words) -> dict[str, Array]:
    """Step through all words together and return states and temporaries by role, each [N, cells].

    The longest words come first, so that the words that still have fragments are a leading block.
    """
    order = np.argsort(-words.lengths, kind="stable")
    starts, lengths = words.starts[order], words.lengths[order]
    from_input = _requantised(lstm, lstm.input.accumulate(x.astype(lstm.input.dtype)), lstm.input_scale)
    hidden = np.full((len(words), lstm.cells), lstm.state_zero, dtype=np.int64)
    cell = np.zeros((len(words), lstm.cells), dtype=np.int64)
    results: dict[str, Array] = {
        role: np.empty((len(x), lstm.cells), dtype=np.int8 if role == "hidden_state" else np.int16)
        for role in (*LSTM_STATES, *LSTM_TEMPORARIES)
    }
    for t in range(int(lengths[0])):
        active = int(np.searchsorted(-lengths, -t, side="left"))
        at = starts[:active] + t
        stepped = _step(lstm, from_input[at], hidden[:active], cell[:active])
        hidden, cell = stepped["hidden_state"], stepped["cell_state"]
        for role, values in stepped.items():
            results[role][at] = values
    return results


def _step(lstm: _Lstm, from_input: Int, hidden: Int, cell: Int) -> dict[str, Int]:
    """Compute one fragment of every active word: states and temporaries by role, each [active, cells].

    The gates saturate twice, once for each accumulator that is added, as in the kernel.
    """
    recurrent = lstm.recurrent.accumulate(hidden.astype(lstm.recurrent.dtype))
    gates = saturate_int16(from_input + lstm.kernels.gate(recurrent, *lstm.recurrent_scale))
    before_input, before_forget, before_cell, before_output = np.split(gates, 4, axis=1)
    input_gate, forget_gate = _look_up(lstm.logistic, before_input), _look_up(lstm.logistic, before_forget)
    cell_gate, output_gate = _look_up(lstm.gate_tanh, before_cell), _look_up(lstm.logistic, before_output)
    kept = wrap_int16(lstm.kernels.cell_product(forget_gate * cell, 15))
    update = wrap_int16(lstm.kernels.cell_product(input_gate * cell_gate, 30 + lstm.cell_exponent))
    cell = saturate_int16(kept + update)
    if lstm.cell_clip > 0:
        cell = np.clip(cell, -lstm.cell_clip, lstm.cell_clip)
    cell_tanh = _look_up(lstm.cell_tanh, cell)
    scaled = lstm.kernels.hidden(output_gate * cell_tanh, *lstm.hidden_scale)
    return {
        "hidden_state": saturate_int8(scaled + lstm.hidden_zero).astype(np.int64),
        "cell_state": cell,
        "cell_tanh": cell_tanh,
        "cell_update": update,
        "cell_gate": cell_gate,
        "output_gate": output_gate,
    }


def _requantised(lstm: _Lstm, accumulator: Int, scale: tuple[Int, Int]) -> Int:
    return saturate_int16(lstm.kernels.gate(accumulator, *scale))


def _look_up(table: Table, x: Int) -> Int:
    return table[x.astype(np.int16).view(np.uint16)].astype(np.int64)


def _prepared(graph: Graph, op: Op, kernels: KernelSet) -> _Lstm:
    _check(graph, op)
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    hidden, cell = (graph.tensors[op.inputs[slot]] for slot in LSTM_STATES.values())
    inputs, recurrent = _tensors(graph, op, INPUT_WEIGHTS), _tensors(graph, op, RECURRENT_WEIGHTS)
    bias = np.concatenate([tensor.constant for tensor in _tensors(graph, op, BIASES)]).astype(np.int64)
    exponent = _cell_exponent(cell)
    intermediate = graph.tensors[op.intermediates[HIDDEN_INTERMEDIATE]].q
    cells = cell.shape[-1]
    return _Lstm(
        kernels=kernels,
        cells=cells,
        input=Matrix(np.concatenate([w.constant for w in inputs]), bias, source.q.zero_point),
        recurrent=Matrix(np.concatenate([w.constant for w in recurrent]), np.zeros_like(bias), hidden.q.zero_point),
        input_scale=_gate_scale(inputs, source, cells),
        recurrent_scale=_gate_scale(recurrent, hidden, cells),
        hidden_scale=_hidden_scale(intermediate.scale),
        hidden_zero=intermediate.zero_point,
        state_zero=hidden.q.zero_point,
        cell_exponent=exponent,
        cell_clip=_cell_clip(op, cell, output),
        logistic=table_int16(kernels.logistic_int16),
        gate_tanh=table_int16(lambda x: kernels.tanh_int16(x, 3)),
        cell_tanh=table_int16(lambda x: kernels.tanh_int16(x, 15 + exponent)),
    )


def _gate_scale(weights: list[Tensor], source: Tensor, cells: int) -> tuple[Int, Int]:
    """Return weight scale times input scale over 2^-12 as multipliers and shifts, each [4 cells].

    The factors are computed in float32 as in the kernel.
    """
    factors = [np.float32(w.q.scale) * np.float32(source.q.scale) / np.float32(2.0**-12) for w in weights]
    multiplier, shift = quantize_multiplier(np.asarray(factors, dtype=np.float64))
    return np.repeat(multiplier, cells), np.repeat(shift, cells)


def _hidden_scale(scale: float) -> tuple[Int, Int]:
    """Return 2^-30 over the hidden scale as multiplier and shift, which turn Q0.15 times Q0.15 into int8.

    The factor is computed in float64, then rounded to float32.
    """
    return quantize_multiplier(np.float64(np.float32(2.0**-15 / np.float64(scale) * 2.0**-15)))


def _cell_exponent(cell: Tensor) -> int:
    exponent = power_of_two_exponent(cell.q.scale)
    if exponent is None or not MIN_CELL_EXPONENT <= exponent <= MAX_CELL_EXPONENT:
        raise UnsupportedGraphError(
            f"the cell state has scale {cell.q.scale:g}; the kernel takes 2^{MIN_CELL_EXPONENT}..2^{MAX_CELL_EXPONENT}"
        )
    return exponent


def _cell_clip(op: Op, cell: Tensor, output: Tensor) -> int:
    """Return the cell state's limit in steps of its scale, 0 for none."""
    if float(op.options["projClip"]) > 0.0:
        raise UnsupportedGraphError(f"output {output.index} is clipped by a projection limit")
    steps = np.float32(op.options["cellClip"]) / np.float32(cell.q.scale)
    return int(np.clip(steps, 0.0, 32767.0))


def _check(graph: Graph, op: Op) -> None:
    """Refuse anything but the plain four-gate integer LSTM with state.

    UnsupportedGraphError, naming the variant.
    """
    present = {i for i, tensor in enumerate(op.inputs) if tensor != OPTIONAL}
    for what, slots in ABSENT.items():
        if present & set(range(slots.start, slots.stop)):
            raise UnsupportedGraphError(f"the reference does not implement {what}")
    needed = {0, *range(1, 9), *range(12, 16), *LSTM_STATES.values()}
    if not needed <= present or len(op.intermediates) <= HIDDEN_INTERMEDIATE:
        raise UnsupportedGraphError("the LSTM lacks a gate, a bias, a state or the hidden scale")
    hidden, cell = (graph.tensors[op.inputs[slot]] for slot in LSTM_STATES.values())
    if hidden.dtype != np.int8 or cell.dtype != np.int16 or not (hidden.variable and cell.variable):
        raise UnsupportedGraphError(f"states are {hidden.dtype} and {cell.dtype}, not variable int8 and int16")
    weights = (*_tensors(graph, op, INPUT_WEIGHTS), *_tensors(graph, op, RECURRENT_WEIGHTS))
    if any((tensor.constant == INT8_MIN).any() for tensor in weights):
        raise UnsupportedGraphError(f"the reference does not implement {LOWEST_WEIGHT}")
    if graph.tensors[op.inputs[0]].shape[1:-1] not in ((), (1,)):
        raise UnsupportedGraphError("the model takes several fragments at once, one is expected")


def _tensors(graph: Graph, op: Op, slots: slice) -> list[Tensor]:
    return [graph.tensors[i] for i in op.inputs[slots]]
