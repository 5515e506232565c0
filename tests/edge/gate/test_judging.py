"""Users of a roster at the gate: who has an output is known by its logits too, and damage of them is nobody."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_evidence import ALPHABET, Hand, certain, enrol, evidence_model, visitors

from edge.bundle.engine import Step
from edge.decision.evidence_model import EvidenceModel
from edge.decision.fusion import Fusion
from edge.decision.identify import Identities, Policy
from edge.decision.rule import Decision, Verdict
from edge.gate.judging import Rule, Seen, WhoMayEnter, judge_word

ANNA, WORD = 11, [0, 1, 2, 3, 1, 2]
FEATURES, READ = Hand(ANNA).write(WORD), certain(WORD)


class NeverAsked:
    """The reader of fragments that were all read before: to ask it is the fault."""

    def read(self, fragments: np.ndarray) -> np.ndarray:
        raise AssertionError("judge_word reads nothing")


def identities(*, fused: bool) -> Identities:
    model = evidence_model()
    known = model.inputs["pen"]
    if fused:
        fusion = Fusion(("anna", "carl"), 1.0, known.any_text, known.pin, (3.0,) * 20, ())
        model = EvidenceModel(ALPHABET, model.who, {"pen": msgspec.structs.replace(known, fusion=fusion)})
    return Identities(model, [replace(enrol("anna", Hand(ANNA)), output="anna")], visitors(6), Policy())


FUSED, ALONE = identities(fused=True), identities(fused=False)
RULE = Rule(None, (), 1, "", may_enter=WhoMayEnter(NeverAsked(), lambda: FUSED))


def judged(known: Identities, logits: list[np.ndarray]) -> Decision:
    seen = [
        Seen(np.zeros((33, 33), np.uint8), Step(after, features), reading, None)
        for after, features, reading in zip(logits, FEATURES, READ, strict=True)
    ]
    return judge_word(RULE, known, seen, final=True)


def every(*logits: float) -> list[np.ndarray]:
    return [np.asarray(logits)] * len(WORD)


def test_logits_decide_with_the_evidence_where_a_user_has_an_output() -> None:
    assert judged(FUSED, every(4.0, 0.0, 0.0)).user == "anna"
    assert judged(FUSED, every(-500.0, 0.0, 0.0)).verdict is Verdict.REJECT
    assert judged(ALONE, every(-500.0, 0.0, 0.0)).user == "anna"


@pytest.mark.parametrize("make", [every, lambda *_: [np.empty(0)] * len(WORD), lambda *_: every(np.nan)])
def test_where_no_user_has_an_output_logits_are_not_looked_at(make: Callable[..., list[np.ndarray]]) -> None:
    assert judged(ALONE, make(0.0, 0.0, 0.0)) == judged(ALONE, every(1.0, 2.0, 3.0))


@given(
    st.lists(
        st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=5).map(np.asarray),
        min_size=len(WORD),
        max_size=len(WORD),
    )
)
def test_logits_that_are_not_of_the_outputs_or_not_finite_are_nobody(logits: list[np.ndarray]) -> None:
    decision = judged(FUSED, logits)
    fits = all(after.shape == (3,) and np.isfinite(after).all() for after in logits)
    assert fits or decision.verdict is Verdict.UNAVAILABLE


@pytest.mark.parametrize("place", range(len(WORD)))
@pytest.mark.parametrize("damaged", [[4.0, 0.0], [4.0, 0.0, 0.0, 0.0], [4.0, np.nan, 0.0], [np.inf, 0.0, 0.0]])
def test_one_fragment_whose_logits_are_damaged_makes_the_word_unavailable(place: int, damaged: list[float]) -> None:
    logits = every(4.0, 0.0, 0.0)
    logits[place] = np.asarray(damaged)
    decision = judged(FUSED, logits)
    assert (decision.verdict, decision.user) == (Verdict.UNAVAILABLE, None)
    assert "logit" in decision.reason
