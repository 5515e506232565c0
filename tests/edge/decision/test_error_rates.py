"""Error rates equal those of brute force, scikit-learn and the definition."""

from collections.abc import Callable
from fractions import Fraction
from math import comb

import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from edge.decision import error_rates
from edge.errors import ScoresError

Scores = NDArray[np.float64]

# A coarse grid of scores, so that ties within and across the sides are the rule.
scores = arrays(np.float64, st.integers(1, 40), elements=st.integers(-8, 8).map(lambda n: n / 4))

# Rates in thousandths, as people ask for them; k/n of n scores is either equal to one of them or well away from it.
rates = st.integers(0, 1000).map(lambda n: n / 1000)


@given(scores, scores)
def test_curve_equals_counting_at_every_threshold(genuine: Scores, impostor: Scores) -> None:
    points = error_rates.curve(genuine, impostor)
    for threshold, far, frr in zip(points.thresholds, points.far, points.frr, strict=True):
        assert far == sum(s >= threshold for s in impostor) / len(impostor)
        assert frr == sum(s < threshold for s in genuine) / len(genuine)


@given(scores, scores)
def test_curve_is_monotone_from_accept_all_to_accept_none(genuine: Scores, impostor: Scores) -> None:
    points = error_rates.curve(genuine, impostor)
    assert (np.diff(points.far) <= 0).all()
    assert (np.diff(points.frr) >= 0).all()
    assert (points.far[0], points.frr[0], points.far[-1], points.frr[-1]) == (1, 0, 0, 1)


@given(scores, scores)
def test_curve_equals_scikit_learn(genuine: Scores, impostor: Scores) -> None:
    labels = np.r_[np.ones(len(genuine)), np.zeros(len(impostor))]
    far, tpr, _ = roc_curve(labels, np.r_[genuine, impostor], drop_intermediate=False)
    points = error_rates.curve(genuine, impostor)
    # scikit-learn divides the same counts, but forms FRR as 1 - TPR: one rounding.
    np.testing.assert_allclose(points.far[::-1], far, atol=1e-15)
    np.testing.assert_allclose(points.frr[::-1], 1 - tpr, atol=1e-15)


@given(scores, scores)
def test_eer_is_where_the_piecewise_linear_curves_cross(genuine: Scores, impostor: Scores) -> None:
    points = error_rates.curve(genuine, impostor)
    place = np.arange(len(points.far))
    fine = np.linspace(0, len(place) - 1, 20 * len(place) * 41 + 1)
    far, frr = np.interp(fine, place, points.far), np.interp(fine, place, points.frr)
    nearest = np.argmin(np.abs(far - frr))
    # Between two samples neither rate can change by more than one step of the grid, 1 / (20 * 41).
    assert points.eer == pytest.approx(far[nearest], abs=2 / (20 * 41))


def crossing(genuine: Scores, impostor: Scores) -> Fraction:
    """Return the EER by exact fractions at every score and a straight line where the two rates cross."""
    previous = (Fraction(0), Fraction(1))
    for at in [*sorted({*genuine, *impostor}), np.inf]:
        frr = Fraction(int((genuine < at).sum()), len(genuine))
        far = Fraction(int((impostor >= at).sum()), len(impostor))
        if frr >= far:
            (frr0, far0), gap = previous, frr - far
            part = (far0 - frr0) / (far0 - frr0 + gap)
            return frr0 + part * (frr - frr0)
        previous = (frr, far)
    raise AssertionError("FRR ends at 1 and FAR at 0")


@given(scores, scores)
def test_eer_is_exact(genuine: Scores, impostor: Scores) -> None:
    found = error_rates.eer(genuine, impostor)
    assert found == pytest.approx(float(crossing(genuine, impostor)), abs=1e-12)


@given(scores, scores)
def test_eer_is_symmetric_when_sides_and_signs_are_swapped(genuine: Scores, impostor: Scores) -> None:
    # Accepting at score >= t and rejecting at score > t differ only at ties, which the line between points joins.
    assert error_rates.eer(genuine, impostor) == pytest.approx(error_rates.eer(-impostor, -genuine), abs=1e-12)


@given(scores, scores, st.floats(0.1, 10), st.floats(-5, 5))
def test_eer_does_not_change_when_scores_are_rescaled(
    genuine: Scores, impostor: Scores, factor: float, shift: float
) -> None:
    rescaled = error_rates.eer(np.round(genuine * factor + shift, 9), np.round(impostor * factor + shift, 9))
    assert rescaled == error_rates.eer(genuine, impostor)


