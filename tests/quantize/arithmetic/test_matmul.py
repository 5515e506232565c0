"""Matrix products of integers are exact, and computed on one thread."""

import sys
from fractions import Fraction

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from quantize.arithmetic.matmul import Matrix, single_thread


def test_the_accumulator_is_exact_where_float32_would_round() -> None:
    """864 products of 127 and 128 pass 2^24: the matrix must use float64, and wrap at 32 bits like C."""
    weights = np.full((1, 2000), 127, dtype=np.int8)
    weights[0, 0] = 126
    matrix = Matrix(weights, np.asarray([2**31 - 1], dtype=np.int64), 0)
    assert matrix.dtype is np.float64
    x = np.full((1, 2000), 127, dtype=np.int8)
    total = 2000 * 127 * 127 - 127 + 2**31 - 1
    assert matrix.accumulate(x.astype(np.float64))[0, 0] == total - 2**32
    assert Fraction(total) > 2**31


def blas_threads() -> set[int]:
    """Return the number of threads of NumPy's matrix products now."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_computes_on_one_thread_inside_and_on_as_many_as_before_outside() -> None:
    with threadpool_limits(2, user_api="blas"):
        assert blas_threads() == {2}
        with single_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {2}


def test_without_threadpoolctl_the_number_of_threads_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with threadpool_limits(2, user_api="blas"):
        monkeypatch.setitem(sys.modules, "threadpoolctl", None)
        with single_thread():
            assert blas_threads() == {2}
