"""Words -> int8 outputs and every tensor on the way, by the interpreter of a named kernel set."""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from edge.bundle.engine import Engine, find_runtime, without_infos
from edge.bundle.golden import LOGITS
from edge.bundle.kernels import DELEGATE, LITERT, TABLE, TFLITE_RUNTIME, Kernels, comparable, runs_on
from edge.bundle.manifest import PinnedExecutor
from edge.errors import RuntimeMissingError
from quantize.errors import DependencyError, KernelSetError, ModelFileError
from quantize.interpreter.exposed import expose
from quantize.model.graph import Array, load_graph
from quantize.model.trace import LSTM, LSTM_TEMPORARIES, Point, Trace, points
from quantize.model.words import Words

Int8 = npt.NDArray[np.int8]
Result = TypeVar("Result")


class Executor(Protocol):
    """Something that computes a model as the edge does.

    name: the kernels that really run. version: the package and version that they come from.
    """

    name: str
    version: str

    def outputs(self, words: Words) -> dict[str, Int8]:
        """Return the model's outputs int8 [N, n] by name, each word from a cleared state if there is any."""


class EngineExecutor:
    """The edge's own engine as an executor, so that what is measured is what decides.

    name, version: the kernels and the runtime that really run.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name, self.version = engine.kernels, engine.runtime

    @staticmethod
    def load(model: bytes, kernels: str) -> "EngineExecutor":
        """Return the engine with the kernels of that name.

        KernelSetError for an unknown name or if this machine runs other kernels (XNNPACK absent).
        """
        wanted = wanted_kernels(kernels)
        executor = EngineExecutor(Engine.load(model, wanted.request, runtime_name=_distribution(wanted)))
        if executor.name != wanted.name:
            raise KernelSetError(f"{kernels} was asked for and this machine runs {executor.name}")
        return executor

    def outputs(self, words: Words) -> dict[str, Int8]:
        """Return the model's outputs int8 [N, n] by name, the state cleared at the start of every word."""
        return self._engine.run_int8(np.split(words.fragments, words.starts[1:]))

    def logits(self, words: Words) -> Int8:
        """Return int8 logits [N, K+1], the state cleared at the start of every word."""
        return self.outputs(words)[LOGITS]


LoadExecutor: TypeAlias = Callable[[bytes, str], Executor]
"""(model, name of a kernel set) -> an executor. KernelSetError if this machine does not run these kernels."""


class Tracer:
    """An interpreter with the kernels of a given name, for reading every tensor that can be read.

    Without a delegate the interpreter keeps all tensors, LiteRT also the LSTM's temporaries; tflite-runtime crashes
    where these are asked for. A delegate keeps none: the model's exposed twin is run, and the temporaries are not read.
    `readable` says which is the case. Keeping and exposing tensors could both change results; comparing an
    EngineExecutor's logits shows that they do not.
    """

    def __init__(self, model: bytes, kernels: str) -> None:
        """Prepare the interpreter.

        KernelSetError for an unknown name or if this machine runs other kernels (XNNPACK absent).
        """
        wanted = wanted_kernels(kernels)
        delegated = bool(wanted.delegate)
        self.graph = load_graph(model)
        temporaries = not delegated and wanted.interpreter is LITERT
        self.points = tuple(p for p in points(self.graph) if temporaries or p.tensor is not None)
        self.name = kernels
        runtime = find_runtime(_distribution(wanted))
        self.version = f"{runtime.name} {runtime.version}"
        self.readable = _describe_readable(delegated, any(op.kind == LSTM for op in self.graph.ops), temporaries)
        self._interpreter = interpreter(expose(model) if delegated else model, wanted.name, preserve=not delegated)
        if delegated and not any(op["op_name"] == DELEGATE for op in self._interpreter._get_ops_details()):
            raise KernelSetError(
                f"{kernels} was asked for and this machine's {wanted.delegate} does not take the model"
            )
        self._where = [self._index(point) for point in self.points]

    def trace(self, words: Words) -> Trace:
        """Return Point.key -> values [N, ...] of every point that can be read.

        The state is cleared at the start of every word.
        """
        interpreter, shape, source = self._interpreter, self.graph.input.shape, self.graph.input.index

        def step(fragment: npt.NDArray[np.int8]) -> list[Array]:
            interpreter.set_tensor(source, fragment.reshape(shape))
            interpreter.invoke()
            return [interpreter.get_tensor(tensor) for tensor in self._where]

        rows = run(words, interpreter.reset_all_variables, step)
        return {
            point.key: np.stack([row[column] for row in rows]).reshape(len(rows), *point.shape)
            for column, point in enumerate(self.points)
        }

    def constant(self, tensor: int) -> Array:
        """Return a stored tensor as the interpreter reads it."""
        values: Array = self._interpreter.get_tensor(tensor)
        return values

    def scales(self) -> dict[int, tuple[Array, Array]]:
        """Return tensor index -> (scales, zero points) as the interpreter reads the graph's own tensors."""
        details = {
            detail["index"]: detail["quantization_parameters"] for detail in self._interpreter.get_tensor_details()
        }
        return {i: (q["scales"], q["zero_points"]) for i, q in details.items() if i < len(self.graph.tensors)}

    def _index(self, point: Point) -> int:
        """Return the index of a point's tensor in the interpreter.

        The LSTM's temporaries follow the graph's own tensors, in the order in which its kernel asks for them.
        """
        if point.tensor is not None:
            return point.tensor
        return len(self.graph.tensors) + LSTM_TEMPORARIES.index(point.role)


