"""Number of users -> ArchitecturePlan: the CNN-LSTM adapted to handwriting in seven stages.

Principles. (1) As many convolution layers as a person's levels of recognition need. (2) Maps in layer n = features at
level n. (3) Kernel size = feature size at level n. (4) Convolution must not distort the geometry of the symbols.
(5) The network's atomic input is one fragment, as large as the smallest allowed symbol.

Equations, numbered as in the published source.
    (1) L_out = K + 1                                        K enrolled users and the stranger
    (2) y_i = exp(q_i) / sum_k exp(q_k)                      applied after the network, in edge.decision.evidence
    (3) L_f,min = 2 L_h,last + L_out                         width of the fully connected layer
    (4) minimise the recognition error subject to R <= R_max
    (5) L_f,min = 49 + K                                     equation 3 for L_h,last = 24

Ours, and so without a number: the maps of layer n have the side a_n = floor((a_(n-1) - b_n + 2 r_n) / d_n) + 1, where
b_n is the side of its kernels, d_n its stride and r_n its padding.

How the LSTM is attached is our choice too: the fully connected layer feeds one LSTM layer of the same width, whose
output at each step feeds the K + 1 outputs. So a word of any length is a sequence of fragments, with a decision after
every one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edge.ink.fragment import SIDE
from train.errors import PlanError

KERNEL, STRIDE, PADDING = 5, 2, 0
ORIENTATIONS, TRANSFORMATIONS = 4, 4
EMPTY_AND_FILLED = 2
MAPS = (ORIENTATIONS + EMPTY_AND_FILLED, (ORIENTATIONS + EMPTY_AND_FILLED) * TRANSFORMATIONS)

_GATES = 4
_BIAS_BYTES, _CELL_BYTES = 4, 2
_STRUCTURE = ("users", "side", "maps", "kernel", "stride", "padding", "hidden", "lstm")
_DERIVED = ("inputs", "sides", "outputs", "parameters", "weight_bytes", "activation_bytes", "macs")


@dataclass(frozen=True)
class Layer:
    """The resources of one layer: weights, biases, multiply-accumulates a fragment, values in and out."""

    name: str
    weights: int
    biases: int
    macs: int
    values_in: int
    values_out: int

    @property
    def bytes(self) -> int:
        """Bytes of constants: 1 for a weight (int8), 4 for a bias (int32)."""
        return self.weights + _BIAS_BYTES * self.biases


@dataclass(frozen=True)
class ArchitecturePlan:
    """A network that can be built: the structure in the fields, what follows from it in the properties.

    Raises PlanError when the structure is no network: a number below 1, a padding other than 0, or a side that
    vanishes.
    """

    users: int
    side: int
    maps: tuple[int, ...]
    kernel: int
    stride: int
    padding: int
    hidden: int
    lstm: int

    def __post_init__(self) -> None:
        positive = (self.users, self.side, *self.maps, self.kernel, self.stride, self.hidden, self.lstm)
        if not self.maps or not all(type(n) is int and n > 0 for n in positive) or self.padding != PADDING:
            raise PlanError(f"a plan's numbers are whole and at least 1, its padding {PADDING}: {self}")
        if min(self.sides) < 1:
            raise PlanError(f"{len(self.maps)} layers of kernel {self.kernel} leave nothing of a side of {self.side}")

    @property
    def inputs(self) -> int:
        """Number of inputs: L_in = a0^2 pixels."""
        return self.side**2

    @property
    def outputs(self) -> int:
        """Number of outputs: L_out = K + 1 (equation 1)."""
        return self.users + 1

    @cached_property
    def sides(self) -> tuple[int, ...]:
        """Side of the maps of each convolution layer: a_n = floor((a_(n-1) - b_n + 2 r_n) / d_n) + 1."""
        sides = [self.side]
        for _ in self.maps:
            sides.append((sides[-1] - self.kernel + 2 * self.padding) // self.stride + 1)
        return tuple(sides[1:])

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum(layer.weights + layer.biases for layer in self.layers)

    @property
    def weight_bytes(self) -> int:
        """Bytes of the int8 constants: 1 for a weight, 4 for a bias (int32).

        Scales and the file format are not counted.
        """
        return sum(layer.bytes for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """Peak of live memory in bytes: the largest layer's input and output, plus the state between steps.

        Inputs and outputs are int8. The state is the LSTM's hidden vector (int8) and cell vector (int16). Scratch space
        of a kernel is not counted.
        """
        state = self.lstm * (1 + _CELL_BYTES)
        return state + max(layer.values_in + layer.values_out for layer in self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates a fragment; tanh, gates and biases are not counted."""
        return sum(layer.macs for layer in self.layers)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in order, with the resources of each."""
        rows, area, depth = [], self.inputs, 1
        for n, (maps, side) in enumerate(zip(self.maps, self.sides, strict=True), start=1):
            weights = self.kernel**2 * depth * maps
            rows.append(Layer(f"conv{n}", weights, maps, side**2 * weights, area * depth, side**2 * maps))
            area, depth = side**2, maps
        flat = area * depth
        gates = _GATES * self.lstm * (self.hidden + self.lstm)
        rows.append(Layer("fc", flat * self.hidden, self.hidden, flat * self.hidden, flat, self.hidden))
        rows.append(Layer("lstm", gates, _GATES * self.lstm, gates, self.hidden, self.lstm))
        last = self.lstm * self.outputs
        rows.append(Layer("logits", last, self.outputs, last, self.lstm, self.outputs))
        return tuple(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values (plan.json): the structure and what follows from it."""
        values = {name: getattr(self, name) for name in (*_STRUCTURE, *_DERIVED)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "ArchitecturePlan":
        """Read what `to_dict` returned.

        Raises PlanError when keys are missing or unknown, or when the other figures contradict the structure.
        """
        known = {*_STRUCTURE, *_DERIVED}
        if values.keys() != known:
            missing, unknown = sorted(known - values.keys()), sorted(values.keys() - known)
            raise PlanError(f"plan: missing {missing}, unknown {unknown}; `inkgate adapt --json` prints a plan")
        given: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
        if not isinstance(given["maps"], tuple):
            raise PlanError(f"plan: maps is {given['maps']!r}, not a list")
        plan = ArchitecturePlan(**{name: given[name] for name in _STRUCTURE})
        for name in _DERIVED:
            if given[name] != getattr(plan, name):
                raise PlanError(f"plan: {name} is {given[name]!r} where the structure gives {getattr(plan, name)!r}")
        return plan


def adapt(users: int) -> ArchitecturePlan:
    """Return the plan that the seven stages give for K = `users`; PlanError for fewer than 1."""
    if users < 1:
        raise PlanError(f"{users} users cannot be enrolled; give --users 1 or more")
    return structure(users, MAPS)


def structure(users: int, maps: tuple[int, ...], widen: int = 1) -> ArchitecturePlan:
    """Return a plan with these maps, everything else by the seven stages.

    The fully connected layer and the LSTM are `widen` times L_f,min wide.
    """
    hidden = widen * minimum_hidden(maps[-1], users + 1)
    return ArchitecturePlan(users, SIDE, maps, KERNEL, STRIDE, PADDING, hidden, hidden)


def minimum_hidden(last_maps: int, outputs: int) -> int:
    """Return L_f,min = 2 L_h,last + L_out (equation 3; with 24 maps 49 + K, equation 5)."""
    return 2 * last_maps + outputs
