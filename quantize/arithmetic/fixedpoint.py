"""Accumulators and real scales -> integers: one function for each rounding rule of the kernels.

Values are int64 arrays that hold int32, int16 or int8 numbers. 64 bits make every product below exact; where the
kernels' C++ would wrap around, the functions wrap on purpose. "Source" names what each rule was derived from.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Int: TypeAlias = npt.NDArray[np.int64]
Real: TypeAlias = npt.NDArray[np.float64]

INT8_MIN, INT8_MAX = -(2**7), 2**7 - 1
INT16_MIN, INT16_MAX = -(2**15), 2**15 - 1
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


# --- 32 bits: requantisation ---------------------------------------------------------------------------------------


def quantize_multiplier(real: npt.ArrayLike) -> tuple[Int, Int]:
    """Return real factors >= 0 as (multiplier, shift): real ~ multiplier / 2^31 * 2^shift.

    The multiplier is an integer with 2^30 <= multiplier < 2^31, or 0.

    1. frexp gives real = q 2^shift with 1/2 <= q < 1.  2. multiplier = q 2^31 rounded; q 2^31 has at most 53 bits of
    which 22 lie behind the point, so adding 1/2 and flooring is exact.  3. A multiplier that rounds to 2^31 becomes
    2^30 with one more shift.  4. Below 2^-32 every product rounds to zero: (0, 0).
    Source: QuantizeMultiplier, kernels/internal/quantization_util.cc.
    """
    fraction, exponent = np.frexp(np.asarray(real, dtype=np.float64))
    multiplier = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    shift = exponent.astype(np.int64)
    overflow = multiplier == 2**31
    multiplier = np.where(overflow, 2**30, multiplier)
    shift = np.where(overflow, shift + 1, shift)
    flushed = (shift < -31) | (multiplier == 0)
    return np.where(flushed, 0, multiplier), np.where(flushed, 0, shift)


def saturating_rounding_doubling_high_mul(a: Int, b: Int) -> Int:
    """Return the int32 a b / 2^31 of two int32 values, rounded to nearest, halves towards +infinity.

    -2^31 times -2^31 gives 2^31 - 1.

    The source adds 2^30 (or 1 - 2^30 below zero) and divides truncating. For a b = -(n + 1/2) 2^31 this gives -n, as
    flooring (a b + 2^30) / 2^31 does. The two agree everywhere, and a flooring division is an arithmetic shift.
    Source: SaturatingRoundingDoublingHighMul, gemmlowp/fixedpoint.h (NEON: VQRDMULH).
    """
    product = a * b
    product += 2**30
    product >>= 31
    limited: Int = np.minimum(product, INT32_MAX)
    return limited


def rounding_divide_by_pot(x: Int, exponent: npt.ArrayLike) -> Int:
    """Return x / 2^exponent, 0 <= exponent <= 31, rounded to nearest, halves away from zero.

    Adding half of 2^exponent and shifting rounds halves up; below zero, one less makes them round down.
    Source: RoundingDivideByPOT, gemmlowp/fixedpoint.h.
    """
    places = np.asarray(exponent, dtype=np.int64)
    nudged = x + ((np.int64(1) << places) >> 1)
    nudged -= (x < 0) & (places > 0)
    nudged >>= places
    return nudged


def multiply_by_quantized_multiplier(x: Int, multiplier: Int, shift: Int) -> Int:
    """Multiply int32 values by real factors with two roundings; return int32.

    The first rounds x 2^left times multiplier / 2^31, halves up; the second rounds the division by 2^right, halves away
    from zero. left and right are the positive and the negative part of shift. The left shift wraps at 32 bits as the
    kernels do.
    Rounding twice is not rounding once: 3 times 1/8 gives 1, because 1.5 becomes 2 before it is divided by 4.
    Source: MultiplyByQuantizedMultiplier without TFLITE_SINGLE_ROUNDING, kernels/internal/common.cc.
    """
    left = np.maximum(shift, 0)
    scaled = wrap_int32(x << left) if np.any(left) else x
    return rounding_divide_by_pot(saturating_rounding_doubling_high_mul(scaled, multiplier), np.maximum(-shift, 0))


def multiply_rounding_halves_up(x: Int, multiplier: Int, shift: Int) -> Int:
    """Multiply int32 values by real factors with two roundings, halves up in both; return int32.

    Only the second rounding differs from that of multiply_by_quantized_multiplier: -4 times 1/8 gives -1 there and 0
    here, because -2 divided by 4 is a half.
    Source: ruy/kernel_avx2_fma.cc, kernel_avx512.cc (rounding_right_shift); on NEON VQRDMULH and VRSHL,
    kernels/cpu_backend_gemm_custom_gemv.h.
    """
    left = np.maximum(shift, 0)
    scaled = wrap_int32(x << left) if np.any(left) else x
    return rounding_shift_right(saturating_rounding_doubling_high_mul(scaled, multiplier), np.maximum(-shift, 0))


def multiply_rounding_once(x: Int, multiplier: Int, shift: Int) -> Int:
    """Multiply int32 values by real factors with one rounding, halves up; return int32.

    The result is floor(x multiplier 2^shift / 2^31 + 1/2), computed as on NEON: floor(x 2^left multiplier / 2^31)
    (SQDMULH), then a rounding shift right by at least one place (SRSHL), for which left is one more than the factor
    needs. Flooring before a rounding shift changes nothing, since floor(floor(a) / b + 1/2) = floor(a / b + 1/2) for
    whole b >= 2. x 2^left wraps at 32 bits.
    Source: ruy/kernel_arm64.cc, ruy/apply_multiplier.cc.
    """
    right = np.maximum(-shift, 1)
    left = shift + right
    scaled = wrap_int32(x << left) if np.any(left) else x
    return rounding_shift_right((scaled * multiplier) >> 31, right)


def rounding_shift_right(x: Int, exponent: npt.ArrayLike) -> Int:
    """Return x / 2^exponent, 0 <= exponent <= 31, rounded to nearest, halves up (NEON: VRSHL, SRSHL)."""
    places = np.asarray(exponent, dtype=np.int64)
    nudged = x + ((np.int64(1) << places) >> 1)
    nudged >>= places
    return nudged


def multiply_by_float32(x: Int, factor: npt.NDArray[np.float32]) -> Int:
    """Multiply int32 values by float32 factors and round the float32 product; return int32.

    Three roundings, all to nearest with ties to even: x to float32, the product to float32, the product to an integer.
    A product beyond 32 bits saturates; it is far beyond every output's limits.
    Source: XNNPACK's *-minmax-fp32-* kernels (x86: CVTDQ2PS, MULPS, CVTPS2DQ; NEON: SCVTF, FMUL, FCVTNS).
    """
    rounded: Int = np.rint(x.astype(np.float32) * factor).astype(np.int64)
    return np.clip(rounded, INT32_MIN, INT32_MAX)


def multiply_by_q8(x: Int, factor: Real) -> Int:
    """Multiply int9 values by real factors from 1/256 to 128 with one rounding, halves up; return int16.

    The factor is first rounded to 8 fractional bits.
    Source: XNNPACK's qs8-vcvt kernels (x86: PMULHRSW; NEON: VQRDMULH) and xnn_init_qs8_cvt_scalar_params.
    """
    multiplier = np.rint(np.float32(256.0) * np.asarray(factor, dtype=np.float32)).astype(np.int64)
    return rounding_shift_right(x * multiplier, 8)


def multiply_by_real(x: Int, factor: Real) -> Int:
    """Multiply int32 values by float64 factors with one rounding, halves away from zero; return int32.

    The float64 product p is rounded as C's round() does, by trunc(p + copysign(h, p)) with h the largest double below
    1/2: a full 1/2 would carry 0.49999999999999994 up to 1, while for p = n + 1/2 the sum with h is a tie that goes to
    n + 1.
    Source: FullyConnected(PerChannel) with float scales, kernels/internal/reference/integer_ops/fully_connected.h.
    """
    product = x * factor
    product += np.copysign(np.nextafter(0.5, 0.0), product)
    return np.trunc(product).astype(np.int64)


def wrap_int32(x: Int) -> Int:
    """Return the low 32 bits of x, read as a two's complement int32."""
    return x.astype(np.int32).astype(np.int64)


