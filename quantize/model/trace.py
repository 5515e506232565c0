"""A graph -> the points at which two executors are compared, and what one of them computed there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from quantize.model.graph import Array, Graph, Op

Kind: TypeAlias = Literal["weight", "activation", "state", "temporary"]

OUTPUT = "output"
"""Role of an operation's output tensor."""

LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
LSTM_STATES = {"hidden_state": 18, "cell_state": 19}
"""Role -> which of the LSTM's inputs is that variable tensor."""

LSTM_TEMPORARIES = ("cell_tanh", "cell_update", "cell_gate", "output_gate")
"""The LSTM's own int16 arrays in the kernel's order, as they are left after a step: tanh of the new cell state, input
gate times cell gate (both in place of the gates they were made from), cell gate, output gate."""

LSTM_ORDER = ("cell_gate", "cell_update", "cell_state", "output_gate", "cell_tanh", "hidden_state")
"""All of these in the order of computation, so that the first that differs is where it began."""

LSTM_CONSTANTS = {
    first + i: f"{gate}_gate.{part}"
    for first, part in ((1, "input_weights"), (5, "recurrent_weights"), (12, "bias"))
    for i, gate in enumerate(("input", "forget", "cell", "output"))
}
"""Which of the LSTM's inputs -> what it is; the converter gives these tensors no names of their own."""


@dataclass(frozen=True)
class Point:
    """One array of a step: an operation's output, a state after the step, or a temporary inside the LSTM.

    tensor is the index in the graph, None for a temporary. shape is one fragment's, without the batch of one.
    """

    position: int
    op: str
    role: str
    kind: Kind
    tensor: int | None
    name: str
    shape: tuple[int, ...]

    @property
    def key(self) -> str:
        """Unique name inside the graph, e.g. "9.cell_state"."""
        return f"{self.position}.{self.role}"


Trace: TypeAlias = Mapping[str, Array]
"""Point.key -> values [N, ...] after each of the N fragments."""


def points(graph: Graph) -> tuple[Point, ...]:
    """Every intermediate tensor, state and LSTM temporary, in the order of computation."""
    return tuple(point for op in graph.ops for point in _points_of(graph, op))


def short_name(name: str) -> str:
    """A tensor's name without the other tensors' names that the converter joins to it."""
    return name.split(";", 1)[0]


def _points_of(graph: Graph, op: Op) -> Iterator[Point]:
    output = graph.tensors[op.outputs[0]]
    name = "logits" if output.index in graph.outputs else short_name(output.name)
    if op.kind == LSTM:
        name = "lstm.output"
        states = {role: graph.tensors[op.inputs[slot]] for role, slot in LSTM_STATES.items()}
        shape = states["cell_state"].shape[1:]
        for role in LSTM_ORDER:
            if role in states:
                yield Point(op.position, op.kind, role, "state", states[role].index, f"lstm.{role}", shape)
            else:
                yield Point(op.position, op.kind, role, "temporary", None, f"lstm.{role}", shape)
    yield Point(op.position, op.kind, OUTPUT, "activation", output.index, name, output.shape[1:])
