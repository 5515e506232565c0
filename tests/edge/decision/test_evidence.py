"""The claims of edge.decision.evidence."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge.decision.evidence import word_scores

logits_of = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 30), st.just(3)), elements=st.floats(-50, 50, allow_nan=False)
)


@given(logits_of)
def test_evidence_is_the_running_mean_of_the_log_softmax_weighted_with_the_sixth_power(logits: np.ndarray) -> None:
    """Compare with the formula, written out symbol by symbol in plain Python."""
    evidence = word_scores(logits)
    for t, k in itertools.product(range(len(logits)), range(2)):
        outputs = logits[: t + 1].tolist()
        logs = [q[k] - math.log(sum(math.exp(v - max(q)) for v in q)) - max(q) for q in outputs]
        weights = [float(s**6) for s in range(1, t + 2)]
        mean = sum(w * x for w, x in zip(weights, logs, strict=True)) / sum(weights)
        assert evidence[t, k] == pytest.approx(mean, abs=1e-9)  # 30 sums of numbers up to 100 in float64


@given(logits_of)
def test_many_words_at_once_score_as_each_alone(logits: np.ndarray) -> None:
    np.testing.assert_array_equal(word_scores(np.stack([logits, -logits]))[1], word_scores(-logits))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("damage", [math.nan, math.inf, -math.inf])
@given(logits_of, st.data())
def test_from_a_logit_that_is_not_finite_on_there_is_no_evidence(
    damage: float, logits: np.ndarray, data: st.DataObject
) -> None:
    """No user has evidence, even where the damaged logit is another user's or the stranger's."""
    sound, place = word_scores(logits), data.draw(st.integers(0, len(logits) - 1))
    logits[place, data.draw(st.integers(0, 2))] = damage
    evidence = word_scores(logits)
    np.testing.assert_array_equal(evidence[:place], sound[:place])
    assert np.isnan(evidence[place:]).all()