def wrap_int16(x: Int) -> Int:
    """Return the low 16 bits of x, read as a two's complement int16."""
    return x.astype(np.int16).astype(np.int64)


def saturate_int8(x: Int) -> npt.NDArray[np.int8]:
    """Return x limited to -128 .. 127."""
    return np.clip(x, INT8_MIN, INT8_MAX).astype(np.int8)


def saturate_int16(x: Int) -> Int:
    """Return x limited to -32768 .. 32767."""
    return np.clip(x, INT16_MIN, INT16_MAX)


# --- 8 bits: tables ------------------------------------------------------------------------------------------------


def tanh_table_int8(in_scale: float, in_zero: int, out_scale: float, out_zero: int) -> npt.NDArray[np.int8]:
    """Return tanh from int8 to int8 as a table, halves rounded away from zero, int8 [256].

    Entry i belongs to the int8 whose bits are i (0..127, -128..-1). All arithmetic is float32: with
    x = in_scale (q - in_zero), tanh(x) (1 / out_scale) is rounded, out_zero is added, and the sum is limited to int8.
    tanh itself is rounded from float64, so a C library whose tanhf errs in the last place gives another entry only
    where tanh(x) / out_scale lies within 1e-7 of a half.
    Source: LUTPopulateInt8, kernels/internal/common.h, as TanhPrepare calls it.
    """
    rescaled = _tanh_over(in_scale, in_zero, out_scale)
    rounded = np.trunc(rescaled + np.copysign(np.nextafter(np.float32(0.5), np.float32(0.0)), rescaled))
    return saturate_int8((rounded + np.float32(out_zero)).astype(np.int64))