def _describe_readable(delegated: bool, recurrent: bool, temporaries: bool) -> str:
    twin = ", as outputs of the exposed twin" if delegated else ""
    if not recurrent:
        return f"every tensor{twin}"
    return f"every tensor and state{twin}{', and' if temporaries else '; not'} the LSTM's temporaries"


def run(words: Words, reset: Callable[[], object], step: Callable[[npt.NDArray[np.int8]], Result]) -> list[Result]:
    """Call `step` for every fragment in order and `reset` before each word; return the steps' results."""
    first = set(words.starts.tolist())
    results = []
    for position, fragment in enumerate(words.fragments):
        if position in first:
            reset()
        results.append(step(fragment))
    return results


def interpreter(model: bytes, kernels: str, *, preserve: bool = False) -> Any:
    """Prepare the interpreter that has these kernels, by itself: one thread, tensors allocated.

    preserve: keep intermediate tensors readable. KernelSetError if it has no such kernels or is not the one here,
    ModelFileError if it cannot load the model, DependencyError if no interpreter is installed.
    """
    wanted = wanted_kernels(kernels)
    try:
        runtime = find_runtime(_distribution(wanted))
    except RuntimeMissingError as error:
        raise DependencyError(str(error)) from error
    try:
        with without_infos():
            made = runtime.module.Interpreter(
                model_content=model,
                num_threads=1,
                experimental_op_resolver_type=getattr(runtime.module.OpResolverType, wanted.resolver),
                experimental_preserve_all_tensors=preserve,
            )
            made.allocate_tensors()
    except AttributeError as error:
        raise KernelSetError(f"this {runtime.name} has no kernels {wanted.name}: {error}") from error
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"{runtime.name} cannot load the model: {error}") from error
    return made


def wanted_kernels(kernels: str) -> Kernels:
    """Return the kernels that compute a kernel set in the interpreter here.

    KernelSetError, listing the known names, if there are none.
    """
    known = runnable()
    if kernels not in known:
        raise KernelSetError(f"no interpreter here has kernels named {kernels!r}; known: {', '.join(known)}")
    return TABLE[runs_on(kernels)]


def runnable() -> tuple[str, ...]:
    """Return the kernel sets of known arithmetic that the interpreter here computes.

    It computes them itself or as an oracle. They are in the order of the table; without an interpreter, LiteRT's.
    """
    try:
        there = find_runtime().name
    except RuntimeMissingError:
        there = LITERT.distribution
    if there == LITERT.distribution:
        return comparable()
    # Its delegate was never seen to take one of these networks, so what that computes is not known.
    own = (k for k in TABLE.values() if k.interpreter is TFLITE_RUNTIME and not k.delegate)
    return tuple(kernels.name for kernels in own if kernels.runs_here)


def deployed_here(pinned: PinnedExecutor, model: bytes) -> PinnedExecutor:
    """Return what a bundle runs on here: its pin, or the default of the interpreter in its place.

    pinned: the bundle's. Errors of `Engine.load` if that interpreter does not take the model.
    """
    try:
        runtime = find_runtime(pinned.runtime)
    except RuntimeMissingError:
        return pinned
    if runtime.name == pinned.runtime:
        return pinned
    return PinnedExecutor(runtime.name, runtime.version, Engine.load(model).kernels)


def _distribution(kernels: Kernels) -> str:
    assert kernels.interpreter is not None
    return kernels.interpreter.distribution
