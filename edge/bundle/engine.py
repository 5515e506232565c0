"""One int8 fragment -> the logits of the word so far, by whichever TFLite interpreter is installed.

The model takes one fragment at a time and keeps its state in the interpreter's variable tensors, so a word may have any
length, and `reset` forgets it. `Engine.kernels` says what really runs: it is read from the prepared graph, because a
delegate that is asked for is silently left out where the processor is not recognised.
"""

import importlib
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edge.bundle.golden import GoldenVectors, Stamp
from edge.bundle.kernels import DEFAULT, INTERPRETERS, TABLE, TFLITE_RUNTIME, find_requested, recognise, requests
from edge.errors import (
    EngineError,
    KernelsRefusedError,
    ModelRefusedError,
    OtherKernelsError,
    OtherLogitsError,
    OtherRuntimeError,
    RuntimeMissingError,
)
from edge.ink.fragment import INPUT_SCALE, INPUT_ZERO_POINT, SIDE
from firmware_bridge.installing import install_package

_OLD: Final = TFLITE_RUNTIME.distribution

_INPUT_SHAPE: Final = (1, 1, SIDE, SIDE, 1)
_STATE_OP: Final = "UNIDIRECTIONAL_SEQUENCE_LSTM"


class Runtime(NamedTuple):
    """An interpreter that was imported: its module, the distribution's name and version."""

    module: Any
    name: str
    version: str


class Prepared(NamedTuple):
    """An allocated interpreter, what it is, the kernel set that really runs, and its graph's operations."""

    interpreter: Any
    runtime: Runtime
    kernels: str
    operations: tuple[str, ...]