def tanh_table_int8_to_even(in_scale: float, in_zero: int, out_scale: float, out_zero: int) -> npt.NDArray[np.int8]:
    """Return tanh from int8 to int8 as a table, ties rounded to even, int8 [256].

    Entries are ordered as in tanh_table_int8. Unlike there, the zero point is added before rounding.
    Source: XNNPACK's unary reference kernels, reference/unary-elementwise.cc and reference-utils.h.
    """
    shifted = np.float32(_tanh_over(in_scale, in_zero, out_scale) + np.float32(out_zero))
    return saturate_int8(np.rint(shifted).astype(np.int64))


def _tanh_over(in_scale: float, in_zero: int, out_scale: float) -> npt.NDArray[np.float32]:
    """Return tanh(in_scale (q - in_zero)) / out_scale in float32 for every int8 q, ordered by its bits."""
    q = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int32)
    x = np.float32(in_scale) * (q - in_zero).astype(np.float32)
    y = np.tanh(x.astype(np.float64)).astype(np.float32)
    rescaled: npt.NDArray[np.float32] = y * (np.float32(1.0) / np.float32(out_scale))
    return rescaled


# --- 16 bits: the integer LSTM's logistic and tanh -----------------------------------------------------------------
# Qm.n: a number with m integer and n = 15 - m fractional bits in an int16. Q0.15 spans [-1, 1).


def logistic_int16(x: Int) -> Int:
    """Return 1 / (1 + exp(-x)) as Q0.15 for x as Q3.12.

    Source: gemmlowp::logistic, as PortableApplySigmoid calls it.
    """
    positive = _over_one_plus(_exp_negative(_negative_magnitude(x), 3), _reciprocal)
    negative = wrap_int16(INT16_MAX - positive)
    return np.where(x == 0, 2**14, np.where(x > 0, positive, negative))


def tanh_int16(x: Int, integer_bits: int) -> Int:
    """Return tanh(x) = (1 - exp(-2x)) / (1 + exp(-2x)) as Q0.15 for x as Qm.n, m = integer_bits, 0..6.

    Doubling x costs nothing: the same bits are read as Q(m+1).(n-1).
    Source: gemmlowp::tanh, as PortableApplyTanh calls it.
    """
    magnitude = _over_one_plus(_exp_negative(_negative_magnitude(x), integer_bits + 1), _reciprocal_minus_one)
    return np.where(x == 0, 0, np.where(x < 0, wrap_int16(-magnitude), magnitude))


def table_int16(function: Callable[[Int], Int]) -> npt.NDArray[np.int16]:
    """Return all 65,536 values of an int16 function; entry i belongs to the int16 whose bits are i."""
    return function(np.arange(2**16, dtype=np.uint16).view(np.int16).astype(np.int64)).astype(np.int16)


def power_of_two_exponent(scale: float) -> int | None:
    """Return e for a scale 2^e, None for any other scale.

    The kernel's test decides: the float32 logarithm lies within 0.001 of an integer.
    Source: CheckedLog2, kernels/internal/quantization_util.cc.
    """
    logarithm = np.log(np.float32(scale)) * (np.float32(1.0) / np.log(np.float32(2.0)))
    rounded = np.round(logarithm)
    return int(rounded) if abs(logarithm - rounded) < np.float32(1e-3) else None


