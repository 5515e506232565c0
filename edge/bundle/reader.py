"""Int8 fragments -> how probable each symbol of the alphabet is, by a small network without state.

A bundle holds the model (MODEL) and its card (CARD). Readers that come with inkgate lie in SHIPPED.
"""

import os
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge.bundle.engine import Prepared, borders, prepare, require_verified, unverified
from edge.bundle.golden import LOGITS, GoldenVectors, file_name
from edge.bundle.kernels import DEFAULT
from edge.bundle.reader_card import ReaderCard, decode_card
from edge.decision import exact
from edge.errors import EngineError, ModelRefusedError, OtherOutputsError, ReaderCardError
from edge.ink.fragment import INPUT_SCALE, INPUT_ZERO_POINT, SIDE
from firmware_bridge.files import read_file

MODEL, CARD = "reader.tflite", "reader.json"
"""The files of a reader in a bundle, and in a folder of `inkgate train-reader`."""

SHIPPED: Final = Path(__file__).with_name("readers")
"""A folder for each shipped alphabet, with MODEL and CARD."""

Int8 = npt.NDArray[np.int8]

_INPUT_SHAPE: Final = (1, SIDE, SIDE, 1)


def golden_name(kernels: str) -> str:
    """Return the name of the reader's golden vectors, by a kernel set, inside a bundle."""
    return f"reader-{file_name(kernels)}"


class Reader:
    """A prepared reader. Not for use by two threads at once.

    alphabet  a character for each symbol, in the order of the columns of `read`
    card      what is known of the reader
    runtime   distribution and version, e.g. "ai-edge-litert 2.3.0"
    kernels   name of the kernel set that runs, as in edge.bundle.kernels.TABLE
    verified  whether `verify` found that the golden fragments come out as they were verified
    """

    def __init__(self, prepared: Prepared, card: ReaderCard) -> None:
        """Take over an allocated interpreter.

        ModelRefusedError unless its model takes one int8 fragment, keeps no state and gives an int8 logit for each
        symbol of the card's alphabet.
        """
        source, sink = _borders(prepared, len(card.alphabet))
        self.card, self.alphabet = card, card.alphabet
        self._runtime = prepared.runtime
        self.runtime_name, self.version = prepared.runtime.name, prepared.runtime.version
        self.runtime, self.kernels = f"{self.runtime_name} {self.version}", prepared.kernels
        self.verified = False
        scale, zero_point = sink["quantization"]
        self.output_scale, self.output_zero_point = float(scale), int(zero_point)
        self._input, self._output = int(source["index"]), int(sink["index"])
        interpreter = prepared.interpreter
        self._set, self._invoke, self._get = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor
        self.interpreter = interpreter

    @staticmethod
    def load(
        model: bytes, card: ReaderCard | bytes, kernels: str = DEFAULT, threads: int = 1, runtime_name: str = ""
    ) -> "Reader":
        """Prepare a reader from the bytes of its model and its card.

        kernels, threads, runtime_name: as for `Engine.load`, whose errors are raised here too. ReaderCardError if the
        card cannot be read, ReaderDiffersError if it is another model's.
        """
        known = decode_card(card) if isinstance(card, bytes) else card
        known.require(model)
        return Reader(prepare(model, kernels, threads, runtime_name), known)

    def read(self, fragments: Int8) -> npt.NDArray[np.float64]:
        """Return the log-probabilities float64 [N, S] of the symbols shown by fragments int8 [N, 33, 33, 1].

        They are calibrated by the card's temperature, and the probabilities of a row sum to 1; equal logits give the
        same bits on every machine. EngineError if the interpreter fails.
        """
        steps = self.logits_int8(fragments).T.astype(np.float64) - self.output_zero_point
        scaled = steps * (self.output_scale / self.card.temperature)
        return np.ascontiguousarray((scaled - exact.log_sum_exp(scaled)).T)

    def logits_int8(self, fragments: Int8) -> Int8:
        """Return the logits int8 [N, S], as the graph gives them, of fragments int8 [N, 33, 33, 1].

        EngineError if the interpreter fails, or if the fragments have another type or shape.
        """
        if fragments.dtype != np.int8 or fragments.shape[1:] != _INPUT_SHAPE[1:]:
            raise EngineError(
                f"fragments are int8 [N, {SIDE}, {SIDE}, 1], these are {fragments.dtype} {list(fragments.shape)}"
            )
        logits = np.empty((len(fragments), len(self.alphabet)), np.int8)
        try:
            for row, fragment in enumerate(fragments):
                self._set(self._input, fragment[np.newaxis])
                self._invoke()
                logits[row] = self._get(self._output).reshape(-1)
        except Exception as error:
            raise EngineError(f"the interpreter failed on a fragment: {error}") from error
        return logits

    def verify(self, golden: GoldenVectors) -> None:
        """Check that this reader is what made the golden vectors, and set `verified`.

        Runtime, version and kernels must be the same, and every logit of the golden fragments equal bit for bit.
        OtherRuntimeError, OtherKernelsError or OtherOutputsError for the first of these that differs.
        """
        require_verified(golden.stamp, self._runtime, self.kernels)
        difference = golden.first_difference({LOGITS: self.logits_int8(golden.fragments)})
        if difference is not None:
            raise OtherOutputsError(
                f"the reader: {self.runtime}, kernels {self.kernels}, does not compute here what was verified on "
                f"{golden.stamp.machine}: {difference}; {unverified()}"
            )
        self.verified = True


