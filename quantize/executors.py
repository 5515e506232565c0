"""Words -> int8 logits, by whichever interpreter and kernel set the name says; reference kernels show every tensor."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from quantize.errors import DependencyError, KernelSetError, ModelFileError
from quantize.graph import Array, load_graph
from quantize.reference import Reference as Reference
from quantize.trace import LSTM_TEMPORARIES, Point, Trace, points
from quantize.words import Words


class Executor(Protocol):
    """What computes the model. name says which interpreter and kernels really run."""

    name: str

    def logits(self, words: Words) -> npt.NDArray[np.int8]:
        """Words -> int8 [N, outputs], the state cleared at the start of every word."""


class TracingExecutor(Executor, Protocol):
    """An executor that shows what it computed on the way."""

    def trace(self, words: Words) -> Trace:
        """Words -> Point.key -> values [N, ...] after each fragment."""


RESOLVERS = {
    "litert-reference": "BUILTIN_REF",
    "litert-optimised": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "litert-xnnpack": "AUTO",
}
"""Kernel set -> LiteRT's OpResolverType that selects it."""


class LiteRt:
    """LiteRT's interpreter with a named kernel set on one thread, one fragment at a time.

    KernelSetError for an unknown name, or if the interpreter does not run what was asked for (XNNPACK absent).
    """

    def __init__(self, model: bytes, kernels: str, *, preserve: bool = False) -> None:
        self._interpreter = interpreter(model, kernels, preserve=preserve)
        self.name, self.version = kernels, f"ai-edge-litert {version('ai-edge-litert')}"
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]["index"]
        if ("DELEGATE" in self.operations()) != (kernels == "litert-xnnpack"):
            raise KernelSetError(f"LiteRT was asked for {kernels} and runs {', '.join(self.operations())}")

    def operations(self) -> list[str]:
        """Names of what the interpreter will really run, in order; DELEGATE stands for everything given to XNNPACK."""
        return [op["op_name"] for op in self._interpreter._get_ops_details()]

    def logits(self, words: Words) -> npt.NDArray[np.int8]:
        """Words -> int8 [N, outputs]."""
        rows = self._run(words, lambda: self._interpreter.get_tensor(self._output).ravel())
        return np.stack(rows)

    def _run(self, words: Words, read: Callable[[], Any]) -> list[Any]:
        """`read()` after every fragment."""
        interpreter, index = self._interpreter, self._input["index"]
        fragments = words.fragments.reshape(len(words.fragments), *self._input["shape"])
        first = set(words.starts.tolist())
        rows = []
        for position, fragment in enumerate(fragments):
            if position in first:
                interpreter.reset_all_variables()
            interpreter.set_tensor(index, fragment)
            interpreter.invoke()
            rows.append(read())
        return rows


class TracingLiteRt(LiteRt):
    """LiteRT's reference kernels with every tensor kept: intermediate, constant, state and LSTM temporary.

    Keeping the tensors is itself a switch that could change results; `logits` of a plain LiteRt is the check.
    """

    def __init__(self, model: bytes) -> None:
        super().__init__(model, "litert-reference", preserve=True)
        self.graph = load_graph(model)
        self.points = points(self.graph)
        self._where = {point.key: self._index(point) for point in self.points}

    def trace(self, words: Words) -> Trace:
        """Everything: Point.key -> values [N, ...]."""
        get = self._interpreter.get_tensor
        where = list(self._where.values())
        rows = self._run(words, lambda: [get(index) for index in where])
        return {
            point.key: np.stack([row[column] for row in rows]).reshape(len(rows), *point.shape)
            for column, point in enumerate(self.points)
        }

    def constant(self, tensor: int) -> Array:
        """A stored tensor as the interpreter reads it."""
        values: Array = self._interpreter.get_tensor(tensor)
        return values

    def _index(self, point: Point) -> int:
        """The LSTM's temporaries follow the graph's own tensors, in the order in which its kernel asks for them."""
        if point.tensor is not None:
            return point.tensor
        return len(self.graph.tensors) + LSTM_TEMPORARIES.index(point.role)


def interpreter(model: bytes, kernels: str, *, preserve: bool = False) -> Any:
    """LiteRT's own interpreter object, one thread, tensors allocated; `preserve` keeps intermediate tensors readable."""
    if kernels not in RESOLVERS:
        raise KernelSetError(f"LiteRT has no kernels named {kernels!r}; it has {', '.join(RESOLVERS)}")
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError as error:
        raise DependencyError("LiteRT is not installed: pip install ai-edge-litert") from error
    try:
        made = Interpreter(
            model_content=model,
            num_threads=1,
            experimental_op_resolver_type=getattr(OpResolverType, RESOLVERS[kernels]),
            experimental_preserve_all_tensors=preserve,
        )
        made.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelFileError(f"LiteRT cannot load the model: {error}") from error
    return made