@pytest.mark.parametrize(
    ("genuine", "impostor", "expected"),
    [
        ([1, 2, 3], [-3, -2, -1], 0.0),
        ([-3, -2, -1], [1, 2, 3], 1.0),
        ([0, 0, 0], [0, 0], 0.5),
        ([0.2, 0.8, 0.9, 1.0], [0.0, 0.1, 0.3, 0.85], 0.25),
    ],
    ids=["separated", "reversed", "all tied", "one of four each way"],
)
def test_eer_of_known_cases(genuine: list[float], impostor: list[float], expected: float) -> None:
    assert error_rates.eer(genuine, impostor) == pytest.approx(expected, abs=1e-12)


@given(scores, scores, rates)
@example(np.array([0.0]), np.array([0.25]), 1.0)
def test_threshold_at_far_is_the_lowest_that_keeps_the_rate(genuine: Scores, impostor: Scores, rate: float) -> None:
    threshold = error_rates.threshold_at_far(impostor, rate)
    assert (impostor >= threshold).mean() <= rate + 1e-9
    lower = np.nextafter(threshold, -np.inf)
    if rate < 1:
        assert (impostor >= lower).mean() > rate
    assert error_rates.frr_at_far(genuine, impostor, rate) == (genuine < threshold).mean()


@given(scores, scores, rates)
def test_frr_at_far_is_the_best_of_all_operating_points(genuine: Scores, impostor: Scores, rate: float) -> None:
    every = np.r_[np.unique(np.r_[genuine, impostor]), np.inf]
    best = min((genuine < t).mean() for t in every if (impostor >= t).mean() <= rate + 1e-9)
    assert error_rates.frr_at_far(genuine, impostor, rate) == best


@given(scores, scores, st.integers(2, 30))
def test_det_points_lie_on_the_curve_and_keep_its_ends(genuine: Scores, impostor: Scores, count: int) -> None:
    far, frr = error_rates.det_points(genuine, impostor, count)
    points = error_rates.curve(genuine, impostor)
    assert len(far) <= count
    assert set(zip(far, frr, strict=True)) <= set(zip(points.far, points.frr, strict=True))
    assert (far[0], frr[-1]) == (1, 1)


def test_rank1_counts_a_tie_as_a_miss() -> None:
    evidence = [[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.3, 0.7]]
    assert error_rates.rank1(evidence, [0, 0, 1, 0]) == 0.5


@given(st.integers(0, 2**31), st.integers(2, 6))
@settings(max_examples=30)
def test_rank1_equals_argmax_without_ties(seed: int, users: int) -> None:
    rng = np.random.default_rng(seed)
    evidence, own = rng.normal(size=(50, users)), rng.integers(users, size=50)
    assert error_rates.rank1(evidence, own) == np.mean(evidence.argmax(axis=1) == own)


def make_trials(
    seed: int, users: int = 8, strangers: int = 30, words: int = 10, spread: float = 1.0
) -> error_rates.Trials:
    """Return scores of writers who differ: `spread` is the standard deviation of a writer's mean."""
    rng = np.random.default_rng(seed)
    mine, theirs = np.repeat(np.arange(users), words), np.repeat(users + np.arange(strangers), words)
    genuine = rng.normal(1.5 + spread * rng.normal(size=users)[mine])
    impostor = rng.normal(-1.5 + spread * rng.normal(size=strangers)[theirs - users])
    return error_rates.Trials(genuine, impostor, mine, theirs)


def test_bootstrap_bounds_enclose_the_figure_and_repeat_by_seed() -> None:
    draws = [make_trials(0), make_trials(1)]
    first = error_rates.bootstrap(lambda c: c.eer, draws, rounds=200, seed=3)
    assert first == error_rates.bootstrap(lambda c: c.eer, draws, rounds=200, seed=3)
    assert first.value == pytest.approx(np.mean([error_rates.eer(d.genuine, d.impostor) for d in draws]))
    assert first.low <= first.value <= first.high


def test_bootstrap_equals_repeating_the_words_of_the_writers_drawn() -> None:
    trials = make_trials(5, users=4, strangers=6, words=3)
    seen: list[float] = []

    def record(points: error_rates.Curve) -> float:
        seen.append(points.frr_at_far(0.1))
        return 0.0

    error_rates.bootstrap(record, [trials], rounds=40, seed=9)
    rng = np.random.default_rng(9)
    expected: list[float] = []
    while len(expected) < 40:
        drawn = rng.integers(10, size=10)
        genuine = [s for w in drawn for s in trials.genuine[trials.genuine_writers == w]]
        impostor = [s for w in drawn for s in trials.impostor[trials.impostor_writers == w]]
        if genuine and impostor:
            expected.append(error_rates.frr_at_far(genuine, impostor, 0.1))
    assert seen[:40] == pytest.approx(expected, abs=1e-12)


