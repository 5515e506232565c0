"""Integers times integer weights -> exact accumulators, by a float product that cannot round."""

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module

import numpy as np

from quantize.arithmetic.fixedpoint import Int, wrap_int32
from quantize.model.graph import Array


def single_thread() -> AbstractContextManager[object]:
    """Return a context in which BLAS uses one thread.

    Products as small as these are slower on two threads, three times slower on a busy machine. Without threadpoolctl
    nothing but the speed changes.
    """
    try:
        limits = import_module("threadpoolctl").threadpool_limits
    except ImportError:
        return nullcontext()
    limited: AbstractContextManager[object] = limits(1, user_api="blas")
    return limited


class Matrix:
    """Integer weights [outputs, depth], bias [outputs] and the input's zero point, ready to multiply.

    A sum of products of integers is exact in floating point, in whatever order or grouping BLAS forms it and with fused
    multiply-adds or not, as long as no partial sum can pass 2^24 (float32) or 2^53 (float64): every intermediate result
    is then an integer that the type holds. The largest possible partial sum is 128 times the largest sum of a row's
    absolute weights, since inputs are int8; `dtype` is the smaller type for which that suffices. The zero point is
    taken out of the product: sum w (x - z) = sum w x - z sum w.
    """

    def __init__(self, weights: Array, bias: Int, zero_point: int) -> None:
        wide = weights.astype(np.int64)
        bound = 128 * int(np.abs(wide).sum(axis=1).max(initial=0))
        self.dtype: type[np.float32] | type[np.float64] = np.float32 if bound < 2**24 else np.float64
        self._transposed = np.ascontiguousarray(wide.T.astype(self.dtype))
        self._constant: Int = bias - zero_point * wide.sum(axis=1)

    def accumulate(self, x: Array) -> Int:
        """Return the int32 accumulators [rows, outputs], wrapped at 32 bits, of int8 values [rows, depth].

        x holds the int8 values as `dtype`.
        """
        product = (x @ self._transposed).astype(np.int64)
        product += self._constant
        return wrap_int32(product)
