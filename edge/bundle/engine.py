"""One int8 fragment -> its features and the word's logits so far, by the TFLite interpreter here.

The model takes one fragment at a time and keeps its state in the interpreter's variable tensors, so a word may have any
length, and `reset` forgets it. A model without users has features only, and no state. `Engine.kernels` says what really
runs: it is read from the prepared graph, because a delegate that is asked for is silently left out where the processor
is not recognised.
"""

import importlib
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edge.bundle.golden import FEATURES, LOGITS, GoldenVectors, Stamp
from edge.bundle.kernels import DEFAULT, INTERPRETERS, TABLE, TFLITE_RUNTIME, find_requested, recognise, requests
from edge.errors import (
    EngineError,
    KernelsRefusedError,
    ModelRefusedError,
    OtherKernelsError,
    OtherOutputsError,
    OtherRuntimeError,
    RuntimeMissingError,
)
from edge.ink.fragment import INPUT_SCALE, INPUT_ZERO_POINT, SIDE
from firmware_bridge.files import read_file
from firmware_bridge.installing import install_package

_OLD: Final = TFLITE_RUNTIME.distribution

_INPUT_SHAPE: Final = (1, 1, SIDE, SIDE, 1)
_STATE_OP: Final = "UNIDIRECTIONAL_SEQUENCE_LSTM"

FEATURE_SCALE: Final = 2.0**-7
"""The real value of one step of a feature, which is a tanh; its zero point is 0."""

Int8 = npt.NDArray[np.int8]
Logits = npt.NDArray[np.float64]


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


class Step(NamedTuple):
    """What the network gives for fragments: those of the leading axes, or one.

    logits    float64 [..., K+1], after this fragment of the word; no columns if the model has features only
    features  int8 [..., F], of the fragment by itself
    """

    logits: Logits
    features: Int8


class Codes(NamedTuple):
    """A step as the graph gives it: logits int8 [K+1] or [0], features int8 [F]."""

    logits: Int8
    features: Int8


