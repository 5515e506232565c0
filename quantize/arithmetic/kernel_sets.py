"""A kernel set's name and a processor's architecture -> the rounding rules of its operations."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from edge.bundle.kernels import LITERT, TABLE, comparable, runs_on
from quantize.arithmetic import fixedpoint as fp
from quantize.arithmetic.fixedpoint import Int
from quantize.arithmetic.rules import (
    BLOCKS,
    DOUBLE,
    DOUBLE_UP,
    FLOAT32,
    FLOAT64,
    Q8,
    SINGLE,
    TANH_AWAY,
    TANH_EVEN,
    ByMultiplier,
    Product,
    Rule,
)
from quantize.errors import KernelSetError
from quantize.machine import this_machine

RuleOf = Callable[[Product], Rule]
"""Product -> its rule. The rule may depend on the product's shape: some kernels treat a vector in another way."""


@dataclass(frozen=True)
class KernelSet:
    """The rounding rules of a kernel set, under its name in edge's table of kernel sets.

    convolution, fully_connected, quantize  rule of these operations
    tanh            rule of its table
    gate            in the LSTM, requantises a gate's two accumulators
    cell_product    in the LSTM, divides an int16 product by a power of two
    hidden          in the LSTM, requantises the new hidden state
    logistic_int16  activation of the LSTM, of a Q3.12
    tanh_int16      activation of the LSTM, of a Qm.n and m, n = 15 - m
    processors      where the rules hold, everywhere if empty; a set that differs by processor has several records
    """

    name: str
    convolution: RuleOf
    fully_connected: RuleOf
    quantize: RuleOf
    tanh: Rule
    gate: ByMultiplier = fp.multiply_by_quantized_multiplier
    cell_product: Callable[[Int, int], Int] = fp.rounding_divide_by_pot
    hidden: ByMultiplier = fp.multiply_by_quantized_multiplier
    logistic_int16: Callable[[Int], Int] = fp.logistic_int16
    tanh_int16: Callable[[Int, int], Int] = fp.tanh_int16
    processors: tuple[str, ...] = field(default=(), compare=False)

    @property
    def lstm_rule(self) -> str:
        """Return how the LSTM rounds, in words: all known kernel sets round alike there."""
        return "gates, states: two roundings (gemmlowp); logistic, tanh: gemmlowp polynomials"


def always(rule: Rule) -> RuleOf:
    """Return the same rule for every product."""
    return lambda _product: rule


def neon(ruy: Rule) -> RuleOf:
    """Return the rules on NEON: TFLite's own for a vector times large enough weights, else `ruy`.

    Large enough are weights of at least 4 rows and 8 columns.
    Source: CustomGemv, kernels/cpu_backend_gemm_custom_gemv.h.
    """
    return lambda p: DOUBLE_UP if p.columns == 1 and p.outputs >= 4 and p.depth >= 8 else ruy


ARCHITECTURES = ("x86_64", "aarch64")
NO_AVX = "x86_64 without AVX"

LITERT_REFERENCE = KernelSet(
    name="litert-reference",
    convolution=always(DOUBLE),
    fully_connected=always(FLOAT64),
    quantize=always(DOUBLE),
    tanh=TANH_AWAY,
)
"""LiteRT's reference kernels as of ai-edge-litert 2.3.0.

They compute in integers except for one float64 product for each output of a fully connected layer: K + 60 of some
2,700 requantisations a fragment.
"""

_LITERT_XNNPACK = KernelSet(
    name="litert-xnnpack",
    convolution=always(FLOAT32),
    fully_connected=always(FLOAT32),
    quantize=always(Q8),
    tanh=TANH_EVEN,
)
"""The delegate XNNPACK, which runs everything but the LSTM, on x86-64 and NEON alike."""

