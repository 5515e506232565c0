"""A graph -> the points at which two executors are compared; a trace holds one's values there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from quantize.model.graph import Array, Graph, Op

Kind: TypeAlias = Literal["weight", "activation", "state", "temporary"]

OUTPUT = "output"
"""Role of an operation's output tensor."""

LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
LSTM_STATES = {"hidden_state": 18, "cell_state": 19}
"""Role of a state -> position of its variable tensor among the LSTM's inputs."""

LSTM_TEMPORARIES = ("cell_tanh", "cell_update", "cell_gate", "output_gate")
"""Roles of the LSTM's own int16 arrays, in the kernel's order.

After a step they hold the tanh of the new cell state, input gate times cell gate, the cell gate and the output gate.
The first two have overwritten the gates that they were made from.
"""

LSTM_ORDER = ("cell_gate", "cell_update", "cell_state", "output_gate", "cell_tanh", "hidden_state")
"""Roles of the LSTM's states and temporaries in the order of computation: the first to differ is the cause."""

LSTM_CONSTANTS = {
    first + i: f"{gate}_gate.{part}"
    for first, part in ((1, "input_weights"), (5, "recurrent_weights"), (12, "bias"))
    for i, gate in enumerate(("input", "forget", "cell", "output"))
}
"""Position among the LSTM's inputs -> name of that constant, to which the converter gives no name of its own."""


@dataclass(frozen=True)
class Point:
    """An array that a step computes: an operation's output, a state after the step, or a temporary.

    tensor: index in the graph, None for a temporary of the LSTM. shape: that of one fragment, without the batch of one.
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
        """Return the point's unique name in the graph, such as "9.cell_state"."""
        return f"{self.position}.{self.role}"


Trace: TypeAlias = Mapping[str, Array]
"""Point.key -> values [N, ...] after each of the N fragments."""


def points(graph: Graph) -> tuple[Point, ...]:
    """Return every operation's output, every state and LSTM temporary, in the order of computation."""
    return tuple(point for op in graph.ops for point in _points_of(graph, op))


def output_points(graph: Graph) -> dict[str, Point]:
    """Return the points of the graph's outputs by name, in the order of computation."""
    by_tensor = {point.tensor: point for point in points(graph) if point.role == OUTPUT}
    return {name: by_tensor[tensor.index] for name, tensor in graph.named_outputs.items()}


def short_name(name: str) -> str:
    """Return a tensor's name without the other tensors' names that the converter joins to it."""
    return name.split(";", 1)[0]


def _points_of(graph: Graph, op: Op) -> Iterator[Point]:
    output = graph.tensors[op.outputs[0]]
    name = next((name for name, found in graph.named_outputs.items() if found is output), short_name(output.name))
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
