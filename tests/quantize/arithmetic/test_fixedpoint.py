"""Every rounding rule against Python's unbounded integers and exact fractions."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantize.arithmetic import fixedpoint as fp

int8s = st.integers(-(2**7), 2**7 - 1)
int16s = st.integers(-(2**15), 2**15 - 1)
int32s = st.integers(-(2**31), 2**31 - 1)
multipliers = st.integers(2**30, 2**31 - 1)
factors = st.floats(1e-12, 1e6)


def array(*values: int) -> fp.Int:
    return np.asarray(values, dtype=np.int64)


def half_away(x: Fraction) -> int:
    """Round to the nearest integer, halves away from zero."""
    rounded = math.floor(abs(x) + Fraction(1, 2))
    return rounded if x >= 0 else -rounded


def wrap(x: int, bits: int) -> int:
    return (x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def high_mul(a: int, b: int, bits: int) -> int:
    """Follow gemmlowp's text: add a nudge that depends on the sign, divide towards zero, saturate."""
    if a == b == -(2 ** (bits - 1)):
        return 2 ** (bits - 1) - 1
    product = a * b
    nudged = product + (2 ** (bits - 2) if product >= 0 else 1 - 2 ** (bits - 2))
    return math.trunc(Fraction(nudged, 2 ** (bits - 1)))


@given(factors)
def test_a_multiplier_is_the_nearest_of_31_bits(real: float) -> None:
    multiplier, shift = (int(v) for v in fp.quantize_multiplier(real))
    if multiplier == 0:
        assert real < 2.0**-32
        return
    assert 2**30 <= multiplier < 2**31
    assert abs(Fraction(multiplier, 2**31) * Fraction(2) ** shift - Fraction(real)) <= Fraction(2) ** (shift - 32)


@pytest.mark.parametrize(
    ("real", "expected"),
    [(0.0, (0, 0)), (1.0, (2**30, 1)), (0.5, (2**30, 0)), (1 - 2.0**-40, (2**30, 1)), (2.0**-33, (0, 0))],
)
def test_a_multiplier_at_the_edges(real: float, expected: tuple[int, int]) -> None:
    assert tuple(int(v) for v in fp.quantize_multiplier(real)) == expected


@given(int32s, int32s)
def test_doubling_high_mul_is_gemmlowps(a: int, b: int) -> None:
    assert fp.saturating_rounding_doubling_high_mul(array(a), array(b))[0] == high_mul(a, b, 32)


def test_doubling_high_mul_saturates_its_one_overflow() -> None:
    low = array(-(2**31))
    assert fp.saturating_rounding_doubling_high_mul(low, low)[0] == 2**31 - 1


@given(st.lists(st.tuples(int32s, st.integers(0, 31)), min_size=1, max_size=20))
def test_division_by_a_power_of_two_rounds_halves_away_from_zero(cases: list[tuple[int, int]]) -> None:
    x, exponent = array(*(c[0] for c in cases)), array(*(c[1] for c in cases))
    expected = [half_away(Fraction(value, 2**places)) for value, places in cases]
    assert fp.rounding_divide_by_pot(x, exponent).tolist() == expected


@given(int32s, multipliers, st.integers(-31, 12))
def test_multiplying_by_a_multiplier_rounds_twice(x: int, multiplier: int, shift: int) -> None:
    once = high_mul(wrap(x << max(shift, 0), 32), multiplier, 32)
    expected = half_away(Fraction(once, 2 ** max(-shift, 0)))
    assert fp.multiply_by_quantized_multiplier(array(x), array(multiplier), array(shift))[0] == expected


def test_rounding_twice_differs_from_rounding_once_where_the_docstring_says() -> None:
    multiplier, shift = fp.quantize_multiplier(1 / 8)
    assert fp.multiply_by_quantized_multiplier(array(3), multiplier, shift)[0] == 1
    assert fp.multiply_by_real(array(3), np.asarray([1 / 8]))[0] == 0


def half_up(x: Fraction) -> int:
    """Round to the nearest integer, halves up."""
    return math.floor(x + Fraction(1, 2))


