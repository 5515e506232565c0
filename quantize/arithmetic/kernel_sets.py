"""The name of a kernel set, and the processor's architecture -> the rounding rules that its operations use."""

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
"""Kernels differ in the rule by the product's shape: a matrix times a vector may take another path."""


@dataclass(frozen=True)
class KernelSet:
    """Which rule rounds where, under the name that edge's table of kernel sets has.

    processors: where this holds, everywhere if empty; a set that differs by processor has several such records.
    convolution, fully_connected, quantize: rule of these operations. tanh: rule of its table. In the LSTM: gate
    requantises a gate's two accumulators, cell_product divides an int16 product by a power of two, hidden requantises
    the new hidden state, logistic_int16 (Q3.12) and tanh_int16 (Qm.15-m, m) are the activations.
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
        """Say what the LSTM does: all kernel sets that are known do the same."""
        return "gates, states: two roundings (gemmlowp); logistic, tanh: gemmlowp polynomials"


def always(rule: Rule) -> RuleOf:
    """Return the same rule for every product."""
    return lambda _product: rule


def neon(ruy: Rule) -> RuleOf:
    """Return the rule on NEON: TFLite's own for a vector times 4 rows and 8 columns of weights or more, else ruy's.

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
"""LiteRT's reference kernels as of ai-edge-litert 2.3.0. Integers throughout but for one float64 product for each
output of a fully connected layer, K + 60 of some 2,700 requantisations a fragment."""

_LITERT_XNNPACK = KernelSet(
    name="litert-xnnpack",
    convolution=always(FLOAT32),
    fully_connected=always(FLOAT32),
    quantize=always(Q8),
    tanh=TANH_EVEN,
)
"""The delegate XNNPACK takes everything but the LSTM, on x86-64 and NEON alike."""

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
"""For x86-64 without AVX ruy has no kernels, and the NEON code runs by NEON_2_SSE: seen to equal aarch64 on every
generated model."""

_TFLITE_RUNTIME_AVX = replace(_LITERT_AVX, name="tflite-runtime-optimised")
_TFLITE_RUNTIME_NEON = replace(
    _TFLITE_RUNTIME_AVX, convolution=neon(DOUBLE), fully_connected=neon(DOUBLE), processors=("aarch64",)
)
"""As of tflite-runtime 2.14: on NEON its older ruy rounds twice, second halves away from zero."""

RULES: tuple[KernelSet, ...] = (
    LITERT_REFERENCE,
    _LITERT_XNNPACK,
    _LITERT_AVX,
    _LITERT_NEON,
    _TFLITE_RUNTIME_AVX,
    _TFLITE_RUNTIME_NEON,
)
"""Every kernel set whose arithmetic is known. One that is reserved has the rules of its oracle, and no record here."""


def kernel_set(name: str, architecture: str | None = None) -> KernelSet:
    """Return the kernel set of that name on a processor (x86_64, NO_AVX or aarch64; this machine's if not given).

    KernelSetError, listing the names, if the arithmetic of such kernels on such a processor is not known.
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


def differs_by_processor(name: str) -> bool:
    """Say whether kernels of this name compute otherwise on x86-64 than on aarch64. KernelSetError if it is unknown."""
    return kernel_set(name, "x86_64") != kernel_set(name, "aarch64")


def rivals() -> dict[str, KernelSet]:
    """Return by a label all that LiteRT may run in place of what was verified, on whatever processor.

    What XNNPACK leaves undone falls to kernels that differ by processor; the networks that ship leave nothing.
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
