"""A product to be requantised -> the function that rounds it, by a rounding rule with a name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from quantize.arithmetic import fixedpoint as fp
from quantize.arithmetic.fixedpoint import Int, Real
from quantize.errors import UnsupportedGraphError

ByMultiplier = Callable[[Int, Int, Int], Int]
"""(accumulator, multiplier, shift) -> accumulator times multiplier / 2^31 * 2^shift, rounded."""


class Product(NamedTuple):
    """A matrix product to be requantised: weights [outputs, depth] times inputs [depth, columns].

    Scales are float32 as stored; weight_scales is [outputs] or [1].
    columns: number of positions of a convolution, of values that a QUANTIZE rescales; 1 for a vector.
    reach: largest magnitude that weights and biases let an accumulator have, int64 [outputs].
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
        """Return input scale times weight scales over output scale, in float64 from the stored float32.

        Source: PopulateConvolutionQuantizationParams, kernel_util.cc; FullyConnected(PerChannel), fully_connected.h.
        """
        return np.float64(self.input_scale) * self.weight_scales.astype(np.float64) / np.float64(self.output_scale)

    @property
    def factors32(self) -> npt.NDArray[np.float32]:
        """Return the factors in float32, rounded after each step.

        Source: XNNPACK, operators/convolution-nhwc.c.
        """
        factors: npt.NDArray[np.float32] = (
            np.float32(self.input_scale) * self.weight_scales / np.float32(self.output_scale)
        )
        return factors


@dataclass(frozen=True)
class Rule:
    """A rounding rule with its name.

    prepare: Product -> the function from accumulators to output values without their zero point. For tanh, prepare
    takes scales and zero points and returns the table.
    """

    name: str
    prepare: Callable[..., Any]


def by_multiplier(name: str, multiply: ByMultiplier) -> Rule:
    """Return the rule that applies `multiply` with the factors as 31-bit multipliers and shifts."""

    def prepare(product: Product) -> Callable[[Int], Int]:
        multiplier, shift = fp.quantize_multiplier(product.factors)
        return lambda accumulator: multiply(accumulator, multiplier, shift)

    return Rule(name, prepare)


def by_factors(name: str, factors: Callable[[Product], Any], multiply: Callable[[Int, Any], Int]) -> Rule:
    """Return the rule that applies `multiply` with the factors as real numbers.

    Its `prepare` raises UnsupportedGraphError for a product that can leave 32 bits: converting such a number is
    undefined in C++, and processors differ. x86-64 gives -2^31 and ARM saturates; XNNPACK's AVX-512 kernels then wrap
    around when they add the zero point, its AVX2 and NEON kernels saturate.
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
    """Prepare rounding accumulators [N, columns] by DOUBLE_UP in vectors of 16 and by DOUBLE after them.

    Source: Requantize<int8_t, int8_t>, kernels/internal/optimized/optimized_ops.h (on x86-64 by NEON_2_SSE).
    """
    whole = product.columns // 16 * 16
    vectors, rest = DOUBLE_UP.prepare(product), DOUBLE.prepare(product)
    return lambda x: np.concatenate([vectors(x[:, :whole]), rest(x[:, whole:])], axis=1)


BLOCKS = Rule("two roundings, halves up in whole blocks of 16, halves away from zero in what is left", _in_blocks)
TANH_AWAY = Rule("table of tanhf, halves away from zero", fp.tanh_table_int8)
TANH_EVEN = Rule("table of tanhf, ties to even (XNNPACK)", fp.tanh_table_int8_to_even)