def _negative_magnitude(x: Int) -> Int:
    """Return -|x|. The sign is chosen negative because the int16 -2^15 has no positive counterpart."""
    return np.where(x > 0, -x, x)


def _mul_q15(a: Int, b: Int) -> Int:
    """Return the int16 a b / 2^15 of two int16 values, halves up, saturated (the 16-bit VQRDMULH)."""
    limited: Int = np.minimum((a * b + 2**14) >> 15, INT16_MAX)
    return limited


def _q15(raw_q31: int) -> int:
    """Round a constant that the source gives with 31 fractional bits to 15."""
    return int(rounding_divide_by_pot(np.asarray(raw_q31, dtype=np.int64), 16))


_EXP_OF_POWERS = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
"""(e, exp(-2^e) with 31 fractional bits)."""


def _exp_negative(a: Int, integer_bits: int) -> Int:
    """Return exp(a) as Q0.15 for a <= 0 as Qm.n, m = integer_bits.

    1. a = r - s, with r in [-1/4, 0) and s a multiple of 1/4.  2. exp(r) by its Taylor series around -1/8.
    3. For every bit set in s, one multiplication with that bit's exp(-2^e).
    Source: gemmlowp::exp_on_negative_values.
    """
    fractional_bits = 15 - integer_bits
    quarter = 1 << (fractional_bits - 2)
    r = (a & (quarter - 1)) - quarter
    result = _exp_around_minus_an_eighth(saturate_int16(r << integer_bits))
    s = wrap_int16(r - a)
    for power, constant in _EXP_OF_POWERS:
        if integer_bits > power:
            bit = 1 << (fractional_bits + power)
            result = np.where(s & bit, _mul_q15(result, np.asarray(_q15(constant))), result)
    if integer_bits > 5:
        result = np.where(a < -(32 << fractional_bits), 0, result)
    return np.where(a == 0, INT16_MAX, result)


def _exp_around_minus_an_eighth(a: Int) -> Int:
    """Return exp(a) as Q0.15 for a in [-1/4, 0) as Q0.15.

    The series is c (1 + x + x^2/2 + x^3/6 + x^4/24) with x = a + 1/8, c = exp(-1/8).
    """
    constant, third = np.asarray(_q15(1895147668)), np.asarray(_q15(715827883))
    x = wrap_int16(a + 2**12)
    x2 = _mul_q15(x, x)
    x3 = _mul_q15(x2, x)
    x4_over_4 = rounding_divide_by_pot(_mul_q15(x2, x2), 2)
    tail = rounding_divide_by_pot(wrap_int16(_mul_q15(wrap_int16(x4_over_4 + x3), third) + x2), 1)
    return saturate_int16(constant + _mul_q15(constant, wrap_int16(x + tail)))


def _over_one_plus(y: Int, finish: Callable[[Int], Int]) -> Int:
    """Return finish(2 / (1 + y) as Q2.13) for y in [0, 1) as Q0.15, by Newton-Raphson division.

    With d = (1 + y) / 2 in [1/2, 1): start at x = 48/17 - 32/17 d, then three times x <- x + x (1 - d x).
    Source: gemmlowp::one_over_one_plus_x_for_x_in_0_1 and one_minus_x_over_one_plus_x_for_x_in_0_1.
    """
    one_q13, start, slope = 2**13, _q15(1515870810), _q15(-1010580540)
    d = (y + INT16_MAX + 1) >> 1
    x = wrap_int16(start + _mul_q15(d, np.asarray(slope)))
    for _ in range(3):
        error = wrap_int16(one_q13 - _mul_q15(d, x))
        x = wrap_int16(x + saturate_int16(_mul_q15(x, error) << 2))
    return finish(x)


def _reciprocal(x: Int) -> Int:
    """Return 1 / (1 + y) as Q0.15 from 2 / (1 + y) as Q2.13: reading the bits as Q1.14 halves."""
    return saturate_int16(x << 1)


def _reciprocal_minus_one(x: Int) -> Int:
    """Return (1 - y) / (1 + y) = 2 / (1 + y) - 1 as Q0.15 from 2 / (1 + y) as Q2.13."""
    return saturate_int16(wrap_int16(x - 2**13) << 2)
