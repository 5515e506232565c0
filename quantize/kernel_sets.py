"""The name of a kernel set, and the processor's architecture -> the rounding rules that its operations use."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quantize import fixedpoint as fp
from quantize.errors import KernelSetError, UnsupportedGraphError
from quantize.fixedpoint import Int, Real
from quantize.machine import this_machine

ByMultiplier = Callable[[Int, Int, Int], Int]
"""(accumulator, multiplier, shift) -> accumulator times multiplier / 2^31 * 2^shift, rounded."""


class Product(NamedTuple):
    """A matrix product to be requantised: weights [outputs, depth] times inputs [depth, columns], scales as stored.

    weight_scales: float32 [outputs] or [1]. columns: positions of a convolution, 1 for a vector; of a QUANTIZE, how
    many values it rescales. reach: largest magnitude that weights and biases let an accumulator have, int64 [outputs].
    """

    input_scale: float
    weight_scales: npt.NDArray[np.float32]
    output_scale: float
    outputs: int
    depth: int
    columns: int
    reach: Int

    @property
    def factors(self) -> Real:
        """Input scale times weight scales over output scale, in float64 from the stored float32.

        Source: PopulateConvolutionQuantizationParams, kernel_util.cc; FullyConnected(PerChannel), fully_connected.h.
        """
        return np.float64(self.input_scale) * self.weight_scales.astype(np.float64) / np.float64(self.output_scale)

    @property
    def factors32(self) -> npt.NDArray[np.float32]:
        """The same in float32, rounded after each step. Source: XNNPACK, operators/convolution-nhwc.c."""
        factors: npt.NDArray[np.float32] = (
            np.float32(self.input_scale) * self.weight_scales / np.float32(self.output_scale)
        )
        return factors


@dataclass(frozen=True)
class Rule:
    """A rounding rule by name. prepare: what is to be rescaled (a Product; for tanh, scales and zero points) -> the
    function from accumulators to output values without their zero point (for tanh, the table)."""

    name: str
    prepare: Callable[..., Any]


RuleOf = Callable[[Product], Rule]
"""Kernels differ in the rule by the product's shape: a matrix times a vector may take another path."""


def by_multiplier(name: str, multiply: ByMultiplier) -> Rule:
    """The rule that applies `multiply` with the factors as 31-bit multipliers and shifts."""

    def prepare(product: Product) -> Callable[[Int], Int]:
        multiplier, shift = fp.quantize_multiplier(product.factors)
        return lambda accumulator: multiply(accumulator, multiplier, shift)

    return Rule(name, prepare)


def by_factors(name: str, factors: Callable[[Product], Any], multiply: Callable[[Int, Any], Int]) -> Rule:
    """The rule that applies `multiply` with the factors as they are.

    UnsupportedGraphError for a product that can leave 32 bits: converting such a number is undefined in C++, and
    processors differ. x86-64 gives -2^31 and ARM saturates; XNNPACK's AVX-512 kernels then wrap around when they add
    the zero point, its AVX2 and NEON kernels saturate.
    """

    def prepare(product: Product) -> Callable[[Int], Int]:
        fixed = factors(product)
        if np.any(product.reach * product.factors >= 2.0**31 - 2.0**8):
            raise UnsupportedGraphError("products can pass 2^31, where processors convert them differently")
        return lambda accumulator: multiply(accumulator, fixed)

    return Rule(name, prepare)


DOUBLE = by_multiplier("two roundings, second halves away from zero (gemmlowp)", fp.multiply_by_quantized_multiplier)
DOUBLE_UP = by_multiplier("two roundings, halves up (ruy AVX; NEON vector path)", fp.multiply_rounding_halves_up)
SINGLE = by_multiplier("one rounding, halves up (ruy NEON)", fp.multiply_rounding_once)
FLOAT64 = by_factors("float64 product, halves away from zero", lambda p: p.factors, fp.multiply_by_real)
FLOAT32 = by_factors("float32 product, ties to even (XNNPACK)", lambda p: p.factors32, fp.multiply_by_float32)
Q8 = by_factors("factor of 8 fractional bits, halves up (XNNPACK)", lambda p: p.factors32, fp.multiply_by_q8)


def _in_blocks(product: Product) -> Callable[[Int], Int]:
    """Accumulators [N, columns]: by vectors of 16, what is left over by the rule for single numbers.

    Source: Requantize<int8_t, int8_t>, kernels/internal/optimized/optimized_ops.h (on x86-64 by NEON_2_SSE).
    """
    whole = product.columns // 16 * 16
    vectors, rest = DOUBLE_UP.prepare(product), DOUBLE.prepare(product)
    return lambda x: np.concatenate([vectors(x[:, :whole]), rest(x[:, whole:])], axis=1)


BLOCKS = Rule("two roundings, halves up in whole blocks of 16, halves away from zero in what is left", _in_blocks)
TANH_AWAY = Rule("table of tanhf, halves away from zero", fp.tanh_table_int8)
TANH_EVEN = Rule("table of tanhf, ties to even (XNNPACK)", fp.tanh_table_int8_to_even)