def find_shipped(alphabet: str) -> tuple[bytes, bytes]:
    """Return model and card of the shipped reader of that alphabet ("digits", "letters").

    ReaderCardError, naming those that there are, if there is none.
    """
    return read_files(SHIPPED / alphabet)


def read_files(folder: str | os.PathLike[str]) -> tuple[bytes, bytes]:
    """Return model and card in a folder. ReaderCardError if one cannot be read."""
    try:
        return read_file(Path(folder) / MODEL), read_file(Path(folder) / CARD)
    except OSError as error:
        there = ", ".join(sorted(path.name for path in SHIPPED.iterdir())) if SHIPPED.is_dir() else "none"
        raise ReaderCardError(
            f"{error.filename}: no reader ({error.strerror}); `inkgate train-reader` makes one, shipped: {there}"
        ) from error


def _borders(prepared: Prepared, symbols: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the details of the one input and of the one output.

    ModelRefusedError unless both are as a reader's, and no operation keeps a state.
    """
    inputs, outputs = borders(prepared.interpreter)
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelRefusedError(f"the reader has {len(inputs)} inputs and {len(outputs)} outputs, not one of each")
    source, sink = inputs[0], outputs[0]
    if source["dtype"] is not np.int8 or tuple(source["shape"]) != _INPUT_SHAPE:
        found = f"{np.dtype(source['dtype'])} {[int(n) for n in source['shape']]}"
        raise ModelRefusedError(f"the reader's input is {found}, not int8 {list(_INPUT_SHAPE)}")
    scale, zero_point = source["quantization"]
    if np.float32(scale) != np.float32(INPUT_SCALE) or zero_point != INPUT_ZERO_POINT:
        raise ModelRefusedError(f"the reader's input scale and zero point are {scale}, {zero_point}, not 1/255, -128")
    shape = tuple(int(n) for n in sink["shape"])
    if sink["dtype"] is not np.int8 or shape != (1, symbols):
        found = f"{np.dtype(sink['dtype'])} {list(shape)}"
        raise ModelRefusedError(f"the reader's output is {found}, not int8 [1, {symbols}], one for each symbol")
    if not np.isfinite(sink["quantization"][0]) or sink["quantization"][0] <= 0:
        raise ModelRefusedError("the reader's output is not quantised")
    stateful = sorted(op for op in prepared.operations if "LSTM" in op or "RNN" in op or "VARIABLE" in op)
    if stateful:
        raise ModelRefusedError(f"the reader keeps a state: it has {', '.join(stateful)}")
    return source, sink