def half_even(x: Fraction) -> int:
    """Round to the nearest integer, halves to even, as Python's round does."""
    return round(x)


def to_float32(x: Fraction) -> Fraction:
    """Round to 24 significant bits, ties to even; x within float32's normal range."""
    if x == 0:
        return x
    exponent = math.floor(math.log2(abs(x))) - 23
    while abs(x) >= Fraction(2) ** (exponent + 24):
        exponent += 1
    while abs(x) < Fraction(2) ** (exponent + 23):
        exponent -= 1
    return half_even(x / Fraction(2) ** exponent) * Fraction(2) ** exponent


@given(st.lists(st.tuples(int32s, st.integers(0, 31)), min_size=1, max_size=20))
def test_a_rounding_shift_rounds_halves_up(cases: list[tuple[int, int]]) -> None:
    x, exponent = array(*(c[0] for c in cases)), array(*(c[1] for c in cases))
    expected = [half_up(Fraction(value, 2**places)) for value, places in cases]
    assert fp.rounding_shift_right(x, exponent).tolist() == expected


@given(int32s, multipliers, st.integers(-31, 12))
def test_ruy_on_x86_rounds_twice_and_halves_up(x: int, multiplier: int, shift: int) -> None:
    once = half_up(Fraction(wrap(x << max(shift, 0), 32) * multiplier, 2**31))
    expected = half_up(Fraction(once, 2 ** max(-shift, 0)))
    assert fp.multiply_rounding_halves_up(array(x), array(multiplier), array(shift))[0] == expected


@given(int32s, multipliers, st.integers(-31, 12))
def test_ruy_on_neon_rounds_once(x: int, multiplier: int, shift: int) -> None:
    """The exact product is rounded once; only the left shift before it, one more than needed, can wrap."""
    if shift < 0:
        expected = half_up(Fraction(x * multiplier, 2 ** (31 - shift)))
    else:
        expected = half_up(Fraction(wrap(x << (shift + 1), 32) * multiplier, 2**32))
        if abs(x) < 2 ** (30 - shift):
            assert expected == half_up(Fraction(x * multiplier * 2**shift, 2**31))
    found = fp.multiply_rounding_once(array(x), array(multiplier), array(shift))[0]
    # Flooring, then a shift whose half is a whole number, as the function's docstring claims.
    assert found == expected


def test_the_rules_differ_where_the_docstrings_say() -> None:
    by_eighth = fp.quantize_multiplier(1 / 8)
    for x, twice, twice_up, once in ((3, 1, 1, 0), (-4, -1, 0, 0), (4, 1, 1, 1)):
        assert fp.multiply_by_quantized_multiplier(array(x), *by_eighth)[0] == twice
        assert fp.multiply_rounding_halves_up(array(x), *by_eighth)[0] == twice_up
        assert fp.multiply_rounding_once(array(x), *by_eighth)[0] == once


@given(int32s, st.floats(2.0**-30, 2.0**8, width=32))
def test_xnnpack_rounds_three_times_to_even(x: int, factor: float) -> None:
    product = to_float32(to_float32(Fraction(x)) * Fraction(factor))
    expected = min(max(half_even(product), -(2**31)), 2**31 - 1)
    assert fp.multiply_by_float32(array(x), np.asarray([factor], dtype=np.float32))[0] == expected


@pytest.mark.parametrize(
    ("x", "factor", "expected"), [(5, 0.5, 2), (7, 0.5, 4), (-5, 0.5, -2), (2**24 + 1, 1.0, 2**24)]
)
def test_xnnpack_at_ties_and_beyond_24_bits(x: int, factor: float, expected: int) -> None:
    assert fp.multiply_by_float32(array(x), np.asarray([factor], dtype=np.float32))[0] == expected


@given(st.integers(-255, 255), st.floats(2.0**-8, 2.0**7, width=32))
def test_xnnpack_rescales_by_a_factor_of_8_fractional_bits(x: int, factor: float) -> None:
    multiplier = half_even(to_float32(256 * Fraction(factor)))
    assert fp.multiply_by_q8(array(x), np.asarray([factor]))[0] == half_up(Fraction(x * multiplier, 256))


