"""Words -> float32 logits of the network as it was trained, in NumPy; the twin that int8 is measured against."""

import io
import zipfile
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from quantize.errors import ModelFileError
from quantize.words import Words

Floats = npt.NDArray[np.float32]

CHUNK_FRAGMENTS = 512


class FloatModel:
    """conv1, conv2, ... (tanh, no padding) -> fc (tanh) -> lstm -> logits, from arrays named "<layer>.<weight>".

    conv<n>.kernel [height, width, in, out], .bias, .stride [2]; fc.kernel [in, out], .bias; lstm.kernel [in, 4 cells],
    .recurrent, .bias with gates in Keras' order input, forget, cell, output; logits.kernel, .bias.
    ModelFileError if one is missing or the shapes do not fit together.
    """

    def __init__(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self._arrays = {name: np.asarray(array) for name, array in arrays.items()}
        needed = {f"{layer}.{part}" for layer in ("conv1", "fc", "logits", "lstm") for part in ("kernel", "bias")}
        missing = (needed | {"lstm.recurrent"}) - self._arrays.keys()
        if missing:
            raise ModelFileError(f"the float weights lack {', '.join(sorted(missing))}")
        self._layers = sum(name.startswith("conv") and name.endswith(".kernel") for name in self._arrays)
        self.cells = self._arrays["lstm.recurrent"].shape[0]

    @staticmethod
    def load(content: bytes) -> "FloatModel":
        """From the bytes of a float.npz. ModelFileError if they cannot be read."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return FloatModel({name: archive[name] for name in archive.files})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ModelFileError(f"the float weights cannot be read ({error})") from error

    def logits(self, words: Words) -> Floats:
        """Words -> float32 [N, outputs], the state cleared at the start of every word."""
        return np.concatenate([self._logits(chunk) for _, chunk in words.chunks(CHUNK_FRAGMENTS)])

    def _logits(self, words: Words) -> Floats:
        x = (words.fragments.astype(np.float32) + np.float32(128.0)) / np.float32(255.0)
        for layer in range(1, self._layers + 1):
            x = np.tanh(self._convolve(x, f"conv{layer}"))
        x = np.tanh(self._dense(x.reshape(len(x), -1), "fc"))
        return self._dense(self._lstm(x, words), "logits")

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

    def _lstm(self, x: Floats, words: Words) -> Floats:
        """The longest words first, so that those still being written are a leading block."""
        order = np.argsort(-words.lengths, kind="stable")
        starts, lengths = words.starts[order], words.lengths[order]
        from_input, recurrent = self._dense(x, "lstm"), self._arrays["lstm.recurrent"]
        h = np.zeros((len(words), self.cells), dtype=np.float32)
        c = np.zeros_like(h)
        output = np.empty((len(x), self.cells), dtype=np.float32)
        for t in range(int(lengths[0])):
            active = int(np.searchsorted(-lengths, -t, side="left"))
            at = starts[:active] + t
            i, f, g, o = np.split(from_input[at] + h[:active] @ recurrent, 4, axis=1)
            c = _sigmoid(f) * c[:active] + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(c)
            output[at] = h
        return output


def _sigmoid(x: Floats) -> Floats:
    """1 / (1 + exp(-x)) without overflow, as tanh."""
    y: Floats = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1.0))
    return y
