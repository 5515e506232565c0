"""Words -> float32 values at every point of the trained network, against which int8 is measured."""

import io
import zipfile
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from quantize.errors import ModelFileError, UnsupportedGraphError
from quantize.model.graph import Graph, Op
from quantize.model.trace import LSTM, LSTM_STATES, OUTPUT
from quantize.model.words import Words

Floats = npt.NDArray[np.float32]
Rounding = Mapping[str, Callable[[Floats], Floats]]
"""Role of a point inside the LSTM -> what to do to its values before anything else uses them."""

CHUNK_FRAGMENTS = 512


class FloatModel:
    """The float network conv1, conv2, ... (tanh, no padding) -> fc (tanh) [-> lstm -> logits].

    Its weights are arrays named "<layer>.<weight>":

    conv<n>  .kernel [height, width, in, out], .bias [out], .stride [2]
    fc       .kernel [in, out], .bias [out]
    lstm     .kernel [in, 4 cells], .recurrent [cells, 4 cells], .bias [4 cells]; gates in Keras' order input, forget,
             cell, output
    logits   .kernel [in, out], .bias [out]

    recurrent: whether it has lstm and logits. ModelFileError if one is missing.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[np.generic]], rounding: Rounding | None = None) -> None:
        self._arrays = {name: np.asarray(array) for name, array in arrays.items()}
        self._rounding: Rounding = rounding or {}
        self.recurrent = any(name.startswith(("lstm.", "logits.")) for name in self._arrays)
        layers = ("conv1", "fc", "lstm", "logits") if self.recurrent else ("conv1", "fc")
        needed = {f"{layer}.{part}" for layer in layers for part in ("kernel", "bias")}
        missing = (needed | ({"lstm.recurrent"} if self.recurrent else set())) - self._arrays.keys()
        if missing:
            raise ModelFileError(f"the float weights lack {', '.join(sorted(missing))}")
        self._layers = sum(name.startswith("conv") and name.endswith(".kernel") for name in self._arrays)

    @staticmethod
    def load(content: bytes) -> "FloatModel":
        """Return the network in the bytes of a float.npz. ModelFileError if they cannot be read."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return FloatModel({name: archive[name] for name in archive.files})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ModelFileError(f"the float weights cannot be read ({error})") from error

    def array(self, name: str) -> Floats:
        """Return the array of that name as float32. ModelFileError if there is none."""
        if name not in self._arrays:
            raise ModelFileError(f"the float weights lack {name}")
        return self._arrays[name].astype(np.float32)

    def altered(
        self, arrays: Mapping[str, npt.NDArray[np.generic]] | None = None, rounding: Rounding | None = None
    ) -> "FloatModel":
        """Return a copy of the network with other arrays or other rounding.

        arrays: name -> the array to use instead. rounding: what to do to values inside the LSTM, by their role.
        """
        return FloatModel({**self._arrays, **(arrays or {})}, {**self._rounding, **(rounding or {})})

    def logits(self, words: Words) -> Floats:
        """Return logits float32 [N, outputs], the state cleared at the start of every word."""
        return np.concatenate([self._logits(chunk) for _, chunk in words.chunks(CHUNK_FRAGMENTS)])

    def trace(self, graph: Graph, words: Words, given: Mapping[int, Floats] | None = None) -> dict[str, Floats]:
        """Return Point.key -> values [N, ...] at the points of the int8 graph made from these weights.

        given: tensor index -> real values that operations get as inputs instead of float's; for the LSTM, also its
        states after each fragment. If they are int8's values, int8's results differ from the returned ones only by the
        error that each int8 operation itself adds.
        UnsupportedGraphError if the graph is not this network's.
        """
        given = given or {}
        layers = self.layers_of(graph)
        values = {graph.input.index: real_fragments(words)}
        trace: dict[str, Floats] = {}
        for op, layer in zip(graph.ops, layers, strict=True):
            source = op.inputs[0]
            shape = graph.tensors[op.outputs[0]].shape[1:]
            results = self._apply(op, layer, given.get(source, values[source]), words, given)
            values[op.outputs[0]] = results[OUTPUT].reshape(-1, *shape)
            trace.update({f"{op.position}.{role}": array for role, array in results.items()})
            trace[f"{op.position}.{OUTPUT}"] = values[op.outputs[0]]
        return trace

    def layers_of(self, graph: Graph) -> list[str]:
        """Return the name of each operation's layer, "" for an operation without weights.

        UnsupportedGraphError if the graph is not this network's.
        """
        names = {
            "CONV_2D": [f"conv{layer}" for layer in range(1, self._layers + 1)],
            "FULLY_CONNECTED": ["fc", "logits"] if self.recurrent else ["fc"],
            LSTM: ["lstm"] if self.recurrent else [],
        }
        kinds = [op.kind for op in graph.ops]
        if any(kinds.count(kind) != len(layers) for kind, layers in names.items()):
            raise UnsupportedGraphError(f"the float weights are not those of a graph of {', '.join(kinds)}")
        return [names[kind].pop(0) if kind in names else "" for kind in kinds]

    def _apply(self, op: Op, layer: str, x: Floats, words: Words, given: Mapping[int, Floats]) -> dict[str, Floats]:
        if op.kind == "CONV_2D":
            return {OUTPUT: self._convolve(x, layer)}
        if op.kind == "TANH":
            return {OUTPUT: np.tanh(x)}
        if op.kind not in (LSTM, "FULLY_CONNECTED"):
            return {OUTPUT: x}
        flat = x.reshape(len(x), -1)
        if op.kind == "FULLY_CONNECTED":
            return {OUTPUT: self._dense(flat, layer)}
        states = [given[op.inputs[slot]] for slot in LSTM_STATES.values() if op.inputs[slot] in given]
        if len(states) < len(LSTM_STATES):
            return self._lstm(flat, words)
        hidden, cell = (before(words, state) for state in states)
        return self._lstm_step(self._dense(flat, layer), hidden, cell)

    def _logits(self, words: Words) -> Floats:
        x = real_fragments(words)
        for layer in range(1, self._layers + 1):
            x = np.tanh(self._convolve(x, f"conv{layer}"))
        x = np.tanh(self._dense(x.reshape(len(x), -1), "fc"))
        return self._dense(self._lstm(x, words)[OUTPUT], "logits")

    def _convolve(self, x: Floats, layer: str) -> Floats:
        kernel, bias = self._arrays[f"{layer}.kernel"], self._arrays[f"{layer}.bias"]
        rows, columns = (int(n) for n in self._arrays[f"{layer}.stride"])
        height, width, depth, maps = kernel.shape
        windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))[:, ::rows, ::columns]
        patches = windows.transpose(0, 1, 2, 4, 5, 3)
        y: Floats = patches.reshape(-1, height * width * depth) @ kernel.reshape(-1, maps) + bias
        return y.reshape(*patches.shape[:3], maps)

    def _dense(self, x: Floats, layer: str) -> Floats:
        y: Floats = x @ self._arrays[f"{layer}.kernel"] + self._arrays[f"{layer}.bias"]
        return y

    def _lstm(self, x: Floats, words: Words) -> dict[str, Floats]:
        """Step through all words together; return values by role, each [N, cells].

        The longest words come first, so that the words that still have fragments are a leading block.
        """
        order = np.argsort(-words.lengths, kind="stable")
        starts, lengths = words.starts[order], words.lengths[order]
        from_input = self._dense(x, "lstm")
        cells = len(self._arrays["lstm.recurrent"])
        h = np.zeros((len(words), cells), dtype=np.float32)
        c = np.zeros_like(h)
        results: dict[str, Floats] = {}
        for t in range(int(lengths[0])):
            active = int(np.searchsorted(-lengths, -t, side="left"))
            at = starts[:active] + t
            stepped = self._lstm_step(from_input[at], h[:active], c[:active])
            h, c = stepped["hidden_state"], stepped["cell_state"]
            for role, values in stepped.items():
                results.setdefault(role, np.empty((len(x), cells), dtype=np.float32))[at] = values
        return results

    def _lstm_step(self, from_input: Floats, h: Floats, c: Floats) -> dict[str, Floats]:
        """Compute one fragment of each word from the states before it.

        Return values by role, each [n, cells]; the roles are those that trace.py names.
        """
        i, f, g, o = np.split(from_input + h @ self._arrays["lstm.recurrent"], 4, axis=1)
        cell_gate, output_gate = self._rounded("cell_gate", np.tanh(g)), self._rounded("output_gate", _sigmoid(o))
        update = self._rounded("cell_update", _sigmoid(i) * cell_gate)
        cell = self._rounded("cell_state", _sigmoid(f) * c + update)
        cell_tanh = self._rounded("cell_tanh", np.tanh(cell))
        hidden = self._rounded("hidden_state", output_gate * cell_tanh)
        return {
            "cell_gate": cell_gate,
            "cell_update": update,
            "cell_state": cell,
            "output_gate": output_gate,
            "cell_tanh": cell_tanh,
            "hidden_state": hidden,
            OUTPUT: hidden,
        }

    def _rounded(self, role: str, values: Floats) -> Floats:
        return self._rounding[role](values) if role in self._rounding else values


def real_fragments(words: Words) -> Floats:
    """Return the real numbers 0..1 that the int8 pixels stand for, float32 [N, side, side, 1]."""
    x: Floats = (words.fragments.astype(np.float32) + np.float32(128.0)) / np.float32(255.0)
    return x


def before(words: Words, after: Floats) -> Floats:
    """Return a state [N, ...] before each fragment from its values after each; zero at a word's start."""
    shifted = np.roll(after, 1, axis=0)
    shifted[words.starts] = 0
    return shifted


def _sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x)), computed by tanh, which cannot overflow."""
    y: Floats = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1.0))
    return y
