"""What a fusion is fitted to, by a real interpreter, and which weight it takes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bundle.engine import Engine
from edge.decision.enrolment import Enrolment, Visitor
from edge.decision.error_rates import cllr_min
from edge.decision.evidence_model import EvidenceModel, Input
from edge.decision.fusion import Fusion
from edge.decision.identify import Identities, Policy
from edge.decision.who import WhoModel
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import FragmentSet
from edge.ink.symbols import SYMBOLS
from quantize.errors import EvidenceFitError
from quantize.evidence import fusion
from quantize.evidence.fit import readable
from quantize.evidence.fusion import WEIGHTS, Both, Parts, choose_weight, draw_pin, fit_fusion
from quantize.evidence.moments import Writing, fit_who

ALPHABET, USERS = "0123", ("anna", "bert", "carl", "dora")


def both(who: float, odds: float, seed: int = 0) -> Both:
    """Return words that evidence and log-odds tell apart by so many standard deviations each."""
    rng = np.random.default_rng(seed)
    mine, theirs = rng.normal(size=(2, 500)), rng.normal(size=(2, 3000))
    return Both(mine[0] + who, mine[1] + odds, theirs[0], theirs[1], np.arange(3000) // 100)


def test_logits_that_say_nothing_get_no_weight_and_evidence_that_says_nothing_leaves_all_to_them() -> None:
    assert choose_weight({8: both(3.0, 0.0)}) == 0.0
    assert choose_weight({8: both(0.0, 3.0)}) == max(WEIGHTS)


def test_two_witnesses_who_know_as_much_count_alike() -> None:
    assert choose_weight({4: both(2.0, 2.0, 1), 8: both(2.0, 2.0, 2)}) == pytest.approx(1.0, abs=0.5)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 3.0), st.floats(-1.0, 3.0), st.integers(0, 99))
def test_no_weight_that_was_tried_costs_less(who: float, odds: float, seed: int) -> None:
    words = both(who, odds, seed)

    def cost(weight: float) -> float:
        return cllr_min(
            words.genuine_who + weight * words.genuine_odds, words.impostor_who + weight * words.impostor_odds
        )

    assert cost(choose_weight({8: words})) == min(map(cost, WEIGHTS))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=10), st.integers(3, 12), st.integers(0, 99))
def test_a_pin_is_of_symbols_that_were_written_often_enough(capacity: list[int], length: int, seed: int) -> None:
    pin = draw_pin(capacity, length, np.random.default_rng(seed))
    possible = sum(capacity) >= length and int(np.count_nonzero(capacity)) >= 3
    assert (pin is not None) is possible
    if pin is None:
        return
    assert (np.bincount(pin, minlength=len(capacity)) <= capacity).all()
    assert len(pin) == length
    assert len(np.unique(pin)) >= 3


def writing(writers: range, each: int, first: int = 0) -> FragmentSet:
    """Return fragments of the alphabet's symbols in turn: everybody has strokes of his own for each."""
    count = each * len(ALPHABET)
    pixels, symbol = [], np.arange(count) % len(ALPHABET)
    for writer in writers:
        own = np.random.default_rng(writer).random((len(ALPHABET), 33, 33)) < 0.12
        shared = np.random.default_rng(1000).random((len(ALPHABET), 33, 33)) < 0.1
        noise = np.random.default_rng([writer, first]).random((count, 33, 33))
        shown = (own | shared)[symbol] & (noise < 0.8) | (noise < 0.03)
        pixels.append(np.where(shown, np.uint8(255), np.uint8(0)))
    codes = np.asarray([SYMBOLS.index(ALPHABET[place]) for place in symbol], np.int32)
    return FragmentSet(
        np.concatenate(pixels),
        np.repeat(np.asarray(writers, np.int32), count),
        np.tile(codes, len(writers)),
        np.tile(np.arange(first, first + count, dtype=np.int32), len(writers)),
    )


@pytest.fixture(scope="module")
def engine(make_model: Callable[..., bytes]) -> Engine:
    return Engine.load(make_model(users=len(USERS)))