@dataclass(frozen=True)
class KernelSet:
    """Which rule rounds where. An interpreter's kernels are this record; the structure of the operations is common.

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

    @property
    def lstm_rule(self) -> str:
        """What the LSTM does, in words: all kernel sets that are known do the same."""
        return "gates, states: two roundings (gemmlowp); logistic, tanh: gemmlowp polynomials"


def always(rule: Rule) -> RuleOf:
    """The same rule for every product."""
    return lambda _product: rule


def neon(ruy: Rule) -> RuleOf:
    """A vector goes through TFLite's own kernel if that has 4 rows and 8 columns of weights to work on, else ruy.

    Source: CustomGemv, kernels/cpu_backend_gemm_custom_gemv.h.
    """
    return lambda p: DOUBLE_UP if p.columns == 1 and p.outputs >= 4 and p.depth >= 8 else ruy


LITERT_REFERENCE = KernelSet(
    name="litert-reference",
    convolution=always(DOUBLE),
    fully_connected=always(FLOAT64),
    quantize=always(DOUBLE),
    tanh=TANH_AWAY,
)
"""LiteRT's reference kernels (OpResolverType.BUILTIN_REF) as of ai-edge-litert 2.3.0, on every processor."""

INKGATE_C = replace(LITERT_REFERENCE, name="inkgate-c")
"""inkgate's own C. Equal to LiteRT's reference kernels, so that these are its oracle: integers throughout but for one
float64 product for each output of a fully connected layer, K + 60 of some 2,700 requantisations a fragment."""

ARCHITECTURES = ("x86_64", "aarch64")
NO_AVX = "x86_64 without AVX"

LITERT_OPTIMISED = {
    "x86_64": KernelSet(
        name="litert-optimised",
        convolution=always(DOUBLE_UP),
        fully_connected=always(DOUBLE_UP),
        quantize=always(BLOCKS),
        tanh=TANH_AWAY,
    ),
    "aarch64": KernelSet(
        name="litert-optimised",
        convolution=neon(SINGLE),
        fully_connected=neon(SINGLE),
        quantize=always(BLOCKS),
        tanh=TANH_AWAY,
    ),
}
LITERT_OPTIMISED[NO_AVX] = LITERT_OPTIMISED["aarch64"]
"""LiteRT's own kernels without delegates (BUILTIN_WITHOUT_DEFAULT_DELEGATES). For x86-64 without AVX ruy has none, and
the NEON code runs by NEON_2_SSE: seen to equal aarch64 on every generated model."""

LITERT_XNNPACK = KernelSet(
    name="litert-xnnpack",
    convolution=always(FLOAT32),
    fully_connected=always(FLOAT32),
    quantize=always(Q8),
    tanh=TANH_EVEN,
)
"""LiteRT's default: the delegate XNNPACK takes everything but the LSTM, on x86-64 and NEON alike."""

KERNEL_SETS = ("litert-reference", "litert-xnnpack", "litert-optimised", "inkgate-c")
"""The kernel sets whose arithmetic is known, in the order in which they are reported."""

TFLITE_RUNTIME = "tflite-runtime-optimised"
"""The name of tflite-runtime 2.14's default kernels."""

TFLITE_RUNTIME_OPTIMISED = {
    "x86_64": replace(LITERT_OPTIMISED["x86_64"], name=TFLITE_RUNTIME),
    "aarch64": replace(
        LITERT_OPTIMISED["aarch64"], name=TFLITE_RUNTIME, convolution=neon(DOUBLE), fully_connected=neon(DOUBLE)
    ),
}
"""Those of litert-optimised, but that on NEON its older ruy rounds twice, second halves away from zero."""


def kernel_set(name: str, architecture: str | None = None) -> KernelSet:
    """The kernel set of that name on a processor (x86_64, NO_AVX or aarch64; this machine's if not given).

    KernelSetError, listing the names, if the arithmetic of such kernels on such a processor is not known.
    """
    for kernels in (LITERT_REFERENCE, LITERT_XNNPACK, INKGATE_C):
        if name == kernels.name:
            return kernels
    if name not in (*KERNEL_SETS, TFLITE_RUNTIME):
        known = ", ".join((*KERNEL_SETS, TFLITE_RUNTIME))
        raise KernelSetError(f"no arithmetic is known for kernels {name!r}; known: {known}")
    processor = architecture or _this_processor()
    by_processor = TFLITE_RUNTIME_OPTIMISED if name == TFLITE_RUNTIME else LITERT_OPTIMISED
    if processor not in by_processor:
        raise KernelSetError(f"the arithmetic of {name} is known on {', '.join(by_processor)}, not on {processor}")
    return by_processor[processor]


def differs_by_processor(name: str) -> bool:
    """Whether kernels of this name compute otherwise on x86-64 than on aarch64. KernelSetError for an unknown name."""
    return kernel_set(name, "x86_64") != kernel_set(name, "aarch64")


def _this_processor() -> str:
    machine = this_machine()
    if machine.architecture == "x86_64" and "avx" not in machine.cpu_features:
        return NO_AVX
    return _ALIASES.get(machine.architecture.lower(), machine.architecture)


_ALIASES = {"amd64": "x86_64", "arm64": "aarch64"}
