"""Accuracy, confusions, calibration and temperature are what they are said to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax as scipy_log_softmax

from train.reader.measure import BINS, fit_temperature, log_softmax, measure


def drawn(seed: int, count: int = 4000, sharp: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits that are calibrated at the temperature `sharp`, and labels drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 4))
    chances = np.exp(log_softmax(logits))
    label = (rng.random((count, 1)) > np.cumsum(chances, axis=1)).sum(axis=1).astype(np.int32)
    return logits * sharp, np.minimum(label, 3)


def test_counts_are_by_symbol_and_by_what_was_read() -> None:
    logits = np.eye(3)[[0, 0, 1, 2, 2, 2]] * 9.0
    found = measure("set", logits, np.asarray([0, 1, 1, 2, 2, 0], np.int32), "abc", 1.0)
    assert (found.right, found.fragments, found.accuracy) == (4, 6, pytest.approx(2 / 3))
    assert found.by_symbol == {"a": (1, 2), "b": (1, 2), "c": (2, 2)}
    assert found.confusion == [[1, 0, 1], [1, 1, 0], [0, 0, 2]]


@given(seed=st.integers(0, 50), sharp=st.floats(0.3, 4.0))
def test_the_temperature_makes_the_labels_most_likely(seed: int, sharp: float) -> None:
    logits, label = drawn(seed, 500, sharp)

    def nll(log_temperature: float) -> float:
        chances = scipy_log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-chances[np.arange(len(label)), label].mean())

    best = minimize_scalar(nll, bounds=(np.log(0.05), np.log(40)), method="bounded")
    assert nll(np.log(fit_temperature(logits, label))) <= best.fun + 1e-7


@pytest.mark.parametrize("sharp", [0.5, 1.0, 3.0])
def test_a_calibrated_reader_has_no_calibration_error_and_a_sharpened_one_has(sharp: float) -> None:
    logits, label = drawn(1, 20_000, sharp)
    assert fit_temperature(logits, label) == pytest.approx(sharp, rel=0.05)
    # 20,000 readings in 15 bins: the share of right ones of a bin is off by about 1 / sqrt(4 * 1,300) = 1.4 %.
    assert measure("set", logits, label, "abcd", sharp).ece < 0.014
    assert measure("set", logits, label, "abcd", 4 * sharp).ece > 0.1


def test_bins_hold_every_reading_once_and_say_what_share_is_right() -> None:
    logits, label = drawn(2)
    found = measure("set", logits, label, "abcd", 1.0)
    assert sum(b.fragments for b in found.bins) == len(label)
    assert sum(b.fragments * b.right for b in found.bins) == pytest.approx(found.right, abs=1)  # rounded to 1e-5
    edges = [round(b.probability * BINS - 0.5) for b in found.bins]
    assert edges == sorted(set(edges))


def test_the_softmax_is_scipys_and_does_not_overflow() -> None:
    logits = np.asarray([[0.0, 1e5, -1e5], [3.0, 2.0, 1.0]])
    np.testing.assert_allclose(log_softmax(logits), scipy_log_softmax(logits, axis=1), rtol=1e-12)
