"""The claims of edge.decision.rule."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge.decision.evidence import word_scores
from edge.decision.rule import Decision, Verdict, decide, unavailable
from edge.decision.thresholds import Thresholds

USERS = ["Ada", "Ben"]
FLAT = Thresholds((-0.5,) * 20, (-1.5,) * 20, 3, 0.01, 0.1, 1000)

logits_of = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 30), st.just(3)), elements=st.floats(-50, 50, allow_nan=False)
)


@given(logits_of, st.booleans())
def test_the_rule_holds_for_any_logits(logits: np.ndarray, final: bool) -> None:
    decision = decide(logits, FLAT, USERS, final=final)
    symbols, score = len(logits), float(word_scores(logits)[-1].max())
    assert decision.score == score
    assert (decision.symbols, decision.final) == (symbols, final)
    assert (decision.verdict is Verdict.ACCEPT) == (symbols >= 3 and score >= -0.5)
    assert (decision.user in USERS) == (decision.verdict is Verdict.ACCEPT)
    if final:
        assert decision.verdict in (Verdict.ACCEPT, Verdict.REJECT)
    else:
        assert (decision.verdict is Verdict.REJECT) == (symbols >= 3 and score < -1.5)


def test_the_accepted_user_is_the_one_with_the_most_evidence() -> None:
    decision = decide(np.tile([0.0, 9.0, 0.0], (4, 1)), FLAT, USERS, final=True)
    assert (decision.verdict, decision.user) == (Verdict.ACCEPT, "Ben")


def test_words_longer_than_20_are_judged_as_words_of_20() -> None:
    accept = tuple(-1.0 - t / 100 for t in range(20))
    rule = Thresholds(accept, accept, 1, 0.01, 0.1, 1000)
    logits = np.tile(np.log([math.exp(-1.195), 0.1, 1 - 0.1 - math.exp(-1.195)]), (40, 1))
    assert decide(logits[:20], rule, USERS, final=True).verdict is Verdict.REJECT
    assert decide(logits, rule, USERS, final=True).verdict is Verdict.REJECT
    lower = Thresholds((-1.0,) * 19 + (-1.2,), (-2.0,) * 20, 1, 0.01, 0.1, 1000)
    assert decide(logits[:19], lower, USERS, final=True).verdict is Verdict.REJECT
    assert decide(logits, lower, USERS, final=True).verdict is Verdict.ACCEPT


@pytest.mark.parametrize("damage", [math.nan, math.inf, -math.inf])
@given(data=st.data())
def test_one_number_that_is_not_finite_makes_it_unavailable(damage: float, data: st.DataObject) -> None:
    logits = np.tile([9.0, 0.0, 0.0], (5, 1))
    logits[data.draw(st.integers(0, 4)), data.draw(st.integers(0, 2))] = damage
    assert decide(logits, FLAT, USERS, final=True).verdict is Verdict.UNAVAILABLE


@pytest.mark.parametrize(
    "logits",
    [
        np.zeros((0, 3)),
        np.zeros((4, 2)),
        np.zeros((4, 4)),
        np.zeros(3),
        np.zeros((1, 4, 3)),
        None,
        "abc",
        [[1, 2], [3]],
    ],
)
def test_logits_of_another_shape_are_unavailable(logits: object) -> None:
    assert decide(logits, FLAT, USERS, final=True).verdict is Verdict.UNAVAILABLE
    assert decide(logits, FLAT, [], final=False).verdict is Verdict.UNAVAILABLE


@pytest.mark.filterwarnings("error")
def test_logits_at_the_ends_of_float64_never_accept_by_overflow() -> None:
    for signs in itertools.product([-1.7e308, 0.0, 1.7e308], repeat=3):
        decision = decide(np.tile(signs, (4, 1)), FLAT, USERS, final=True)
        best = max(signs[:2])
        assert decision.verdict is not Verdict.ACCEPT or best > signs[2]


@pytest.mark.parametrize("value", [0, 1, -1, None, False, True, "", "ACCEPT", b"", 0xFFFFFFFF, math.nan, (), 2**64])
def test_a_value_that_is_no_verdict_reads_as_unavailable(value: object) -> None:
    assert Verdict(value) is Verdict.UNAVAILABLE


def test_up_to_15_flipped_bits_never_make_one_verdict_of_another() -> None:
    for one, two in itertools.combinations(Verdict, 2):
        assert (one.value ^ two.value).bit_count() >= 16


def test_neither_a_verdict_nor_a_decision_can_be_used_as_a_bool() -> None:
    for value in (*Verdict, unavailable("x", 0)):
        with pytest.raises(TypeError, match="no truth value"):
            bool(value)


@pytest.mark.parametrize(
    "fields",
    [
        (Verdict.ACCEPT, None, -0.1, 4, True, ""),
        (Verdict.ACCEPT, "", -0.1, 4, True, ""),
        (Verdict.ACCEPT, "Ada", None, 4, True, ""),
        (Verdict.ACCEPT, "Ada", math.nan, 4, True, ""),
        (Verdict.ACCEPT, "Ada", -0.1, 0, True, ""),
        (Verdict.REJECT, "Ada", -0.1, 4, True, ""),
        (Verdict.CONTINUE, None, -0.1, 4, True, ""),
    ],
)
def test_a_decision_that_contradicts_itself_cannot_be_made(fields: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"ACCEPT|names no user|never final"):
        Decision(*fields)
