"""The claims of edge.decision.rule."""

import itertools
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge.decision.evidence import MAX_SYMBOLS, word_scores
from edge.decision.rule import Decision, Verdict, decide, judge, unavailable
from edge.decision.thresholds import Thresholds

USERS = ["Ada", "Ben"]
FLAT = Thresholds((-0.5,) * 20, (-1.5,) * 20, 3, 0.01, 0.1, 1000)


@st.composite
def words_and_thresholds(draw: st.DrawFn) -> tuple[list[np.ndarray], Thresholds, list[bool]]:
    """Draw words of 1 to 26 symbols for two users, some damaged, and thresholds, many equal to a score.

    Logits are coarse steps, as int8 ones are, so that users tie.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lengths = draw(st.lists(st.integers(1, 26), min_size=1, max_size=6))
    words = [np.round(rng.normal(0, 2, (length, 3)) * 4) / 4 for length in lengths]
    damage = st.sampled_from([math.nan, math.inf, -math.inf, 1.7e308, -1.7e308])
    for word in draw(st.lists(st.sampled_from(words), max_size=2)):
        word[draw(st.integers(0, len(word) - 1)), draw(st.integers(0, 2))] = draw(damage)
    scores = [float(word_scores(word)[-1].max()) for word in words]
    limits = [score for score in scores if math.isfinite(score)] + [-0.5, -1.5, -3.0]
    accept, reject = (rng.choice(limits, 20) for _ in range(2))
    low, high = np.minimum(accept, reject).tolist(), np.maximum(accept, reject).tolist()
    thresholds = Thresholds(tuple(high), tuple(low), draw(st.integers(1, 20)), 0.01, 0.1, 1000)
    return words, thresholds, draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))


def as_promised(word: np.ndarray, thresholds: Thresholds, final: bool) -> tuple[Verdict, str | None]:
    """Return the verdict by the promised rule, in plain Python."""
    evidence = word_scores(word)[-1].tolist()
    score, position = max(evidence), min(len(word), MAX_SYMBOLS) - 1
    if not all(math.isfinite(q) for q in word.ravel()) or not math.isfinite(score):
        return Verdict.UNAVAILABLE, None
    if len(word) >= thresholds.min_symbols and score >= thresholds.accept[position]:
        return (Verdict.ACCEPT if final else Verdict.LEANING), USERS[evidence.index(score)]
    return (Verdict.REJECT if final else Verdict.LEANING), None


@given(words_and_thresholds())
@settings(max_examples=300, deadline=None)
@pytest.mark.filterwarnings("error")
def test_many_words_at_once_are_judged_as_each_alone_and_as_promised(
    case: tuple[list[np.ndarray], Thresholds, list[bool]],
) -> None:
    words, thresholds, finals = case
    evidence = np.stack([word_scores(word)[-1] for word in words])
    judged = judge(evidence, np.array([len(word) for word in words]), thresholds, final=np.array(finals))
    for place, (word, final) in enumerate(zip(words, finals, strict=True)):
        alone = decide(word, thresholds, USERS, final=final)
        verdict, user = as_promised(word, thresholds, final)
        assert (alone.verdict, alone.user) == (verdict, user)
        assert Verdict(int(judged.codes[place])) is verdict
        assert judged.users[place] == (-1 if user is None else USERS.index(user))
        assert (alone.symbols, alone.final) == (len(word), final)
        assert alone.score is None if verdict is Verdict.UNAVAILABLE else alone.score == judged.scores[place]


def test_a_table_of_words_is_judged_at_every_length_at_once() -> None:
    logits = np.round(np.random.default_rng(0).normal(0, 2, (50, 25, 3)) * 4) / 4
    judged = judge(word_scores(logits), np.arange(1, 26), FLAT, final=False)
    assert judged.codes.shape == (50, 25)
    for word, symbols in itertools.product(range(50), range(1, 26)):
        alone = decide(logits[word, :symbols], FLAT, USERS, final=False)
        assert Verdict(int(judged.codes[word, symbols - 1])) is alone.verdict


@given(
    hnp.arrays(np.float64, (30, 2), elements=st.sampled_from([math.nan, math.inf, -math.inf, -0.25, -9.0])),
    hnp.arrays(np.int64, 30, elements=st.integers(-3, 60)),
    hnp.arrays(np.bool_, 30),
)
def test_what_is_not_finite_or_has_no_symbol_is_unavailable_and_nothing_else_is(
    evidence: np.ndarray, symbols: np.ndarray, final: np.ndarray
) -> None:
    judged = judge(evidence, symbols, FLAT, final=final)
    damaged = ~np.isfinite(evidence.max(axis=1)) | (symbols < 1)
    np.testing.assert_array_equal(judged.codes == Verdict.UNAVAILABLE.value, damaged)
    assert (judged.users[damaged] == -1).all()
    assert set(judged.codes.tolist()) <= {verdict.value for verdict in Verdict}


@pytest.mark.parametrize("final", [False, True])
@given(hnp.arrays(np.float64, (6, 3), elements=st.floats(-99, 99)))
def test_where_the_far_is_unknown_no_score_is_enough_and_every_decision_says_so(
    final: bool, logits: np.ndarray
) -> None:
    shut = msgspec.structs.replace(FLAT, far_known=False)
    for word in (logits, np.tile([[99.0, 0.0, 0.0]], (6, 1))):
        decision = decide(word, shut, USERS, final=final)
        assert decision.verdict is (Verdict.REJECT if final else Verdict.LEANING)
        assert decision.user is None
        assert "FAR unknown" in decision.reason
    assert decide(np.tile([[99.0, 0.0, 0.0]], (6, 1)), FLAT, USERS, final=final).user == USERS[0]


@pytest.mark.parametrize("final", [False, True])
def test_a_word_too_short_is_never_accepted_and_leans_to_nobody(final: bool) -> None:
    for symbols, score in itertools.product((1, 2), (0.0, -99.0)):
        judged = judge(np.array([score, -100.0]), symbols, FLAT, final=final)
        assert Verdict(int(judged.codes)) is (Verdict.REJECT if final else Verdict.LEANING)
        assert judged.users == -1


def test_a_running_word_is_neither_accepted_nor_rejected_and_says_where_it_leans() -> None:
    high, middle, low = ([0.0, 9.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 9.0])
    said = [decide(np.tile(row, (4, 1)), FLAT, USERS, final=False) for row in (high, middle, low)]
    assert [d.verdict for d in said] == [Verdict.LEANING] * 3
    assert [d.user for d in said] == ["Ben", None, None]
    assert [d.reason for d in said] == [
        "score above the threshold", "score between the thresholds", "score below the threshold"
    ]  # fmt: skip


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


def test_a_number_beyond_all_floats_and_a_user_without_a_name_are_unavailable() -> None:
    assert decide([[10**400, 0, 0, 0]] * 4, FLAT, USERS, final=True).verdict is Verdict.UNAVAILABLE
    certain = [[50.0] + [0.0] * len(USERS)] * 8
    assert decide(certain, FLAT, USERS, final=True).verdict is Verdict.ACCEPT
    assert decide(certain, FLAT, ["", *USERS[1:]], final=True).verdict is Verdict.UNAVAILABLE


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
        (Verdict.UNAVAILABLE, "Ada", -0.1, 4, True, ""),
        (Verdict.ACCEPT, "Ada", -0.1, 4, False, ""),
        (Verdict.ACCEPT, "Ada", -0.1, 4, None, ""),
        (Verdict.REJECT, None, -0.1, 4, False, ""),
        (Verdict.LEANING, None, -0.1, 4, True, ""),
        (Verdict.LEANING, "", -0.1, 4, False, ""),
        (Verdict.LEANING, "Ada", None, 4, False, ""),
        (Verdict.LEANING, "Ada", math.inf, 4, False, ""),
        (Verdict.LEANING, "Ada", -0.1, 0, False, ""),
    ],
)
def test_a_decision_that_contradicts_itself_cannot_be_made(fields: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"ACCEPT|names no user|always final|never final"):
        Decision(*fields)