@given(st.integers(-(2**31), 2**31 - 1), factors)
def test_multiplying_by_a_real_rounds_the_double_product_once(x: int, factor: float) -> None:
    product = Fraction(float(x) * factor)
    if abs(product) < 2**52:
        assert fp.multiply_by_real(array(x), np.asarray([factor]))[0] == half_away(product)


@pytest.mark.parametrize(
    ("product", "expected"), [(0.49999999999999994, 0), (0.5, 1), (-0.5, -1), (2.5, 3), (-2.5, -3)]
)
def test_multiplying_by_a_real_is_right_next_to_a_half(product: float, expected: int) -> None:
    assert fp.multiply_by_real(array(1), np.asarray([product]))[0] == expected


@given(st.integers(-(2**62), 2**62))
def test_wrapping_and_saturating(x: int) -> None:
    assert fp.wrap_int32(array(x))[0] == wrap(x, 32)
    assert fp.wrap_int16(array(x))[0] == wrap(x, 16)
    assert fp.saturate_int16(array(x))[0] == min(max(x, -(2**15)), 2**15 - 1)
    assert fp.saturate_int8(array(x))[0] == min(max(x, -(2**7)), 2**7 - 1)


@pytest.mark.parametrize("make", [fp.tanh_table_int8, fp.tanh_table_int8_to_even])
@given(st.floats(1e-4, 0.5), int8s, st.sampled_from([1 / 128, 1 / 127, 0.01]), st.integers(-20, 20))
def test_the_tanh_table_is_tanh_rounded(
    make: Callable[..., npt.NDArray[np.int8]], scale: float, zero: int, out_scale: float, out_zero: int
) -> None:
    table = make(scale, zero, out_scale, out_zero)
    for q in range(-128, 128):
        exact = math.tanh(float(np.float32(scale)) * (q - zero)) / float(np.float32(out_scale)) + out_zero
        # Half a step by rounding; 1e-4 of a step for arithmetic in float32 on values up to 128 steps.
        assert abs(int(table[q & 255]) - min(max(exact, -128.0), 127.0)) <= 0.5 + 1e-4


def test_the_tanh_tables_part_at_a_tie() -> None:
    """tanh(16) is 1 in float32; in steps of 2 it is a half: away from zero, or to even with the zero."""
    away, even = fp.tanh_table_int8(1.0, 0, 2.0, 0), fp.tanh_table_int8_to_even(1.0, 0, 2.0, 0)
    assert (away[16], even[16]) == (1, 0)
    assert fp.tanh_table_int8_to_even(1.0, 0, 2.0, 1)[16] == 2


# --- the int16 activations, from gemmlowp's description, one number at a time --------------------------------------


class Q:
    """An int16 with `m` integer bits: sums wrap, products round as VQRDMULH, rescaling saturates."""

    def __init__(self, raw: int, m: int) -> None:
        self.raw, self.m = wrap(raw, 16), m

    def __add__(self, other: "Q") -> "Q":
        assert self.m == other.m
        return Q(self.raw + other.raw, self.m)

    def __sub__(self, other: "Q") -> "Q":
        assert self.m == other.m
        return Q(self.raw - other.raw, self.m)

    def __mul__(self, other: "Q") -> "Q":
        return Q(high_mul(self.raw, other.raw, 16), self.m + other.m)

    def times_pot(self, exponent: int) -> "Q":
        if exponent < 0:
            return Q(half_away(Fraction(self.raw, 2**-exponent)), self.m)
        return Q(min(max(self.raw << exponent, -(2**15)), 2**15 - 1), self.m)

    def rescale(self, m: int) -> "Q":
        return Q(self.times_pot(self.m - m).raw, m)

    @staticmethod
    def one(m: int) -> "Q":
        return Q(2**15 - 1 if m == 0 else 2 ** (15 - m), m)

    @staticmethod
    def constant(raw32: int, m: int) -> "Q":
        return Q(half_away(Fraction(raw32, 2**16)), m)