class Engine:
    """A prepared interpreter. Not for use by two threads at once.

    runtime   distribution and version, e.g. "ai-edge-litert 2.3.0"
    kernels   name of the kernel set that runs, as in edge.bundle.kernels.TABLE
    outputs   logits a step, K + 1; 0 if the model has features only
    width     features a step, F
    verified  whether `verify` found that the golden words come out as they were verified
    """

    def __init__(self, interpreter: Any, runtime: Runtime, kernels: str) -> None:
        """Take over an allocated interpreter.

        ModelRefusedError unless its model takes one int8 fragment and gives int8 features and, if it keeps a state,
        int8 logits before them.
        """
        source, sinks = _borders(interpreter)
        logits, features = sinks.get(LOGITS), sinks[FEATURES]
        scale, zero_point = logits["quantization"] if logits else (FEATURE_SCALE, 0)
        self.runtime = f"{runtime.name} {runtime.version}"
        self.runtime_name, self.version, self.kernels = runtime.name, runtime.version, kernels
        self.verified = False
        self.outputs = int(logits["shape"][-1]) if logits else 0
        self.width = int(features["shape"][-1])
        self.output_scale, self.output_zero_point = float(scale), int(zero_point)
        # Real values by unsigned code: int8 logits viewed as uint8 index them, so dequantising is one look-up.
        codes = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float64)
        self._real = (codes - self.output_zero_point) * self.output_scale
        self._input, self._features = int(source["index"]), int(features["index"])
        self._logits = int(logits["index"]) if logits else None
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
        they are known to be wrong, ModelRefusedError if the model cannot be read or is not a one-fragment int8 model of
        features, with or without a state and logits.
        """
        prepared = prepare(model, kernels, threads, runtime_name)
        engine = Engine(prepared.interpreter, prepared.runtime, prepared.kernels)
        if (_STATE_OP in prepared.operations) != (engine.outputs > 0):
            raise ModelRefusedError(
                f"the model has logits without a state, or a state ({_STATE_OP}) without logits; "
                "make it with `inkgate quantize`"
            )
        return engine

    def reset(self) -> None:
        """Forget the word so far: every variable tensor becomes zero. EngineError if the interpreter fails."""
        try:
            self._clear()
        except Exception as error:
            raise EngineError(f"the interpreter cannot be reset: {error}") from error

    def step(self, fragment: Int8) -> Step:
        """Return the logits and the features after the word's next fragment, int8 [33, 33, 1].

        EngineError if anything fails; the state is then unknown until `reset`.
        """
        codes = self.step_int8(fragment)
        return Step(self._real[codes.logits.view(np.uint8)] if self.outputs else _NO_LOGITS, codes.features)

    def step_int8(self, fragment: Int8) -> Codes:
        """Return the outputs, as the graph gives them, after the word's next fragment.

        fragment: int8 [33, 33, 1]. EngineError if anything fails; the state is then unknown until `reset`.
        """
        try:
            self._set(self._input, fragment.reshape(_INPUT_SHAPE))
            self._invoke()
            logits = _NONE if self._logits is None else self._get(self._logits).reshape(self.outputs)
            return Codes(logits, self._get(self._features).reshape(self.width))
        except Exception as error:
            # Whatever the interpreter throws, the state behind it is unknown: the caller must reset.
            raise EngineError(f"the interpreter failed on a fragment: {error}") from error

    def features(self, fragments: Int8) -> Int8:
        """Return the features int8 [N, F] of fragments int8 [N, 33, 33, 1], whatever words they belong to.

        A word that is under way is forgotten. EngineError if anything fails.
        """
        features = np.empty((len(fragments), self.width), np.int8)
        self.reset()
        for n, fragment in enumerate(fragments):
            features[n] = self.step_int8(fragment).features
        self.reset()
        return features

    def verify(self, golden: GoldenVectors) -> None:
        """Check that this engine is what made the golden vectors, and set `verified`.

        Runtime, version and kernels must be the same, and every output of the golden words equal bit for bit. The state
        is cleared afterwards. OtherRuntimeError, OtherKernelsError or OtherOutputsError for the first of these that
        differs.
        """
        here, stamp = self.runtime, golden.stamp
        require_verified(stamp, Runtime(None, self.runtime_name, self.version), self.kernels)
        difference = golden.first_difference(self.run_int8(golden.words()))
        if difference is not None:
            raise OtherOutputsError(
                f"{here}, kernels {self.kernels}, does not compute here what was verified on {stamp.machine}: "
                f"{difference}; `inkgate verify` says in which operation; {unverified()}"
            )
        self.verified = True

    def run_words(self, words: Int8) -> Step:
        """Return logits float64 [W, T, K+1] and features int8 [W, T, F] of words int8 [W, T, 33, 33, 1].

        Each word starts from a cleared state.
        """
        shape = words.shape[:2]
        found = Step(np.empty((*shape, self.outputs)), np.empty((*shape, self.width), np.int8))
        for w, word in enumerate(words):
            self.reset()
            for t, fragment in enumerate(word):
                found.logits[w, t], found.features[w, t] = self.step(fragment)
        return found

    def run_int8(self, words: Iterable[Int8]) -> dict[str, Int8]:
        """Return each output, by name, as the graph gives it: int8 [N, n] for the words' N fragments.

        words: int8 [T, 33, 33, 1] each, at least one. Each starts from a cleared state, and so does what follows.
        """
        codes = []
        for word in words:
            self.reset()
            codes += [self.step_int8(fragment) for fragment in word]
        self.reset()
        outputs = {FEATURES: np.stack([code.features for code in codes])}
        return outputs | ({LOGITS: np.stack([code.logits for code in codes])} if self.outputs else {})


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
        with without_infos():
            interpreter = runtime.module.Interpreter(
                model_content=content, experimental_op_resolver_type=resolver, num_threads=threads
            )
            interpreter.allocate_tensors()
        details = interpreter._get_ops_details()
        operations = tuple(str(op["op_name"]) for op in details)
    except AttributeError as error:
        raise KernelsRefusedError(f"{runtime.name} {runtime.version} has no {kernels} kernels: {error}") from error
    except (ValueError, RuntimeError, TypeError) as error:
        raise ModelRefusedError(f"{runtime.name} cannot prepare the model: {error}") from error
    if asked.flat_only and _has_deep_rows(interpreter, details):
        raise KernelsRefusedError(
            f"the {kernels} kernels of {runtime.name} give wrong results for this network: they take a fully connected "
            f"layer's second axis for its outputs, and here it is the third; --kernels {DEFAULT} are right"
        )
    return Prepared(interpreter, runtime, recognise(asked, operations).name, operations)


def _has_deep_rows(interpreter: Any, details: list[dict[str, Any]]) -> bool:
    """Return whether a fully connected layer's output has more axes than [1, n].

    Source: FullyConnectedPerChannel, kernels/internal/reference/integer_ops/fully_connected.h of TensorFlow 2.14.
    """
    outputs = {int(op["outputs"][0]) for op in details if op["op_name"] == "FULLY_CONNECTED"}
    return any(tensor["index"] in outputs and len(tensor["shape"]) > 2 for tensor in interpreter.get_tensor_details())


def require_verified(stamp: Stamp, runtime: Runtime, kernels: str) -> None:
    """Refuse a runtime or kernels other than those that made golden vectors.

    OtherRuntimeError or OtherKernelsError.
    """
    made, here = f"{stamp.runtime} {stamp.version}", f"{runtime.name} {runtime.version}"
    if made != here:
        anew = f"`inkgate verify BUNDLE --pin` where {here} is installed verifies that"
        install = install_package(f"{stamp.runtime}=={stamp.version}")
        raise OtherRuntimeError(
            f"it was verified on {made}, here is {here}; {install} brings the verified one, {anew}; {unverified()}"
        )
    if kernels != stamp.kernels:
        verified = TABLE.get(stamp.kernels)
        here_is = TABLE.get(kernels)
        off = _OFF.format(verified.delegate) if verified and here_is and verified.undelegated == here_is.request else ""
        raise OtherKernelsError(
            f"it was verified on kernels {stamp.kernels}, this machine runs {kernels}{off}; `inkgate verify` "
            f"says how far they differ; {unverified()}"
        )


@contextmanager
def without_infos() -> Iterator[None]:
    """Keep what the interpreter's C++ calls INFO off stderr, where bars and words are drawn.

    All else is passed on. Where there is no stderr, nothing is done.
    """
    try:
        stderr = os.dup(_STDERR)
    except OSError:
        yield
        return
    with os.fdopen(os.memfd_create("inkgate"), "rb") as kept, os.fdopen(stderr, "wb", buffering=0) as told:
        os.dup2(kept.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(told.fileno(), _STDERR)
            kept.seek(0)
            with suppress(OSError):  # nobody can be told
                told.writelines(line for line in kept if not line.startswith(b"INFO: "))


_STDERR: Final = 2
_NONE: Final = np.empty(0, np.int8)
_NO_LOGITS: Final = np.empty(0, np.float64)
_OFF: Final = " ({} is off, as where LiteRT cannot read /proc/cpuinfo and /sys/devices/system/cpu)"


def unverified() -> str:
    """Return how to run what was not verified, in words."""
    return f"`inkgate run --kernels {'|'.join(requests())}` runs it unverified"


def find_runtime(name: str = "") -> Runtime:
    """Return the interpreter of that name if it is installed, else LiteRT, else tflite-runtime.

    RuntimeMissingError if neither can be used, and at once on a 32-bit system: no kernels are proved there.
    """
    if sys.maxsize < 2**32:
        raise RuntimeMissingError(
            f"this is a 32-bit system ({platform.machine()}): the interpreters of TFLite are proved for 64 bit only; "
            "write Raspberry Pi OS (64-bit) to the card, or install Debian for arm64"
        )
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
        return read_file(path)
    except OSError as error:
        raise ModelRefusedError(f"{path}: the model cannot be read: {error.strerror}") from error


def borders(interpreter: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what an interpreter says of its inputs and outputs. ModelRefusedError if it says nothing."""
    try:
        return list(interpreter.get_input_details()), list(interpreter.get_output_details())
    except (ValueError, RuntimeError, TypeError) as error:
        raise ModelRefusedError(f"the interpreter does not tell the model's inputs and outputs: {error}") from error


