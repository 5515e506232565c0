"""Evidence and log-odds weighed together: what each of them adds, and what damaged logits never do."""

import itertools
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_evidence import ALPHABET, Hand, calibration, certain, enrol, evidence_model, visitors

from edge.decision.evidence import word_scores
from edge.decision.evidence_model import EvidenceModel
from edge.decision.fusion import Fusion, log_odds, mean_over_symbols
from edge.decision.identify import Identities, Policy
from edge.decision.rule import Verdict
from edge.errors import EvidenceError

ANNA, BERT, EVE = 11, 12, 13
WORD = [0, 1, 2, 3, 1, 2]
RECOGNISED = tuple(5.0 - 0.1 * symbols for symbols in range(1, 21))


def fused_model(weight: float = 1.0, users: tuple[str, ...] = ("anna", "carl")) -> EvidenceModel:
    plain = evidence_model()
    known = plain.inputs["pen"]
    fusion = Fusion(users, weight, known.any_text, known.pin, RECOGNISED, ("invented",))
    return EvidenceModel(ALPHABET, plain.who, {"pen": msgspec.structs.replace(known, fusion=fusion)})


def identities(
    model: EvidenceModel, others: int = 6, pin: str | None = None, policy: Policy | None = None
) -> Identities:
    users = [replace(enrol("anna", Hand(ANNA), pin), output="anna"), enrol("bert", Hand(BERT))]
    return Identities(model, users, visitors(others), policy or Policy())


def logits(symbols: int, anna: float, others: float = 0.0) -> np.ndarray:
    """Return logits [T, 3] of anna, carl and the stranger."""
    return np.tile([anna, others, others], (symbols, 1))


def test_log_odds_are_those_of_the_softmax() -> None:
    values = np.random.default_rng(1).normal(0.0, 3.0, (5, 4, 6))
    y = np.exp(values) / np.exp(values).sum(axis=0)
    np.testing.assert_allclose(log_odds(values), np.log(y / (1.0 - y))[:-1], rtol=1e-9)