def exp_on_negative(a: Q) -> Q:
    if a.raw == 0:
        return Q.one(0)
    bits = 15 - a.m
    quarter = 1 << (bits - 2)
    r = Q((a.raw & (quarter - 1)) - quarter, a.m)
    x = r.rescale(0) + Q(1 << 12, 0)
    x2 = x * x
    x3, x4 = x2 * x, x2 * x2
    tail = ((x4.times_pot(-2) + x3) * Q.constant(715827883, 0) + x2).times_pot(-1)
    c = Q.constant(1895147668, 0)
    result = Q(min(c.raw + (c * (x + tail)).raw, 2**15 - 1), 0)
    remainder = wrap(r.raw - a.raw, 16)
    raws = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
    for power, raw in zip(range(-2, 5), raws, strict=True):
        if a.m > power and remainder & (1 << (bits + power)):
            result = result * Q.constant(raw, 0)
    if a.m > 5 and a.raw < -(32 << bits):
        return Q(0, 0)
    return result


def newton(y: Q) -> Q:
    half = Q(math.trunc(Fraction(y.raw + 2**15 - 1 + 1, 2)), 0)
    x = Q.constant(1515870810, 2) + half * Q.constant(-1010580540, 2)
    for _ in range(3):
        x = x + (x * (Q.one(2) - half * x)).rescale(2)
    return x


def logistic(raw: int) -> int:
    if raw == 0:
        return 2**14
    magnitude = raw if raw > 0 else wrap(-raw, 16)
    positive = Q(newton(exp_on_negative(Q(-magnitude, 3))).raw, 1).rescale(0)
    return positive.raw if raw > 0 else (Q.one(0) - positive).raw


def tanh(raw: int, m: int) -> int:
    if raw == 0:
        return 0
    negative = raw if raw < 0 else -raw
    t = (newton(exp_on_negative(Q(negative, m + 1))) - Q.one(2)).rescale(0)
    return wrap(-t.raw, 16) if raw < 0 else t.raw


@given(st.lists(int16s, min_size=1, max_size=30))
def test_logistic_is_gemmlowps(raws: list[int]) -> None:
    assert fp.logistic_int16(array(*raws)).tolist() == [logistic(raw) for raw in raws]


@given(st.lists(int16s, min_size=1, max_size=30), st.integers(0, 6))
def test_tanh_is_gemmlowps(raws: list[int], m: int) -> None:
    assert fp.tanh_int16(array(*raws), m).tolist() == [tanh(raw, m) for raw in raws]


@pytest.mark.parametrize("m", range(7))
def test_the_extremes_of_int16_are_gemmlowps(m: int) -> None:
    raws = [-(2**15), -(2**15) + 1, -1, 0, 1, 2**15 - 1]
    assert fp.tanh_int16(array(*raws), m).tolist() == [tanh(raw, m) for raw in raws]
    assert fp.logistic_int16(array(*raws)).tolist() == [logistic(raw) for raw in raws]


def test_the_int16_tables_approximate_the_real_functions() -> None:
    x = np.arange(2**16, dtype=np.uint16).view(np.int16).astype(np.float64)
    # The 16-bit polynomial and the division keep about 12 of 15 bits.
    sigmoid = fp.table_int16(fp.logistic_int16) / 2**15
    assert np.abs(sigmoid - 1 / (1 + np.exp(-x / 2**12))).max() < 2**-11
    for m in range(7):
        t = fp.table_int16(lambda raw, m=m: fp.tanh_int16(raw, m)) / 2**15
        assert np.abs(t - np.tanh(x / 2 ** (15 - m))).max() < 2**-11


@pytest.mark.parametrize(("scale", "exponent"), [(2.0**-15, -15), (2.0**-9, -9), (1.0, 0), (0.3, None), (3e-5, None)])
def test_only_powers_of_two_have_an_exponent(scale: float, exponent: int | None) -> None:
    assert fp.power_of_two_exponent(scale) == exponent