def _borders(interpreter: Any) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the details of the one input, and of the outputs by name: logits, if any, and features.

    ModelRefusedError unless all are as the engine needs them.
    """
    inputs, outputs = borders(interpreter)
    if len(inputs) != 1 or len(outputs) not in (1, 2):
        raise ModelRefusedError(f"the model has {len(inputs)} inputs and {len(outputs)} outputs, not one and two")
    source, sinks = inputs[0], dict(zip((LOGITS, FEATURES)[-len(outputs) :], outputs, strict=True))
    if source["dtype"] is not np.int8 or tuple(source["shape"]) != _INPUT_SHAPE:
        found = f"{np.dtype(source['dtype'])} {list(source['shape'])}"
        raise ModelRefusedError(f"the model's input is {found}, not int8 {list(_INPUT_SHAPE)}")
    scale, zero_point = source["quantization"]
    if np.float32(scale) != np.float32(INPUT_SCALE) or zero_point != INPUT_ZERO_POINT:
        raise ModelRefusedError(f"the input's scale and zero point are {scale}, {zero_point}, not 1/255, -128")
    for name, sink in sinks.items():
        *ones, size = (int(n) for n in sink["shape"])
        if sink["dtype"] is not np.int8 or ones not in ([1], [1, 1]) or size < (2 if name == LOGITS else 1):
            found = f"{np.dtype(sink['dtype'])} {[*ones, size]}"
            raise ModelRefusedError(f"the model's {name} are {found}, not one row of int8")
        if not np.isfinite(sink["quantization"][0]) or sink["quantization"][0] <= 0:
            raise ModelRefusedError(f"the model's {name} are not quantised")
    scale, zero_point = sinks[FEATURES]["quantization"]
    if (scale, zero_point) != (FEATURE_SCALE, 0):
        raise ModelRefusedError(
            f"the model's last output has scale {scale} and zero point {zero_point}: those of features are 1/128 and "
            "0; make it anew with `inkgate quantize`"
        )
    return source, sinks