@pytest.fixture(scope="module")
def model(engine: Engine) -> WhoModel:
    fragments, symbol = readable(writing(range(50, 80), 4), ALPHABET)
    return fit_who([Writing(engine.features(to_int8(fragments.pixels)), fragments.writer, symbol)], 4, 6)


@pytest.fixture(scope="module")
def parts() -> Parts:
    users = range(len(USERS))
    return Parts("pen", USERS, tuple(users), writing(users, 10), writing(users, 3, first=40), writing(range(4, 24), 4))


@pytest.fixture(scope="module")
def few_words() -> Iterator[None]:
    """Let strangers write 200 words between them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fusion, "STRANGER_WORDS", 200)
        yield


@pytest.fixture(scope="module")
def fitted(engine: Engine, model: WhoModel, parts: Parts, few_words: None) -> Fusion:
    return fit_fusion(engine, model, parts, ALPHABET)


def test_a_fusion_rests_on_all_strangers_words_under_every_users_name(fitted: Fusion) -> None:
    assert fitted.users == USERS
    assert fitted.weight in WEIGHTS
    assert (fitted.any_text.writers, fitted.any_text.trials) == (20, 10 * 20)
    assert fitted.pin.writers == 20
    assert fitted.pin.trials >= 40 * 3 * len(USERS)
    assert fitted.any_text.cllr[7] < 1.0


def test_the_same_writing_gives_the_same_fusion(fitted: Fusion, engine: Engine, model: WhoModel, parts: Parts) -> None:
    assert fit_fusion(engine, model, parts, ALPHABET) == fitted


def test_the_gate_keeps_the_far_that_was_set_with_strangers_of_its_kind(
    fitted: Fusion, engine: Engine, model: WhoModel, parts: Parts
) -> None:
    """Words of the very strangers: what the gate computes is what was counted."""
    plain = Input(fitted.any_text, fitted.pin, fitted.any_text, 1e9, (), fitted)
    evidence = EvidenceModel(ALPHABET, {"pen": model}, {"pen": plain})

    def seen(fragments: FragmentSet, writer: int) -> dict[str, Any]:
        chosen, symbol = readable(fragments.of_writers([writer]), ALPHABET)
        sure = np.where(symbol[:, None] == np.arange(4), -1e-6, -16.0)
        return {
            "kind": "pen",
            "features": engine.features(to_int8(chosen.pixels)),
            "symbols": symbol.astype(np.int8),
            "readings": sure.astype(np.float32),
            "writing": np.zeros(len(symbol), np.int32),
        }

    users = [Enrolment(name=name, output=name, **seen(parts.enrolled, k)) for k, name in enumerate(USERS)]
    # Five people must have written on the device; two users of the fit stand for a visitor each.
    visitors = [Visitor(number=1 + k, **seen(parts.enrolled, k)) for k in range(2)]
    gate = Identities(evidence, users, visitors, Policy(far=0.05, claim="anna"))
    rng = np.random.default_rng(3)
    accepted = []
    for writer in range(4, 24):
        theirs = seen(parts.strangers, writer)
        chosen = parts.strangers.of_writers([writer])
        for _ in range(10):
            word = rng.permutation(len(chosen))[:6]
            logits = engine.run_words(to_int8(chosen.pixels[word])[None]).logits[0]
            features, read = np.asarray(theirs["features"])[word], np.asarray(theirs["readings"])[word]
            accepted.append(gate.judge(features, read, logits, final=True).user is not None)
    # 200 words of 20 people at a FAR of 5 %, of one user of four: three times as many would be a fault.
    assert np.mean(accepted) <= 0.15


def test_users_without_writing_that_was_held_back_are_named(engine: Engine, model: WhoModel, parts: Parts) -> None:
    with pytest.raises(EvidenceFitError, match="no writing of dora"):
        fit_fusion(engine, model, parts._replace(held=parts.held.of_writers([0, 1, 2])), ALPHABET)


def test_writing_that_does_not_say_its_symbols_is_refused(engine: Engine, model: WhoModel, parts: Parts) -> None:
    nameless = replace(parts.held, symbol=np.full(len(parts.held), -1, np.int32))
    with pytest.raises(EvidenceFitError, match="which symbol"):
        fit_fusion(engine, model, parts._replace(held=nameless), ALPHABET)
