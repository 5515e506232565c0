"""Many words at once, by BLAS, say what the gate's own arithmetic says; calibration finds what was put in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_evidence import FEATURES, Hand, who_model

from edge.decision.who import enrolled, strangers
from quantize.evidence.calibrate import Trials, calibrate, cllr, cllr_min, fit_line, fit_tail
from quantize.evidence.moments import Writing, fit_who
from quantize.evidence.scores import Person, Spoken

MODEL = who_model()


@settings(deadline=None)
@given(st.integers(0, 500), st.lists(st.integers(0, 3), min_size=1, max_size=9))
def test_both_arithmetics_give_the_same_evidence(seed: int, word: list[int]) -> None:
    hand, symbols = Hand(seed), np.array([0, 1, 2, 3, 0, 0, 1])
    gathered = MODEL.gather(hand.write(symbols), symbols)
    written = hand.write(word)
    z = MODEL.project(written)
    gate = enrolled(MODEL, [gathered], MODEL.means[:, :, None]).log_density(z, word)
    nobody = strangers(MODEL, MODEL.means[:, :, None]).log_density(z, word)
    spoken = Spoken.of(MODEL, z.T, np.array(word), np.arange(len(word))[None])
    # The densities are of the order of 100, their rounding of 1e-13.
    assert Person(MODEL, gathered, MODEL.means).log_density(spoken) == pytest.approx(gate, abs=1e-8)
    assert Person(MODEL, None, MODEL.means).log_density(spoken) == pytest.approx(nobody, abs=1e-8)


def test_moments_are_those_of_the_model_that_wrote() -> None:
    rng = np.random.default_rng(5)
    writers, each = 300, 6
    writer = np.repeat(np.arange(writers), 4 * each)
    symbol = np.tile(np.repeat(np.arange(4), each), writers)
    hand, own = rng.normal(0, 10, (writers, FEATURES)), rng.normal(0, 20, (writers, 4, FEATURES))
    noise = rng.normal(0, 8, (len(writer), FEATURES))
    features = np.clip(np.rint(hand[writer] + own[writer, symbol] + noise), -128, 127).astype(np.int8)
    model = fit_who([Writing(features, writer, symbol)], 4, FEATURES)
    # Noise has unit variance after the projection; the ratios of the others' variances to it are 100 / 64 and 400 / 64.
    # With 300 writers a variance is known to about 15 %.
    assert np.diag(model.noise.mean(axis=0)) == pytest.approx(np.ones(FEATURES), rel=0.15)
    assert np.diag(model.writer).mean() == pytest.approx(100 / 64, rel=0.3)
    assert np.diag(model.symbol.mean(axis=0)).mean() == pytest.approx(400 / 64, rel=0.15)


def test_calibration_recovers_ratios_that_were_scaled_and_moved() -> None:
    rng = np.random.default_rng(8)
    genuine, impostor = rng.normal(2.0, 2.0, 20_000), rng.normal(-2.0, 2.0, 20_000)  # log-likelihood ratios themselves
    slope, offset = fit_line(3.0 * genuine + 5.0, 3.0 * impostor + 5.0)
    assert (slope, offset) == pytest.approx((1 / 3, -5 / 3), rel=0.05)
    assert cllr_min(genuine, impostor) <= cllr(genuine, impostor) <= cllr_min(genuine, impostor) + 0.01


def test_tail_says_which_share_is_above_a_ratio() -> None:
    ratios = np.random.default_rng(9).exponential(0.5, 100_000)
    tail, rate = fit_tail(ratios)
    threshold = tail - np.log(0.001) / rate
    assert (ratios > threshold).mean() == pytest.approx(0.001, rel=0.4)  # 100 words: a standard error of 10 %


def test_a_far_needs_three_errors_in_as_many_trials() -> None:
    rng = np.random.default_rng(1)
    made = calibrate({4: Trials(rng.normal(4, 1, 300), rng.normal(-4, 1, 600), 30)})
    assert made.least_far == 3 / 600
    assert made.writers == 30
    assert len(made.slope) == 20