_LITERT_AVX = KernelSet(
    name="litert-optimised",
    convolution=always(DOUBLE_UP),
    fully_connected=always(DOUBLE_UP),
    quantize=always(BLOCKS),
    tanh=TANH_AWAY,
    processors=("x86_64",),
)
_LITERT_NEON = replace(
    _LITERT_AVX, convolution=neon(SINGLE), fully_connected=neon(SINGLE), processors=("aarch64", NO_AVX)
)
"""LiteRT's optimised kernels on NEON, and on x86-64 without AVX.

ruy has no kernels for x86-64 without AVX; the NEON code runs there by NEON_2_SSE. It was seen to equal aarch64 on every
generated model.
"""

_TFLITE_RUNTIME_REFERENCE = replace(LITERT_REFERENCE, name="tflite-runtime-reference", fully_connected=always(DOUBLE))
"""tflite-runtime's reference kernels as of 2.14: all integers, since a fully connected layer still rounds twice."""

_TFLITE_RUNTIME_AVX = replace(_LITERT_AVX, name="tflite-runtime-optimised")
_TFLITE_RUNTIME_NEON = replace(
    _TFLITE_RUNTIME_AVX,
    name="tflite-runtime-neon",
    convolution=neon(DOUBLE),
    fully_connected=neon(DOUBLE),
    processors=("aarch64",),
)
"""tflite-runtime's kernels as of 2.14: on NEON its older ruy rounds twice, second halves away from zero."""

RULES: tuple[KernelSet, ...] = (
    LITERT_REFERENCE,
    _LITERT_XNNPACK,
    _LITERT_AVX,
    _LITERT_NEON,
    _TFLITE_RUNTIME_REFERENCE,
    _TFLITE_RUNTIME_AVX,
    _TFLITE_RUNTIME_NEON,
)
"""Every kernel set whose arithmetic is known. A reserved set has its oracle's rules and no record here."""


def kernel_set(name: str, architecture: str | None = None) -> KernelSet:
    """Return the kernel set of that name on a processor of that architecture.

    architecture: x86_64, NO_AVX or aarch64; this machine's if not given. KernelSetError, listing the known ones, if the
    arithmetic of such kernels on such a processor is not known.
    """
    records = [record for record in RULES if record.name == runs_on(name)]
    if not records:
        known = ", ".join(dict.fromkeys((*comparable(), *(record.name for record in RULES))))
        raise KernelSetError(f"no arithmetic is known for kernels {name!r}; known: {known}")
    processor = architecture or _this_processor()
    found = next((record for record in records if processor in (record.processors or (processor,))), None)
    if found is None:
        known = ", ".join(there for record in records for there in record.processors)
        raise KernelSetError(f"the arithmetic of {name} is known on {known}, not on {processor}")
    return replace(found, name=name)


def kernel_set_of_vectors(name: str, architecture: str) -> KernelSet:
    """Return the kernel set that golden vectors were computed with, whichever processor reads them.

    A name that stands for one arithmetic means it everywhere; KernelSetError as of `kernel_set` for the others.
    """
    records = [record for record in RULES if record.name == runs_on(name)]
    return replace(records[0], name=name) if len(records) == 1 else kernel_set(name, architecture)


def differs_by_processor(name: str) -> bool:
    """Return whether kernels of this name compute otherwise on x86-64 than on aarch64.

    KernelSetError if the name is unknown.
    """
    return kernel_set(name, "x86_64") != kernel_set(name, "aarch64")


def rivals() -> dict[str, KernelSet]:
    """Return, by label, the kernel sets that LiteRT may run in place of the verified one.

    A kernel set that differs by processor has one entry for each, because a bundle may run on any.
    An operation that XNNPACK does not take falls to kernels that differ by processor; the networks that ship hold none.
    """
    found = {}
    for name in (name for name, kernels in TABLE.items() if kernels.interpreter is LITERT):
        differs = differs_by_processor(name)
        for there in ARCHITECTURES if differs else ARCHITECTURES[:1]:
            found[f"{name} on {there}" if differs else name] = kernel_set(name, there)
    return found


def _this_processor() -> str:
    machine = this_machine()
    if machine.architecture == "x86_64" and "avx" not in machine.cpu_features:
        return NO_AVX
    return _ALIASES.get(machine.architecture.lower(), machine.architecture)


_ALIASES = {"amd64": "x86_64", "arm64": "aarch64"}
