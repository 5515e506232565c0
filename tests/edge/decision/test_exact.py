"""Arithmetic with the same bits everywhere, held against NumPy's and math's."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decision import exact

ULP = 2.0**-52


def positive_definite(seed: int, size: int, cases: int) -> np.ndarray:
    a = np.random.default_rng(seed).normal(size=(size, size, cases))
    return exact.multiply(a, exact.transpose(a)) + np.eye(size)[:, :, None]


@given(st.floats(-690.0, 690.0))
def test_exp_is_within_two_units_in_the_last_place(x: float) -> None:
    assert abs(float(exact.exp(np.array(x))) / math.exp(x) - 1.0) <= 2 * ULP


@given(st.floats(1e-300, 1e300))
def test_log_is_within_two_units_in_the_last_place(x: float) -> None:
    wanted = math.log(x)
    assert abs(float(exact.log(np.array(x))) - wanted) <= 2 * ULP * max(abs(wanted), 1e-16)


def test_ends_of_exp_and_log_are_those_of_ieee() -> None:
    with np.errstate(all="ignore"):
        assert exact.exp(np.array([-800.0, 800.0, 0.0])).tolist() == [0.0, math.inf, 1.0]
        assert exact.log(np.array([0.0, math.inf, 1.0])).tolist() == [-math.inf, math.inf, 0.0]
        assert np.isnan(exact.exp(np.array([math.nan]))).all()
        assert np.isnan(exact.log(np.array([-1.0, math.nan]))).all()


@given(st.integers(0, 1000), st.integers(1, 9), st.integers(1, 4))
def test_inverse_and_determinant_are_those_of_lapack(seed: int, size: int, cases: int) -> None:
    a = positive_definite(seed, size, cases)
    inverse, log_determinant = exact.inverse(a)
    moved = np.moveaxis(a, -1, 0)
    scale = np.abs(np.linalg.inv(moved)).max()
    # Condition numbers are below 1e4 here, so 1e-10 is a million times the rounding.
    assert np.allclose(np.moveaxis(inverse, -1, 0), np.linalg.inv(moved), rtol=0, atol=1e-10 * scale)
    assert np.allclose(log_determinant, np.linalg.slogdet(moved)[1], rtol=0, atol=1e-10)


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 3))
def test_substitution_solves_both_triangles(seed: int, size: int, cases: int) -> None:
    lower = exact.cholesky(positive_definite(seed, size, cases))
    x = np.random.default_rng(seed).normal(size=(size, cases))
    assert exact.solve_lower(lower, exact.apply(lower, x)) == pytest.approx(x, rel=1e-6, abs=1e-8)
    upper = exact.transpose(lower)
    assert exact.solve_upper(upper, exact.apply(upper, x)) == pytest.approx(x, rel=1e-6, abs=1e-8)


def test_what_is_not_positive_definite_becomes_nan() -> None:
    with np.errstate(invalid="ignore"):
        _, log_determinant = exact.inverse(np.array([[[1.0], [2.0]], [[2.0], [1.0]]]))
    assert np.isnan(log_determinant).all()


def test_the_bits_are_those_that_every_machine_gives() -> None:
    rng = np.random.default_rng(7)  # uniform numbers are made of whole numbers, so they are the same everywhere
    x, b = 20.0 * rng.random(4096) - 10.0, rng.random((12, 12, 5))
    a = exact.multiply(b, exact.transpose(b)) + np.eye(12)[:, :, None]
    parts = [exact.exp(x), exact.log(np.abs(x)), *exact.inverse(a), exact.log_sum_exp(x.reshape(64, 64))]
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()
    assert digest == DIGEST


DIGEST = "8ba289d2f7217412385fab7287cc3542f7434f1b5d846d98e194aebac249ff04"
