"""The claims of edge.decision.thresholds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decision.evidence import MAX_SYMBOLS
from edge.decision.thresholds import Thresholds, fit_thresholds
from edge.errors import ThresholdsError


@given(st.integers(300, 900), st.sampled_from([0.01, 0.02, 0.05]), st.booleans(), st.integers(0, 2**32 - 1))
def test_fitted_thresholds_keep_their_far_and_would_not_keep_it_any_lower(
    trials: int, far: float, ties: bool, seed: int
) -> None:
    scores = np.random.default_rng(seed).normal(-3, 1, (trials, MAX_SYMBOLS))
    scores = np.round(scores, 1) if ties else scores
    fitted = fit_thresholds(scores, far, 0.1, min_symbols=2)
    assert (fitted.trials, fitted.far_accept, fitted.min_symbols) == (trials, far, 2)
    for t in range(MAX_SYMBOLS):
        assert np.mean(scores[:, t] >= fitted.accept[t]) <= far
        assert np.mean(scores[:, t] >= fitted.reject[t]) <= 0.1
        assert np.mean(scores[:, t] >= np.nextafter(fitted.accept[t], -np.inf)) > far


def test_a_far_that_the_trials_cannot_show_is_refused() -> None:
    scores = np.random.default_rng(0).normal(size=(299, MAX_SYMBOLS))
    with pytest.raises(ThresholdsError, match="299 strangers' words"):
        fit_thresholds(scores, 0.01)
    with pytest.raises(ThresholdsError):
        fit_thresholds(scores, 0.5, 0.1)
    for wrong in (scores[:, :19], np.full((400, MAX_SYMBOLS), np.nan), np.empty((0, MAX_SYMBOLS)), np.zeros(20)):
        with pytest.raises(ThresholdsError):
            fit_thresholds(wrong)


def test_a_length_finds_its_own_thresholds_and_one_beyond_20_those_of_20() -> None:
    thresholds = Thresholds(tuple(-t / 10 for t in range(20)), tuple(-t / 5 for t in range(20)), 4, 0.01, 0.1, 300)
    for symbols in (1, 2, 19, 20):
        assert thresholds.at(symbols) == (thresholds.accept[symbols - 1], thresholds.reject[symbols - 1])
    accept, reject = thresholds.at(np.array([[3, 20], [21, 4000]]))
    assert accept.tolist() == [[-0.2, -1.9], [-1.9, -1.9]]
    assert reject.tolist() == [[-0.4, -3.8], [-3.8, -3.8]]


@pytest.mark.parametrize(
    "fields",
    [
        ((-0.5,) * 19, (-1.0,) * 20, 3),
        ((-0.5,) * 19, (-1.0,) * 19, 3),
        ((math.nan,) * 20, (-1.0,) * 20, 3),
        ((math.inf,) * 20, (-1.0,) * 20, 3),
        ((-1.0,) * 20, (-0.5,) * 20, 3),
        ((-0.5,) * 20, (-1.0,) * 20, 0),
        ((-0.5,) * 20, (-1.0,) * 20, 21),
    ],
)
def test_thresholds_that_contradict_themselves_cannot_be_made(fields: tuple[object, ...]) -> None:
    with pytest.raises(ThresholdsError):
        Thresholds(*fields, 0.01, 0.1, 1000)
