"""Decisions on two sets of logits, and the bound on how many differ."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.decision.error_rates import upper_bound
from edge.decision.evidence import MAX_SYMBOLS
from edge.decision.rule import Verdict, Verdicts, decide
from edge.decision.thresholds import Thresholds
from quantize.losses.decisions import LISTED, judge_words, list_differences, measure_decision_differences
from quantize.model.words import Words

THRESHOLDS = Thresholds((-0.5,) * MAX_SYMBOLS, (-1.5,) * MAX_SYMBOLS, 3, 0.01, 0.1, 300)
USERS = ("ada", "ben", "eve")


def said(verdicts: Verdicts, place: int) -> tuple[Verdict, str | None]:
    user = int(verdicts.users[place])
    return Verdict(int(verdicts.codes[place])), None if user < 0 else USERS[user]


@given(st.lists(st.integers(1, 24), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_all_at_once_decides_as_the_edge_does_one_by_one(lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    words = Words(np.zeros((sum(lengths), 33, 33, 1), np.int8), np.asarray(lengths))
    # Coarse steps, as int8 logits have, so that equal scores occur.
    logits = np.round(rng.normal(0, 2, (sum(lengths), 4)) * 4) / 4
    if seed % 2:
        logits[rng.integers(sum(lengths)), rng.integers(4)] = rng.choice([np.nan, np.inf, -np.inf])
    running, final = judge_words(words, logits, THRESHOLDS)
    for word, (start, length) in enumerate(zip(words.starts, words.lengths, strict=True)):
        for step in range(length):
            decision = decide(logits[start : start + step + 1], THRESHOLDS, USERS, final=False)
            assert said(running, start + step) == (decision.verdict, decision.user)
        decision = decide(logits[start : start + length], THRESHOLDS, USERS, final=True)
        assert said(final, word) == (decision.verdict, decision.user)


@pytest.mark.parametrize("reached", ["accept", "reject"])
def test_a_score_that_just_reaches_a_threshold_is_judged_as_on_the_edge(reached: str) -> None:
    words = Words(np.zeros((4, 33, 33, 1), np.int8), np.asarray([4]))
    logits = np.tile([1.25, 0.0, 0.5, 0.25], (4, 1))
    score = decide(logits, THRESHOLDS, USERS, final=True).score
    assert score is not None
    accept, reject = {"accept": (score, score - 1), "reject": (score + 1, score)}[reached]
    thresholds = Thresholds((accept,) * MAX_SYMBOLS, (reject,) * MAX_SYMBOLS, 3, 0.01, 0.1, 300)
    running, final = (decide(logits, thresholds, USERS, final=ended) for ended in (False, True))
    assert final.verdict is (Verdict.ACCEPT if reached == "accept" else Verdict.REJECT)
    assert (running.verdict, running.user) == (Verdict.LEANING, final.user)
    judged = judge_words(words, logits, thresholds)
    assert said(judged[0], -1) == (running.verdict, running.user)
    assert said(judged[1], 0) == (final.verdict, final.user)


def changed(make_words: Callable[..., Words]) -> tuple[Words, np.ndarray, np.ndarray]:
    """Return 20 words by ada and two sets of logits: in the second, one word ends as ben's, one wavers."""
    words = make_words(20)
    logits = np.tile([9.0, 0.0, 0.0, 0.0], (len(words.fragments), 1))
    other = logits.copy()
    long = [int(w) for w in np.flatnonzero(words.lengths >= 8)]
    start = int(words.starts[long[0]])
    other[start : start + int(words.lengths[long[0]])] = [0.0, 9.0, 0.0, 0.0]
    other[int(words.starts[long[1]]) + 3] = [0.0, 0.0, 0.0, 9.0]
    return words, logits, other


def test_a_word_that_differs_on_the_way_counts_but_not_as_one_that_ends_otherwise(
    make_words: Callable[..., Words],
) -> None:
    words, logits, other = changed(make_words)
    found = measure_decision_differences(words, logits, other, THRESHOLDS)
    assert (found.words, found.symbols, found.final, found.anywhere) == (20, None, 1, 2)
    assert found.final_upper_bound == upper_bound(1, 20)
    assert found.anywhere_upper_bound == upper_bound(2, 20)
    nothing = measure_decision_differences(words, logits, logits, THRESHOLDS)
    assert (nothing.final, nothing.anywhere) == (0, 0)
    assert nothing.final_upper_bound > 0, "no difference in 20 words does not mean none ever"


def test_words_that_end_otherwise_are_listed_with_both_decisions(make_words: Callable[..., Words]) -> None:
    words, logits, other = changed(make_words)
    (listed,) = list_differences(words, logits, other, THRESHOLDS, USERS, ["ada"] * 20)
    assert listed.word == int(np.flatnonzero(words.lengths >= 8)[0])
    assert (listed.written_by, listed.threshold, listed.symbols) == ("ada", -0.5, words.lengths[listed.word])
    assert (listed.expected.decision, listed.expected.user) == ("ACCEPT", "ada")
    assert (listed.got.decision, listed.got.user) == ("ACCEPT", "ben")


def test_a_word_whose_logits_are_damaged_counts_as_decided_otherwise(make_words: Callable[..., Words]) -> None:
    words, logits, _ = changed(make_words)
    damaged = logits.copy()
    damaged[words.starts[3], 3] = -np.inf
    found = measure_decision_differences(words, logits, damaged, THRESHOLDS)
    assert (found.final, found.anywhere) == (1, 1)


def test_a_long_list_is_cut(make_words: Callable[..., Words]) -> None:
    words = Words(np.zeros((400, 33, 33, 1), np.int8), np.full(100, 4))
    first, second = (np.tile(row, (400, 1)) for row in ([9.0, 0, 0, 0], [0, 9.0, 0, 0]))
    assert len(list_differences(words, first, second, THRESHOLDS, USERS)) == LISTED
    assert measure_decision_differences(words, first, second, THRESHOLDS).final == 100
