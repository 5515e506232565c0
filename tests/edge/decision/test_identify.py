"""Who wrote a word, of those who are enrolled: accepted as himself, and nobody else is, whatever is asked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_evidence import ALPHABET, FEATURES, Hand, certain, enrol, evidence_model, visitors

from edge.decision.evidence_model import EvidenceModel
from edge.decision.identify import COMPARED, NEAR, Identities, Policy
from edge.decision.rule import Verdict
from edge.errors import EvidenceError, UserError

ANNA, BERT, EVE = 11, 12, 13
WORD = [0, 1, 2, 3, 1, 2]


def identities(policy: Policy | None = None, pin: str | None = None, others: int = 6) -> Identities:
    users = [enrol("anna", Hand(ANNA), pin), enrol("bert", Hand(BERT))]
    return Identities(evidence_model(), users, visitors(others), policy or Policy())


def test_a_user_is_accepted_as_himself_at_the_end_and_leans_before() -> None:
    features, known = Hand(ANNA).write(WORD), identities()
    final = known.judge(features, certain(WORD), final=True)
    assert (final.verdict, final.user) == (Verdict.ACCEPT, "anna")
    running = known.judge(features, certain(WORD), final=False)
    assert (running.verdict, running.user) == (Verdict.LEANING, "anna")


def test_a_stranger_is_rejected() -> None:
    decision = identities().judge(Hand(EVE).write(WORD), certain(WORD), final=True)
    assert (decision.verdict, decision.user) == (Verdict.REJECT, None)


def test_a_claim_admits_that_user_only() -> None:
    claimed = identities(Policy(claim="bert"))
    assert claimed.judge(Hand(ANNA).write(WORD), certain(WORD), final=True).verdict is Verdict.REJECT
    assert claimed.judge(Hand(BERT).write(WORD), certain(WORD), final=True).user == "bert"
    with pytest.raises(UserError, match="no user 'carl'"):
        identities(Policy(claim="carl"))


def test_a_pin_must_be_written_and_by_its_owner() -> None:
    known, pin = identities(pin="0123"), [0, 1, 2, 3]
    assert known.judge(Hand(ANNA).write(pin), certain(pin), final=True).user == "anna"
    assert known.judge(Hand(EVE).write(pin), certain(pin), final=True).verdict is Verdict.REJECT
    for wrong in ([0, 1, 2, 1], [3, 2, 1, 0], [0, 1, 2, 3, 0]):
        assert known.judge(Hand(ANNA).write(wrong), certain(wrong), final=True).user != "anna"


def test_an_uncertain_reading_is_averaged_over() -> None:
    known, pin = identities(pin="0123"), [0, 1, 2, 3]
    doubtful = certain(pin)
    doubtful[1] = np.log([0.01, 0.48, 0.5, 0.01])
    assert known.judge(Hand(ANNA).write(pin), doubtful, final=True).user == "anna"


@pytest.mark.parametrize("more", [0.1, 29.0, float("inf")])
def test_readings_that_are_no_probabilities_open_nothing(more: float) -> None:
    word = [0, 1, 2, 3]
    decision = identities().judge(Hand(ANNA).write(word), certain(word) + more, final=True)
    assert decision.verdict is Verdict.UNAVAILABLE


def test_a_word_that_is_too_short_is_never_accepted() -> None:
    decision = identities().judge(Hand(ANNA).write([0, 1, 2]), certain([0, 1, 2]), final=True)
    assert decision.verdict is Verdict.REJECT
    assert "3 of at least 4" in decision.reason


def test_on_an_unknown_device_the_strict_threshold_holds_and_is_told() -> None:
    few = Identities(evidence_model(), [enrol("anna", Hand(ANNA))], [], Policy())
    [opinion] = few.opinions(Hand(ANNA).write(WORD), certain(WORD))
    many = Identities(evidence_model(), [enrol("anna", Hand(ANNA))], visitors(6), Policy())
    [known] = many.opinions(Hand(ANNA).write(WORD), certain(WORD))
    assert not opinion.far_known
    assert known.far_known
    assert opinion.threshold > known.threshold
    assert "FAR unknown" in few.judge(Hand(ANNA).write(WORD), certain(WORD), final=True).reason


def test_the_far_is_shared_among_users_without_a_claim() -> None:
    one = identities(Policy(claim="anna")).opinions(Hand(ANNA).write(WORD), certain(WORD))[0]
    both = identities().opinions(Hand(ANNA).write(WORD), certain(WORD))[0]
    assert both.threshold == pytest.approx(one.threshold + np.log(2.0))


def test_among_many_users_the_nearest_are_compared_and_the_decision_is_that_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hands = [Hand(100 + place) for place in range(COMPARED + 25)]
    many = Identities(evidence_model(), [enrol(f"u{k}", h) for k, h in enumerate(hands)], (), Policy(far=0.2))
    words = [(hands[place], [0, 1, 2, 3, place % 4]) for place in range(0, len(hands), 8)]
    words += [(Hand(5000 + place), [3, 2, 1, 0]) for place in range(8)]
    written = [(hand.write(word), certain(word)) for hand, word in words]
    found = [many.judge(*word, final=True) for word in written]
    assert {len(many.opinions(*word)) for word in written} == {COMPARED}
    monkeypatch.setattr("edge.decision.identify.COMPARED", 1000)
    assert [many.judge(*word, final=True) for word in written] == found
    assert {decision.verdict for decision in found} == {Verdict.ACCEPT, Verdict.REJECT}


def test_what_is_far_from_all_writing_is_not_known_here() -> None:
    near = Identities(evidence_model(reach=0.5), [enrol("anna", Hand(ANNA))], visitors(6), Policy())
    decision = near.judge(np.full((4, FEATURES), 127, np.int8), certain([0, 1, 2, 3]), final=True)
    assert decision.verdict is Verdict.REJECT
    assert "not known here" in decision.reason


def two_kinds(reach: float = 1e6) -> EvidenceModel:
    """Return a model of pens, within `reach` of whose writing words are judged, and of a camera, where all are."""
    pen, other = evidence_model(reach=reach), evidence_model(seed=2)
    return EvidenceModel(
        ALPHABET,
        {"pen": pen.who["pen"], "camera": other.who["pen"]},
        {"pen": pen.inputs["pen"], "camera": other.inputs["pen"]},
    )


def test_a_user_of_another_input_brings_no_word_within_reach() -> None:
    """A word too far from what is known of pens stays so when somebody is enrolled whose input has a wide reach."""
    features = Hand(ANNA).write(WORD)
    users = [enrol("anna", Hand(ANNA))]
    alone = Identities(two_kinds(reach=1e-3), users, visitors(6), Policy())
    beside = Identities(
        two_kinds(reach=1e-3), [*users, enrol("bert", Hand(BERT), kind="camera")], visitors(6), Policy()
    )
    for known in (alone, beside):
        assert known.judge(features, certain(WORD), final=True).user is None
    assert "not known here" in alone.judge(features, certain(WORD), final=True).reason


def test_a_board_is_asked_for_users_of_its_own_kind_of_input_only() -> None:
    users = [enrol("anna", Hand(ANNA)), enrol("bert", Hand(BERT), kind="camera")]
    known = Identities(two_kinds(), users, visitors(6), Policy(far=0.2))
    features = Hand(ANNA).write(WORD)
    for kind in ("pen", None):
        assert known.judge(features, certain(WORD), final=True, kind=kind).user == "anna"
    assert known.judge(features, certain(WORD), final=True, kind="camera").user is None
    only = Identities(two_kinds(), users[:1], visitors(6), Policy(far=0.2))
    decision = only.judge(features, certain(WORD), final=True, kind="camera")
    assert (decision.verdict, decision.reason) == (Verdict.REJECT, "nobody is enrolled with input camera")


@given(st.integers(0, 7), st.integers(0, 7))
def test_a_device_is_known_by_those_who_wrote_at_the_same_board(here: int, elsewhere: int) -> None:
    others = [replace(v, board="desk" if k < here else "door") for k, v in enumerate(visitors(here + elsewhere))]
    users = [replace(enrol("anna", Hand(ANNA)), board="desk")]
    [opinion] = Identities(evidence_model(), users, others, Policy()).opinions(Hand(ANNA).write(WORD), certain(WORD))
    assert opinion.far_known is (here >= NEAR)
    alone = Identities(evidence_model(), users, others[:here], Policy())
    assert alone.opinions(Hand(ANNA).write(WORD), certain(WORD)) == [opinion]


def test_users_with_one_pin_share_the_share_of_those_who_know_it_unless_one_is_named() -> None:
    pin = [0, 1, 2, 3]
    features, read = Hand(ANNA).write(pin), certain(pin)

    def threshold(*pins: str | None, claim: str | None = None) -> float:
        users = [enrol(f"u{k}", Hand(ANNA + k), text) for k, text in enumerate(pins)]
        said = Identities(evidence_model(), users, visitors(6), Policy(claim=claim)).opinions(features, read)
        return next(opinion.threshold for opinion in said if opinion.user == "u0")

    alone = threshold("0123")
    assert threshold("0123", "3210", None) == alone
    assert threshold("0123", "0123") == pytest.approx(alone + np.log(2.0))
    assert threshold("0123", "0123", claim="u0") == alone


@pytest.mark.parametrize("damaged", [0, 1, 2])
def test_one_ratio_that_is_no_number_makes_the_word_unavailable_whosever_it_is(
    damaged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Identities(evidence_model(), [enrol(f"u{k}", Hand(ANNA + k)) for k in range(3)], visitors(6), Policy())
    opinions = known.opinions(Hand(ANNA).write(WORD), certain(WORD))
    opinions[damaged] = opinions[damaged]._replace(ratio=float("nan"))
    monkeypatch.setattr(known, "opinions", lambda *_: opinions)
    decision = known.judge(Hand(ANNA).write(WORD), certain(WORD), final=True)
    assert decision.verdict is Verdict.UNAVAILABLE


def test_a_kind_of_input_without_a_model_is_refused_and_an_unknown_one_is_judged_by_likeness() -> None:
    with pytest.raises(EvidenceError, match="camera"):
        Identities(evidence_model(), [enrol("anna", Hand(ANNA), kind="camera")], [], Policy())
    features = Hand(ANNA).write(WORD)
    unknown, pen = (
        Identities(evidence_model(), [enrol("anna", Hand(ANNA), kind=kind)], [], Policy())
        for kind in ("unknown", "pen")
    )
    decision = unknown.judge(features, certain(WORD), final=True)
    assert decision.score is not None
    assert decision == pen.judge(features, certain(WORD), final=True)


def test_nobody_enrolled_accepts_nobody() -> None:
    nobody = Identities(evidence_model(), [], visitors(6), Policy())
    assert nobody.judge(Hand(ANNA).write(WORD), certain(WORD), final=True).verdict is Verdict.REJECT


EARLY = Policy(early=True)
LONG = [0, 1, 2, 3] * 3


def test_a_user_without_a_pin_is_accepted_before_the_end_for_good_by_a_higher_threshold() -> None:
    features, known = Hand(ANNA).write(LONG), identities(EARLY)
    decision = known.judge(features, certain(LONG), final=False)
    assert (decision.verdict, decision.user, decision.final) == (Verdict.ACCEPT, "anna", True)
    assert "before the end" in decision.reason
    [anna, _] = known.opinions(features, certain(LONG))
    [plain, _] = identities().opinions(features, certain(LONG))
    assert decision.threshold == anna.early > anna.threshold > plain.threshold
    assert plain.early == np.inf
    assert (known.early_users, identities().early_users) == (2, 0)


def test_what_is_not_enough_early_leans_and_a_stranger_is_not_rejected_before_the_end() -> None:
    known = identities(EARLY)
    short = known.judge(Hand(ANNA).write(LONG[:3]), certain(LONG[:3]), final=False)
    stranger = known.judge(Hand(EVE).write(LONG), certain(LONG), final=False)
    for decision in (short, stranger):
        assert (decision.verdict, decision.user, decision.final) == (Verdict.LEANING, None, False)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.sampled_from(["anna", None]))
def test_who_has_a_pin_is_never_accepted_before_the_end(written: list[int], claim: str | None) -> None:
    """The length of a PIN is part of it: another symbol may follow, and then it was not this PIN."""
    known = WITH_PIN[claim]
    text = [*written, 0, 1, 2, 3][-max(4, len(written)) :]
    for end in range(1, len(text) + 1):
        decision = known.judge(Hand(ANNA).write(text[:end]), certain(text[:end]), final=False)
        assert decision.verdict is Verdict.LEANING
    assert known.judge(Hand(ANNA).write([0, 1, 2, 3]), certain([0, 1, 2, 3]), final=True).user == "anna"


def test_a_pin_is_judged_as_if_nobody_were_let_in_early() -> None:
    pin = [0, 1, 2, 3]
    [early] = identities(Policy(early=True, claim="anna"), "0123").opinions(Hand(ANNA).write(pin), certain(pin))
    [late] = identities(Policy(claim="anna"), "0123").opinions(Hand(ANNA).write(pin), certain(pin))
    assert (early.threshold, early.early) == (late.threshold, np.inf)
    assert identities(EARLY, "0123").early_users == 1
    assert identities(Policy(early=True, claim="anna"), "0123").early_users == 0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=24), st.integers(1, 30), st.sampled_from([ANNA, BERT, EVE]))
def test_nobody_is_accepted_early_whom_the_end_would_refuse_there(text: list[int], least: int, hand: int) -> None:
    known = identities(Policy(far=0.3, early=True, min_symbols=least))
    features = Hand(hand).write(text)
    running, end = (known.judge(features, certain(text), final=final) for final in (False, True))
    assert running.verdict in (Verdict.ACCEPT, Verdict.LEANING)
    assert running.user == end.user
    assert running.verdict is Verdict.LEANING or (len(text) >= least and end.verdict is Verdict.ACCEPT)


@given(
    st.lists(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=0, max_size=5), max_size=5),
    st.integers(0, 6),
    st.booleans(),
    st.booleans(),
)
def test_whatever_is_read_nothing_is_raised_and_damage_is_never_accepted(
    read: list[list[float]], symbols: int, final: bool, early: bool
) -> None:
    features = np.full((symbols, FEATURES), 3, np.int8)
    try:
        values = np.array(read, np.float64)
    except ValueError:
        return
    decision = KNOWN[early].judge(features, values, final=final)
    fits = values.shape == (symbols, len(ALPHABET)) and symbols > 0 and bool(np.isfinite(values).all())
    assert fits or decision.verdict in (Verdict.UNAVAILABLE, Verdict.REJECT, Verdict.LEANING)


KNOWN = {early: identities(Policy(early=early)) for early in (False, True)}
WITH_PIN = {
    "anna": identities(Policy(early=True, claim="anna"), "0123"),
    None: Identities(evidence_model(), [enrol("anna", Hand(ANNA), "0123")], visitors(6), EARLY),
}
