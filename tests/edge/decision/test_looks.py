"""Whatever a word's length, the looks at it together spend the FAR, and never more."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_evidence import calibration

from edge.decision.evidence import MAX_SYMBOLS
from edge.decision.looks import EARLY, share_of_end, share_of_look

FAR, WORDS = 0.05, 100_000


@given(first=st.integers(1, 40), length=st.integers(1, 1024))
def test_all_looks_at_a_word_together_spend_the_far_and_no_more(first: int, length: int) -> None:
    before = [share_of_look(symbols, first) for symbols in range(1, length)]
    assert sum(before) + share_of_end(length, first) == pytest.approx(1.0, abs=1e-12)
    assert all(share >= 0 for share in before)
    assert 1 - EARLY <= share_of_end(length, first) <= 1.0


@given(first=st.integers(1, 40), symbols=st.integers(1, 1024))
def test_a_look_before_the_end_never_asks_for_less_than_the_end(first: int, symbols: int) -> None:
    assert share_of_look(symbols, first) < share_of_end(symbols, first)


@given(first=st.integers(1, 40), symbols=st.integers(1, 1024))
def test_there_is_no_look_before_the_first_symbol_allowed_nor_where_nothing_is_calibrated(
    first: int, symbols: int
) -> None:
    if not first <= symbols <= MAX_SYMBOLS:
        assert share_of_look(symbols, first) == 0
    elif symbols == first:
        assert share_of_look(symbols, first) > 0


@pytest.mark.parametrize("length", [4, 12, 20, 30])
@pytest.mark.parametrize("alike", [False, True], ids=["every look sees another ratio", "all looks see the same ratio"])
def test_counted_over_all_looks_strangers_get_in_as_often_as_the_far_says(length: int, alike: bool) -> None:
    """Draw strangers' ratios as the calibration has them: a share of exp(-ratio) is higher.

    Looks that see ratios which have nothing to do with each other are nearly the worst that can be: what they let in
    adds up to the FAR, less the words that two of them let in.
    """
    known, rng = calibration(rate=1.0), np.random.default_rng(length)
    ratios = rng.exponential(size=(WORDS, 1 if alike else length)) * np.ones(length)
    accepted = ratios[:, -1] >= known.threshold(FAR * share_of_end(length, 4), length)
    looks = [symbols for symbols in range(1, length + 1) if share_of_look(symbols, 4)]
    for symbols in looks:
        accepted |= ratios[:, symbols - 1] >= known.threshold(FAR * share_of_look(symbols, 4), symbols)
    counted, deviation = accepted.mean(), np.sqrt(FAR * (1 - FAR) / WORDS)
    assert counted <= FAR + 4 * deviation
    assert counted >= (1 - EARLY if alike else 1.0) * FAR - 4 * deviation - FAR**2