def test_bootstrap_over_writers_is_wider_than_over_words_when_writers_differ() -> None:
    trials = make_trials(2, users=10, words=40, spread=1.0)
    single = np.arange(len(trials.genuine)), 10_000 + np.arange(len(trials.impostor))
    by_word = error_rates.Trials(trials.genuine, trials.impostor, *single)
    wide = error_rates.bootstrap(lambda c: c.eer, [trials], rounds=200)
    narrow = error_rates.bootstrap(lambda c: c.eer, [by_word], rounds=200)
    # 40 words a writer with as much spread between writers as within: clearly more than chance can undo.
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_bootstrap_bounds_cover_the_true_rate_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(120):
        rates = np.clip(rng.normal(0.3, 0.1, size=40), 0, 1)
        hits = rng.random((40, 20)) < rates[:, None]
        bounds = error_rates.bootstrap_share([(hits.ravel(), np.repeat(np.arange(40), 20))], rounds=150)
        covered += bounds.low <= 0.3 <= bounds.high
    # Binomial(120, 0.93): below 0.84 once in ten thousand; percentile bounds of 40 writers fall a little short.
    assert covered / 120 > 0.84


def test_share_bounds_average_the_draws() -> None:
    draws = [([True, False], [1, 2]), ([True, True, True, False], [1, 1, 3, 3])]
    assert error_rates.bootstrap_share(draws, rounds=50).value == pytest.approx((0.5 + 0.75) / 2)


@pytest.mark.parametrize("trials", [1, 3, 10, 999, 1200, 123_456])
def test_no_far_below_three_over_n_is_ever_printed(trials: int) -> None:
    printed = error_rates.format_far(0.0, trials)
    assert printed.startswith("< ")
    assert float(printed[2:-2]) / 100 >= min(1.0, 3 / trials) * (1 - 1e-9)


def test_far_above_the_floor_is_printed_as_measured() -> None:
    assert error_rates.format_far(0.0123, 1000) == "1.23 %"
    assert error_rates.format_far(0.0, 1200) == "< 0.25 %"
    assert error_rates.format_far(0.003, 1000) == "0.3 %"


@pytest.mark.parametrize(
    "call",
    [
        lambda: error_rates.curve([], [1.0]),
        lambda: error_rates.curve([1.0], [np.nan]),
        lambda: error_rates.eer([np.inf], [1.0]),
        lambda: error_rates.threshold_at_far([1.0], 1.5),
        lambda: error_rates.frr_at_far([1.0], [0.0], -0.1),
        lambda: error_rates.rank1([[1.0, 2.0]], [2]),
        lambda: error_rates.rank1([[1.0, np.nan]], [0]),
        lambda: error_rates.rank1([1.0], [0]),
        lambda: error_rates.far_floor(0),
        lambda: error_rates.Trials(np.ones(1), np.zeros(1), np.arange(2), np.arange(1)),
    ],
)
def test_unusable_scores_are_named(call: Callable[[], object]) -> None:
    with pytest.raises(ScoresError):
        call()


# --- the bound -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 60), st.integers(1, 3000))
@settings(deadline=None)
def test_the_bound_is_clopper_and_pearsons(events: int, trials: int) -> None:
    events = min(events, trials)
    expected = 1.0 if events == trials else scipy.stats.beta.ppf(0.95, events + 1, trials - events)
    assert error_rates.upper_bound(events, trials) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("events", "trials"), [(0, 1979), (1, 1979), (13, 1979), (3, 10)])
def test_at_the_bound_so_few_events_have_a_probability_of_five_per_cent(events: int, trials: int) -> None:
    """Compute the probability by exact fractions."""
    p = Fraction(error_rates.upper_bound(events, trials))
    tail = sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(events + 1))
    assert float(tail) == pytest.approx(0.05, rel=1e-9)


def test_without_an_event_it_is_about_three_in_the_number_of_trials() -> None:
    assert error_rates.upper_bound(0, 1000) == pytest.approx(3 / 1000, rel=0.01)
    assert error_rates.upper_bound(5, 5) == error_rates.upper_bound(0, 0) == 1.0


def test_a_band_holds_the_frr_at_each_far_as_the_bootstrap_of_one_figure_does() -> None:
    rng = np.random.default_rng(3)
    mine, theirs = rng.normal(2, 1, 200), rng.normal(0, 1, 400)
    draw = error_rates.Trials(mine, theirs, np.arange(200) // 20, np.arange(400) // 10 + 50)
    low, high = error_rates.bootstrap_bands([draw], [0.01, 0.1, 0.5], rounds=40)
    alone = error_rates.bootstrap(lambda points: points.frr_at_far(0.1), [draw], rounds=40)
    assert (low[1], high[1]) == (alone.low, alone.high)
    assert (np.diff(low) <= 0).all()
    assert (low <= high).all()
