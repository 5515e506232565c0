"""Matrices, exp and log with the same bits on every machine: sums in a fixed order, nothing fused.

IEEE 754 fixes the result of one addition, multiplication, division and square root. What differs between x86-64 and
aarch64 is the order in which libraries add (BLAS, LAPACK, einsum), multiplications fused into additions, and the last
bits of exp and log. So nothing here calls them: products of matrices are sums over NumPy's elementwise operations, one
term after another, and exp and log are short series.

Matrices have their two axes first and any number of cases behind them, [I, J, ...]: an operation on one element is one
elementwise operation on all cases.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_LN2_HIGH: Final = 0.6931471803691238
"""The first 32 bits of ln 2: a product with a whole number below 2^20 is exact."""
_LN2_LOW: Final = 1.9082149292705877e-10
_TERMS: Final = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))
_ODD: Final = tuple(1.0 / n for n in range(23, 0, -2))
_SQRT_HALF: Final = 0.7071067811865476
_LEAST: Final = -700.0
"""exp of less is taken as 0."""


def total(values: Floats) -> Floats:
    """Sum over the first axis, one after another: [N, ...] -> [...]."""
    result = np.zeros(values.shape[1:])
    for part in values:
        result += part
    return result


def multiply(a: Floats, b: Floats) -> Floats:
    """Multiply matrices: [I, J, ...] by [J, K, ...] -> [I, K, ...]."""
    result = a[:, 0, None] * b[0]
    product = np.empty_like(result)
    for j in range(1, len(b)):
        result += np.multiply(a[:, j, None], b[j], out=product)
    return np.asarray(result)


def apply(a: Floats, x: Floats) -> Floats:
    """Multiply a matrix and a vector: [I, J, ...] by [J, ...] -> [I, ...]."""
    result = a[:, 0] * x[0]
    product = np.empty_like(result)
    for j in range(1, len(x)):
        result += np.multiply(a[:, j], x[j], out=product)
    return np.asarray(result)


def dot(x: Floats, y: Floats) -> Floats:
    """Return the inner product over the first axis: [I, ...] by [I, ...] -> [...]."""
    return total(x * y)


def transpose(a: Floats) -> Floats:
    """Exchange the two axes of a matrix."""
    return a.swapaxes(0, 1)


def cholesky(a: Floats) -> Floats:
    """Return the lower triangular L with L L' = a, for symmetric positive definite a [D, D, ...].

    NaN where a is not positive definite.
    """
    size = len(a)
    lower = np.zeros(a.shape)
    rest = a.copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        for j in range(size):
            lower[j:, j] = rest[j:, j] / np.sqrt(rest[j, j])
            if j + 1 < size:
                below = lower[j + 1 :, j]
                rest[j + 1 :, j + 1 :] -= below[:, None] * below[None, :]
    return lower


def solve_lower(lower: Floats, b: Floats) -> Floats:
    """Return x with L x = b by forward substitution: [D, D, ...], [D, ...] -> [D, ...]."""
    x = np.zeros(np.broadcast_shapes(lower.shape[1:], b.shape))
    rest = np.broadcast_to(b, x.shape).copy()
    for j in range(len(lower)):
        x[j] = rest[j] / lower[j, j]
        rest[j + 1 :] -= lower[j + 1 :, j] * x[j]
    return x


def solve_upper(upper: Floats, b: Floats) -> Floats:
    """Return x with U x = b by backward substitution: [D, D, ...], [D, ...] -> [D, ...]."""
    return solve_lower(upper[::-1, ::-1], b[::-1])[::-1]


def inverse(a: Floats) -> tuple[Floats, Floats]:
    """Return the inverse and the log determinant of symmetric positive definite a [D, D, ...].

    NaN where a is not positive definite.
    """
    lower = cholesky(a)
    size = len(a)
    rest = np.broadcast_to(np.eye(size).reshape(size, size, *(1,) * (a.ndim - 2)), a.shape).copy()
    half = np.zeros(a.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        for j in range(size):
            half[j] = rest[j] / lower[j, j]
            rest[j + 1 :] -= lower[j + 1 :, j, None] * half[j]
    return multiply(transpose(half), half), log_determinant(lower)


def log_determinant(lower: Floats) -> Floats:
    """Return log det(L L') of a lower triangular L [D, D, ...]."""
    return 2.0 * total(log(np.stack([lower[j, j] for j in range(len(lower))])))


def exp(x: Floats) -> Floats:
    """Return e^x; 0 below -700, infinity above 700. Within 2 units in the last place."""
    values = np.asarray(x, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        inside = np.clip(values, _LEAST, -_LEAST)
        whole = np.rint(inside * (1.0 / math.log(2)))
        rest = (inside - whole * _LN2_HIGH) - whole * _LN2_LOW
        series = np.full_like(rest, _TERMS[0])
        for term in _TERMS[1:]:
            series = series * rest + term
        result = np.ldexp(series, np.nan_to_num(whole).astype(np.int32))
    result = np.where(values < _LEAST, 0.0, np.where(values > -_LEAST, np.inf, result))
    return np.asarray(np.where(np.isnan(values), np.nan, result))


def log(x: Floats) -> Floats:
    """Return the natural logarithm; -infinity of 0, NaN below. Within 2 units in the last place."""
    values = np.asarray(x, np.float64)
    mantissa, exponent = np.frexp(values)
    small = mantissa < _SQRT_HALF
    mantissa = np.where(small, 2.0 * mantissa, mantissa)
    power = exponent - small
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (mantissa - 1.0) / (mantissa + 1.0)
        square = ratio * ratio
        series = np.full_like(ratio, _ODD[0])
        for term in _ODD[1:]:
            series = series * square + term
        result = power * _LN2_HIGH + (2.0 * ratio * series + power * _LN2_LOW)
    result = np.where(values > 0, result, np.where(values == 0, -np.inf, np.nan))
    return np.asarray(np.where(np.isposinf(values), np.inf, result))


def log_sum_exp(x: Floats) -> Floats:
    """Return log sum exp over the first axis: [N, ...] -> [...]; -infinity where all are."""
    top = x.max(axis=0)
    finite = np.where(np.isfinite(top), top, 0.0)
    return np.asarray(log(total(exp(x - finite))) + finite)
