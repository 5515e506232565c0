"""Many words at once, by BLAS, say what the gate's own arithmetic says; calibration finds what was put in."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_evidence import FEATURES, Hand, who_model

from edge.decision.error_rates import cllr, cllr_min
from edge.decision.who import enrolled, strangers
from quantize.errors import EvidenceFitError
from quantize.evidence.calibrate import Trials, calibrate, fit_line, misnamed
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


@pytest.mark.parametrize("far", [0.2, 0.03, 0.005, 0.0005])
def test_a_threshold_is_reached_by_no_more_words_than_was_asked_for(far: float) -> None:
    rng = np.random.default_rng(9)
    words = rng.exponential(0.5, 40_000)
    made = calibrate({4: Trials(rng.exponential(0.5, 4_000) + 3.0, words, np.arange(40_000), 40_000, 30)})
    reached = (made.ratio(rng.exponential(0.5, 400_000), 4) >= made.threshold(far, 4)).mean()
    # It is kept with 95 % confidence: 0.005 of 40,000 words are 200, known to 7 %; 0.0005 is beyond what was counted.
    assert 0.6 * far < reached <= 1.05 * far


def test_users_whom_others_pass_for_raise_the_threshold_as_far_as_there_may_be_more_of_them() -> None:
    rng = np.random.default_rng(4)
    claimed = np.repeat(np.arange(40), 1000)
    words = rng.normal(0.0, 1.0, 40_000) + np.where(claimed < 4, 3.0, 0.0)  # one user in ten is easily passed for
    trials = Trials(rng.normal(6.0, 1.0, 4_000), words, claimed, len(words), 40)
    made = calibrate({4: trials})
    plain = np.quantile(made.ratio(words, 4), 0.95)
    assert (made.ratio(words, 4) >= made.threshold(0.05, 4)).mean() < 0.75 * 0.05
    assert made.threshold(0.05, 4) > plain


def test_refusals_rise_as_the_far_falls() -> None:
    rng = np.random.default_rng(3)
    genuine, impostor = rng.normal(3.0, 1.0, 20_000), rng.normal(0.0, 1.0, 20_000)
    made = calibrate({4: Trials(genuine, impostor, np.arange(20_000), 20_000, 30)})
    place = made.fars.index(0.01)
    # The quantile of 1 % of a normal distribution is 2.326; 0.674 below the users' mean lie 25.0 % of their words.
    assert made.refused[place][3] == pytest.approx(0.25, abs=0.02)
    assert list(np.array(made.refused)[:, 3]) == sorted(np.array(made.refused)[:, 3])


def test_too_few_words_of_strangers_are_not_calibrated_on() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(EvidenceFitError, match="150 words of strangers are too few"):
        calibrate({4: Trials(rng.normal(4, 1, 300), rng.normal(-4, 1, 150), np.arange(150), 150, 30)})


def test_a_far_needs_three_errors_in_as_many_trials() -> None:
    rng = np.random.default_rng(1)
    made = calibrate({4: Trials(rng.normal(4, 1, 300), rng.normal(-4, 1, 600), np.arange(600), 600, 30)})
    assert made.least_far == 3 / 600
    assert made.writers == 30
    assert len(made.slope) == 20


def test_one_hand_under_two_names_is_found_and_nobody_else() -> None:
    model, order = who_model(), []
    features, writer, symbol = [], [], []
    for name in range(6):
        for half in range(2):
            hand = Hand(0 if name == 1 and half else name)  # the second half under name 1 is of writer 0's hand
            symbols = np.tile(np.arange(4), 8)
            features.append(hand.write(symbols))
            symbol.append(symbols)
            writer.append(np.full(len(symbols), name))
            order.append(np.arange(len(symbols)) + half * len(symbols))
    writing = Writing(np.concatenate(features), np.concatenate(writer), np.concatenate(symbol))
    found = misnamed(model, writing, np.concatenate(order), np.random.default_rng(0))
    assert found == [0]


def test_of_two_devices_the_stricter_threshold_counts() -> None:
    rng = np.random.default_rng(6)

    def trials(middle: float) -> dict[int, Trials]:
        return {4: Trials(rng.normal(6, 1, 2000), rng.normal(middle, 1, 8000), np.arange(8000), 8000, 40)}

    one, other = trials(0.0), trials(1.0)
    both = calibrate(one, other)
    assert both.slope == calibrate(one).slope
    reached = (both.ratio(other[4].impostor, 4) >= both.threshold(0.05, 4)).mean()
    assert reached == pytest.approx(0.05, rel=0.15)
    assert calibrate(one, one).quantiles == calibrate(one).quantiles