class Engine:
    """A prepared interpreter. Not for use by two threads at once.

    runtime   distribution and version, e.g. "ai-edge-litert 2.3.0"
    kernels   name of the kernel set that runs, as in edge.bundle.kernels.TABLE
    outputs   logits a step, K + 1
    verified  whether `verify` found that the golden words come out as they were verified
    """

    def __init__(self, interpreter: Any, runtime: Runtime, kernels: str) -> None:
        """Take over an allocated interpreter.

        ModelRefusedError unless its model takes one int8 fragment and gives int8 logits.
        """
        source, sink = _borders(interpreter)
        scale, zero_point = sink["quantization"]
        self.runtime = f"{runtime.name} {runtime.version}"
        self.runtime_name, self.version, self.kernels = runtime.name, runtime.version, kernels
        self.verified = False
        self.outputs = int(sink["shape"][-1])
        self.output_scale, self.output_zero_point = float(scale), int(zero_point)
        # Real values by unsigned code: int8 output viewed as uint8 indexes them, so dequantising is one look-up.
        codes = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float64)
        self._real = (codes - self.output_zero_point) * self.output_scale
        self._input, self._output = int(source["index"]), int(sink["index"])
        self._set, self._invoke, self._get = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor
        self._clear = interpreter.reset_all_variables
        self.interpreter = interpreter

    @staticmethod
    def load(
        model: str | os.PathLike[str] | bytes, kernels: str = DEFAULT, threads: int = 1, runtime_name: str = ""
    ) -> "Engine":
        """Prepare a model from a path or from its bytes.

        kernels: one of `requests()`. runtime_name: the distribution to take where both are installed.

        RuntimeMissingError if there is no interpreter, KernelsRefusedError if the interpreter has no such kernels or
        they are known to be wrong, ModelRefusedError if the model cannot be read or is not a stateful one-fragment int8
        model.
        """
        prepared = prepare(model, kernels, threads, runtime_name)
        if _STATE_OP not in prepared.operations:
            raise ModelRefusedError(f"the model keeps no state: it has no {_STATE_OP}; make it with `inkgate quantize`")
        return Engine(prepared.interpreter, prepared.runtime, prepared.kernels)

    def reset(self) -> None:
        """Forget the word so far: every variable tensor becomes zero. EngineError if the interpreter fails."""
        try:
            self._clear()
        except Exception as error:
            raise EngineError(f"the interpreter cannot be reset: {error}") from error

    def step(self, fragment: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        """Return the logits float64 [K+1] after the word's next fragment, int8 [33, 33, 1].

        EngineError if anything fails; the state is then unknown until `reset`.
        """
        real: npt.NDArray[np.float64] = self._real[self.step_int8(fragment).view(np.uint8)]
        return real

    def step_int8(self, fragment: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """Return the logits int8 [K+1], as the graph gives them, after the word's next fragment.

        fragment: int8 [33, 33, 1]. EngineError if anything fails; the state is then unknown until `reset`.
        """
        try:
            self._set(self._input, fragment.reshape(_INPUT_SHAPE))
            self._invoke()
            logits: npt.NDArray[np.int8] = self._get(self._output).reshape(self.outputs)
        except Exception as error:
            # Whatever the interpreter throws, the state behind it is unknown: the caller must reset.
            raise EngineError(f"the interpreter failed on a fragment: {error}") from error
        return logits

    def verify(self, golden: GoldenVectors) -> None:
        """Check that this engine is what made the golden vectors, and set `verified`.

        Runtime, version and kernels must be the same, and every logit of the golden words equal bit for bit. The state
        is cleared afterwards. OtherRuntimeError, OtherKernelsError or OtherLogitsError for the first of these that
        differs.
        """
        here, stamp = self.runtime, golden.stamp
        require_verified(stamp, Runtime(None, self.runtime_name, self.version), self.kernels)
        difference = golden.first_difference(self._run_golden(golden))
        if difference is not None:
            raise OtherLogitsError(
                f"{here}, kernels {self.kernels}, does not compute here what was verified on {stamp.machine}: "
                f"{difference}; `inkgate verify` says in which operation; {unverified()}"
            )
        self.verified = True

    def _run_golden(self, golden: GoldenVectors) -> npt.NDArray[np.int8]:
        logits = []
        for word in golden.words():
            self.reset()
            logits += [self.step_int8(fragment) for fragment in word]
        self.reset()
        return np.stack(logits)

    def run_words(self, words: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        """Return the logits float64 [W, T, K+1] of words int8 [W, T, 33, 33, 1], each from a cleared state."""
        logits = np.empty((*words.shape[:2], self.outputs), np.float64)
        for w, word in enumerate(words):
            self.reset()
            for t, fragment in enumerate(word):
                logits[w, t] = self.step(fragment)
        return logits


def prepare(model: str | os.PathLike[str] | bytes, kernels: str, threads: int, runtime_name: str) -> Prepared:
    """Prepare an interpreter for a model from a path or from its bytes, as `Engine.load` describes.

    RuntimeMissingError, KernelsRefusedError, or ModelRefusedError if the model cannot be read or prepared.
    """
    runtime = find_runtime(runtime_name)
    asked = find_requested(runtime.name, kernels)
    content = model if isinstance(model, bytes) else _read(Path(model))
    if content[4:8] != b"TFL3":
        raise ModelRefusedError("the model is not a TFLite file")
    try:
        resolver = getattr(runtime.module.OpResolverType, asked.resolver)
        interpreter = runtime.module.Interpreter(
            model_content=content, experimental_op_resolver_type=resolver, num_threads=threads
        )
        interpreter.allocate_tensors()
        operations = tuple(str(op["op_name"]) for op in interpreter._get_ops_details())
    except AttributeError as error:
        raise KernelsRefusedError(f"{runtime.name} {runtime.version} has no {kernels} kernels: {error}") from error
    except (ValueError, RuntimeError) as error:
        raise ModelRefusedError(f"{runtime.name} cannot prepare the model: {error}") from error
    return Prepared(interpreter, runtime, recognise(asked, operations).name, operations)


def require_verified(stamp: Stamp, runtime: Runtime, kernels: str) -> None:
    """Refuse a runtime or kernels other than those that made golden vectors.

    OtherRuntimeError or OtherKernelsError.
    """
    made, here = f"{stamp.runtime} {stamp.version}", f"{runtime.name} {runtime.version}"
    if made != here:
        anew = (
            f"nothing verifies {_OLD}, for `inkgate quantize` runs on LiteRT alone"
            if runtime.name == _OLD
            else f"`inkgate quantize` where {here} is installed verifies that"
        )
        install = install_package(f"{stamp.runtime}=={stamp.version}")
        raise OtherRuntimeError(
            f"it was verified on {made}, here is {here}; {install} brings the verified one, {anew}; {unverified()}"
        )
    if kernels != stamp.kernels:
        verified = TABLE.get(stamp.kernels)
        off = _OFF.format(verified.delegate) if verified and verified.undelegated == kernels else ""
        raise OtherKernelsError(
            f"it was verified on kernels {stamp.kernels}, this machine runs {kernels}{off}; `inkgate verify` "
            f"says how far they differ; {unverified()}"
        )


_OFF: Final = " ({} is off, as where LiteRT cannot read /proc/cpuinfo and /sys/devices/system/cpu)"


def unverified() -> str:
    """Return how to run what was not verified, in words."""
    return f"`inkgate run --kernels {'|'.join(requests())}` runs it unverified"


def find_runtime(name: str = "") -> Runtime:
    """Return the interpreter of that name if it is installed, else LiteRT, else tflite-runtime.

    RuntimeMissingError if neither can be used.
    """
    failures = []
    for module_name, distribution in sorted(INTERPRETERS, key=lambda interpreter: interpreter.distribution != name):
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            failures.append(f"{distribution}: {error}")
            continue
        if distribution == _OLD and int(np.__version__.partition(".")[0]) > 1:
            # With numpy 2 it can be imported, but fails at the first model.
            needed = install_package("numpy<2")
            failures.append(f"{distribution} is built for numpy 1, here is {np.__version__}: {needed}")
            continue
        return Runtime(module, distribution, _version(distribution, module))
    python = ".".join(map(str, sys.version_info[:2]))
    old = f"; {_OLD} exists up to Python 3.11, here is {python}" if sys.version_info >= (3, 12) else ""
    raise RuntimeMissingError(
        f"no TFLite interpreter ({'; '.join(failures)}); {install_package('ai-edge-litert')} gives one{old}"
    )


def _version(distribution: str, module: Any) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return str(getattr(module, "__version__", "unknown"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelRefusedError(f"{path}: the model cannot be read: {error.strerror}") from error


def _borders(interpreter: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the details of the one input and of the one output.

    ModelRefusedError unless both are as the engine needs them.
    """
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelRefusedError(f"the model has {len(inputs)} inputs and {len(outputs)} outputs, not one of each")
    source, sink = inputs[0], outputs[0]
    if source["dtype"] is not np.int8 or tuple(source["shape"]) != _INPUT_SHAPE:
        found = f"{np.dtype(source['dtype'])} {list(source['shape'])}"
        raise ModelRefusedError(f"the model's input is {found}, not int8 {list(_INPUT_SHAPE)}")
    scale, zero_point = source["quantization"]
    if np.float32(scale) != np.float32(INPUT_SCALE) or zero_point != INPUT_ZERO_POINT:
        raise ModelRefusedError(f"the input's scale and zero point are {scale}, {zero_point}, not 1/255, -128")
    shape = tuple(int(n) for n in sink["shape"])
    if sink["dtype"] is not np.int8 or shape[-1] < 2 or shape[:-1] not in ((1,), (1, 1)):
        raise ModelRefusedError(f"the model's output is {np.dtype(sink['dtype'])} {list(shape)}, not int8 [1, 1, K+1]")
    if not np.isfinite(sink["quantization"][0]) or sink["quantization"][0] <= 0:
        raise ModelRefusedError("the model's output is not quantised")
    return source, sink
