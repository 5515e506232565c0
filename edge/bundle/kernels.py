"""The name of a kernel set -> what runs it, how to ask for it, and how to tell that it runs.

A kernel set is the arithmetic of an interpreter's kernels. TABLE is the one list of them: what can be asked for, what a
bundle can be pinned to, what `inkgate verify` compares and what messages list follow from it. The rounding rules of a
kernel set are in quantize.arithmetic.kernel_sets, under the same name.
"""

import platform
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NamedTuple

from edge.errors import KernelsRefusedError


class Interpreter(NamedTuple):
    """A TFLite interpreter: the module to import and the distribution that brings it."""

    module: str
    distribution: str


LITERT: Final = Interpreter("ai_edge_litert.interpreter", "ai-edge-litert")
TFLITE_RUNTIME: Final = Interpreter("tflite_runtime.interpreter", "tflite-runtime")
INTERPRETERS: Final = (LITERT, TFLITE_RUNTIME)
"""Every interpreter, in order of preference."""

DELEGATE: Final = "DELEGATE"
"""An interpreter's name for an operation that stands for a delegated part of the graph."""

DEFAULT: Final = "default"
"""The request if no other is made."""


@dataclass(frozen=True)
class Kernels:
    """A kernel set.

    name         as manifests, golden vectors, boards and reports call it
    interpreter  what runs it; None: nothing does yet, the name is reserved
    request      its name for `inkgate run --kernels`; an interpreter has one kernel set of each such name, or one for
                 each processor
    resolver     the interpreter's OpResolverType that selects it
    processor    the only architecture where it runs, as platform.machine() has it; "" if any
    delegate     what computes most of the graph in the interpreter's place; "" if nothing does
    undelegated  the request that silently runs instead where the delegate takes no part of the graph
    flat_only    whether it computes only such fully connected layers rightly as have one row of outputs, [1, n]
    reserved     what the name is reserved for; "" if an interpreter runs it
    oracle       kernel set of equal arithmetic that computes in its place until something runs it; "" if none needs to
    """

    name: str
    interpreter: Interpreter | None = None
    request: str = ""
    resolver: str = ""
    processor: str = ""
    delegate: str = ""
    undelegated: str = ""
    flat_only: bool = False
    reserved: str = ""
    oracle: str = ""

    @property
    def runs_on(self) -> str:
        """Return the name of the kernel set that an interpreter runs for it: its own or its oracle's."""
        return self.oracle or self.name

    @property
    def runs_here(self) -> bool:
        """Return whether this machine's processor is one where it runs."""
        return self.processor in ("", platform.machine())


LITERT_OPTIMISED: Final = "litert-optimised"
"""LiteRT's kernels without a delegate: they run float models too, and let every tensor be read."""

_UNDELEGATED: Final = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
_OPTIMISED: Final = "optimised"

_ALL: Final = (
    Kernels("litert-reference", LITERT, "reference", "BUILTIN_REF"),
    Kernels("litert-xnnpack", LITERT, DEFAULT, "AUTO", delegate="XNNPACK", undelegated=_OPTIMISED),
    Kernels(LITERT_OPTIMISED, LITERT, _OPTIMISED, _UNDELEGATED),
    Kernels("inkgate-c", reserved="the on-board engine", oracle="litert-reference"),
    Kernels("tflite-runtime-reference", TFLITE_RUNTIME, "reference", "BUILTIN_REF", flat_only=True),
    Kernels("tflite-runtime-xnnpack", TFLITE_RUNTIME, DEFAULT, "AUTO", delegate="XNNPACK", undelegated=_OPTIMISED),
    Kernels("tflite-runtime-optimised", TFLITE_RUNTIME, _OPTIMISED, _UNDELEGATED, processor="x86_64"),
    Kernels("tflite-runtime-neon", TFLITE_RUNTIME, _OPTIMISED, _UNDELEGATED, processor="aarch64"),
)

TABLE: Final = {kernels.name: kernels for kernels in _ALL}
"""Every kernel set by name, in the order in which they are reported."""


def requests() -> tuple[str, ...]:
    """Return what can be asked for with `--kernels`."""
    return tuple(sorted({kernels.request for kernels in TABLE.values() if kernels.interpreter is not None}))


def find_requested(distribution: str, request: str) -> Kernels:
    """Return the kernel set of an interpreter that a request means on this processor.

    distribution: the interpreter's. KernelsRefusedError if it has none of that name here; the message lists what there
    is.
    """
    there = [k for k in TABLE.values() if _is_of(k, distribution) and k.runs_here]
    found = next((kernels for kernels in there if kernels.request == request), None)
    if found is None:
        names = ", ".join(sorted(kernels.request for kernels in there))
        raise KernelsRefusedError(f"{distribution} has no kernels named {request!r} here; there are {names}")
    return found


def request_for(name: str) -> str:
    """Return what to ask for to get a kernel set, e.g. "litert-xnnpack" -> "default".

    KernelsRefusedError if no interpreter has kernels of that name.
    """
    found = TABLE.get(name)
    if found is None or found.interpreter is None:
        why = f": the name is reserved for {found.reserved}, which does not exist yet" if found is not None else ""
        raise KernelsRefusedError(f"no interpreter has kernels named {name!r}{why}")
    return found.request


def recognise(asked: Kernels, operations: Collection[str]) -> Kernels:
    """Return the kernel set that really runs where `asked` was asked for.

    operations: those of the prepared graph. Only they tell: a delegate that does not know the processor is left out
    silently. KernelsRefusedError where the delegate is left out and nothing else is known for this processor.
    """
    assert asked.interpreter is not None
    distribution = asked.interpreter.distribution
    if DELEGATE not in operations:
        return find_requested(distribution, asked.undelegated) if asked.delegate else asked
    if asked.delegate:
        return asked
    of_it = (kernels for kernels in TABLE.values() if _is_of(kernels, distribution))
    return next((kernels for kernels in of_it if kernels.undelegated == asked.request), asked)


def _is_of(kernels: Kernels, distribution: str) -> bool:
    return kernels.interpreter is not None and kernels.interpreter.distribution == distribution


def comparable() -> tuple[str, ...]:
    """Return the kernel sets that LiteRT computes, itself or as an oracle, in the order of TABLE."""
    return tuple(name for name, kernels in TABLE.items() if TABLE[kernels.runs_on].interpreter is LITERT)


def runs_on(name: str) -> str:
    """Return the kernel set that an interpreter runs for this one: its oracle, or itself."""
    return TABLE[name].runs_on if name in TABLE else name


def reserved() -> tuple[str, ...]:
    """Return the kernel sets that nothing runs yet, and whose golden vectors an oracle computes."""
    return tuple(name for name in comparable() if runs_on(name) != name)