def test_log_odds_stay_finite_and_right_where_a_softmax_rounds_to_one() -> None:
    values = np.array([60.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(log_odds(values), [60.0 - np.log(3.0), -60.0, -60.0], rtol=1e-12)
    np.testing.assert_allclose(log_odds(np.array([5.0, 5.0])), [0.0], atol=1e-12)


@given(st.lists(st.floats(-200.0, 200.0), min_size=2, max_size=12))
def test_log_odds_are_finite_and_ordered_as_the_logits(values: list[float]) -> None:
    odds = log_odds(np.asarray(values))
    assert np.isfinite(odds).all()
    for (one, a), (other, b) in itertools.pairwise(sorted(zip(values[:-1], odds.tolist(), strict=True))):
        assert a <= b + 1e-9 or one == other


def test_outputs_weigh_as_in_the_evidence_of_logits_alone() -> None:
    values = np.random.default_rng(2).normal(size=(7, 3))
    y = np.exp(values) / np.exp(values).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(mean_over_symbols(np.log(y[:, :-1])), word_scores(values)[-1], rtol=1e-12)


@pytest.mark.parametrize("pin", [None, "0123"])
def test_without_weight_the_fusion_is_the_evidence_of_who_wrote(pin: str | None) -> None:
    word = WORD if pin is None else [0, 1, 2, 3]
    features, read = Hand(ANNA).write(word), certain(word)
    alone = identities(evidence_model(), pin=pin).opinions(features, read)
    assert identities(fused_model(0.0), pin=pin).opinions(features, read, logits(len(word), 5.0)) == alone


@pytest.mark.parametrize("pin", [None, "0123"])
def test_logits_move_the_ratio_of_who_has_an_output_and_of_nobody_else(pin: str | None) -> None:
    word = WORD if pin is None else [0, 1, 2, 3]
    features, read = Hand(ANNA).write(word), certain(word)
    alone = {o.user: o for o in identities(evidence_model(), pin=pin).opinions(features, read)}
    for said in (-4.0, 4.0):
        fused = {
            o.user: o for o in identities(fused_model(), pin=pin).opinions(features, read, logits(len(word), said))
        }
        assert fused["bert"] == alone["bert"]
        moved = fused["anna"].ratio - alone["anna"].ratio
        assert moved == pytest.approx(calibration().slope[0] * (said - np.log(2.0)))


def test_logits_that_deny_a_user_refuse_him_and_those_of_another_do_not_let_a_stranger_in() -> None:
    known, theirs = identities(fused_model()), Hand(EVE).write(WORD)
    assert known.judge(Hand(ANNA).write(WORD), certain(WORD), logits(6, 4.0), final=True).user == "anna"
    assert known.judge(Hand(ANNA).write(WORD), certain(WORD), logits(6, -500.0), final=True).verdict is Verdict.REJECT
    assert known.judge(theirs, certain(WORD), logits(6, 4.0), final=True).verdict is Verdict.REJECT


def test_where_the_device_is_not_known_no_logits_are_asked() -> None:
    features = Hand(ANNA).write(WORD)
    assert (identities(fused_model()).fused, identities(fused_model(), others=1).fused) == (1, 0)
    alone = identities(evidence_model(), others=1).opinions(features, certain(WORD))
    assert not any(opinion.far_known for opinion in alone)
    assert identities(fused_model(), others=1).opinions(features, certain(WORD)) == alone


@given(
    st.lists(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=4), max_size=7),
    st.booleans(),
)
def test_logits_of_another_shape_or_not_finite_are_never_accepted(values: list[list[float]], final: bool) -> None:
    decision = KNOWN.judge(ANNAS, certain(WORD), values, final=final)
    fits = len(values) == len(WORD) and all(len(row) == 3 and np.isfinite(row).all() for row in values)
    assert fits or decision.verdict is Verdict.UNAVAILABLE


@pytest.mark.parametrize("damage", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", range(6))
def test_one_damaged_logit_makes_the_word_unavailable(damage: float, place: int) -> None:
    values = logits(6, 4.0)
    values[place, 1] = damage
    decision = KNOWN.judge(ANNAS, certain(WORD), values, final=True)
    assert decision.verdict is Verdict.UNAVAILABLE
    assert "logit" in decision.reason


def test_a_fusion_is_read_as_it_was_written_and_a_model_without_one_still_reads() -> None:
    for model in (fused_model(0.75), evidence_model()):
        assert EvidenceModel.decode(model.encode()).inputs == model.inputs
    plain = msgspec.json.encode(msgspec.json.decode(msgspec.json.encode(evidence_model().inputs["pen"])))
    before = msgspec.json.decode(plain)
    del before["fusion"]
    assert msgspec.json.decode(msgspec.json.encode(before), type=type(evidence_model().inputs["pen"])).fusion is None


def test_an_output_is_asked_for_the_hand_that_it_knows_and_not_for_a_name() -> None:
    """Somebody else is enrolled under the name of an output: whom it was trained for does not become him."""
    under_the_name = enrol("anna", Hand(EVE))
    others = (enrol("bert", Hand(BERT)), visitors(6))
    alone = Identities(evidence_model(), [under_the_name, others[0]], others[1], Policy())
    fused = Identities(fused_model(), [under_the_name, others[0]], others[1], Policy())
    assert fused.fused == 0
    for features in (Hand(ANNA).write(WORD), Hand(EVE).write(WORD)):
        said = fused.opinions(features, certain(WORD), logits(len(WORD), 30.0))
        assert said == alone.opinions(features, certain(WORD))


def test_a_user_keeps_his_output_under_another_name() -> None:
    renamed = replace(enrol("anna b.", Hand(ANNA)), output="anna")
    known = Identities(fused_model(), [renamed, enrol("bert", Hand(BERT))], visitors(6), Policy())
    assert known.fused == 1


@given(st.floats(-30.0, 30.0), st.integers(1, 25))
def test_an_output_recognises_a_hand_from_the_odds_that_few_others_reach(said: float, symbols: int) -> None:
    fusion = fused_model().inputs["pen"].fusion
    assert fusion is not None
    odds = said - np.log(2.0)  # of anna against carl and the stranger
    enough = RECOGNISED[min(symbols, 20) - 1]
    if abs(odds - enough) > 1e-6:
        assert fusion.recognises("anna", logits(symbols, said)) is bool(odds > enough)


def test_logits_that_are_damaged_recognise_nobody() -> None:
    fusion = fused_model().inputs["pen"].fusion
    assert fusion is not None
    for damaged in (logits(4, np.nan), logits(0, 1.0), np.zeros((4, 2))):
        with pytest.raises(ValueError, match="logit"):
            fusion.recognises("anna", damaged)


@pytest.mark.parametrize(
    "changes",
    [
        {"weight": -0.1},
        {"weight": float("nan")},
        {"users": ()},
        {"users": ("anna", "anna")},
        {"recognised": (1.0,) * 19},
        {"recognised": (float("inf"),) * 20},
    ],
)
def test_a_fusion_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(EvidenceError):
        msgspec.structs.replace(Fusion(("anna",), 1.0, calibration(), calibration(), RECOGNISED, ()), **changes)


KNOWN = identities(fused_model())
ANNAS = Hand(ANNA).write(WORD)
