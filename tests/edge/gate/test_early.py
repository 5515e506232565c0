"""A word that is accepted before its end: once, for good, whatever comes after."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_hands import PlainNetwork, PlainReader, write
from tiny_evidence import Hand, enrol, evidence_model, visitors
from tiny_gate import SESSION, Board

from edge.decision.identify import Identities, Policy
from edge.decision.rule import Verdict
from edge.errors import UnrecordedError
from edge.gate.judging import Rule, WhoMayEnter
from edge.gate.loop import WORD_TIMEOUT_S, Gate, Notice, Outcome
from edge.journal.journal import Journal
from firmware_bridge.session.events import BoardFault, Event, FragmentReceived, LinkLost, WordEnded, WordStarted
from firmware_bridge.wire.messages import Statistics

ANNA, BERT, EVE, PIN = Hand(11), Hand(12), Hand(13), "0123"
LONG = [0, 1, 2, 3, 1, 2, 0, 3, 2, 1]
HEARTBEAT = Statistics(*[0] * 10, bytes(16))


def make_rule(*, early: bool, pin: str | None = None) -> Rule:
    users = [enrol("anna", ANNA), enrol("bert", BERT, pin)]
    identities = Identities(evidence_model(), users, visitors(6), Policy(early=early))
    return Rule(None, (), 1, "b" * 64, may_enter=WhoMayEnter(PlainReader(), lambda: identities))


RULE, WAITING, WITH_PIN = make_rule(early=True), make_rule(early=False), make_rule(early=True, pin=PIN)


def decide(events: list[Event], rule: Rule = RULE, journal: Journal | None = None) -> list[Outcome]:
    return [item for item in Gate(PlainNetwork(), rule, journal).run(events) if isinstance(item, Outcome)]


def told(outcome: Outcome) -> tuple[int, int, Verdict, str | None, bool]:
    decision = outcome.decision
    return outcome.word, decision.symbols, decision.verdict, decision.user, decision.final


@pytest.fixture
def anna() -> np.ndarray:
    return write(ANNA, LONG)


def test_a_word_is_accepted_before_its_end_and_what_still_comes_of_it_is_ignored(anna: np.ndarray) -> None:
    first, second = decide([Board.connected(), *Board.word(1, anna)]), decide([Board.connected(), *Board.word(2, anna)])
    verdicts = [outcome.decision.verdict for outcome in first]
    assert verdicts == [Verdict.LEANING] * (len(first) - 1) + [Verdict.ACCEPT]
    assert 4 <= len(first) == first[-1].decision.symbols < len(anna)
    assert first[-1].decision.user == "anna"
    both = decide([Board.connected(), *Board.word(1, anna), *Board.word(2, anna)])
    assert [told(o) for o in both] == [told(o) for o in first + second]


def test_without_the_option_the_same_word_is_accepted_at_its_end_only(anna: np.ndarray) -> None:
    found = decide([Board.connected(), *Board.word(1, anna)], WAITING)
    assert [outcome.decision.final for outcome in found] == [False] * len(anna) + [True]
    assert found[-1].decision.verdict is Verdict.ACCEPT


@given(
    st.sampled_from([ANNA, BERT, EVE]),
    st.lists(st.integers(0, 3), min_size=1, max_size=24),
    st.sampled_from([RULE, WITH_PIN]),
)
def test_every_word_has_one_final_decision_and_it_is_the_last(hand: Hand, symbols: list[int], rule: Rule) -> None:
    found = decide([Board.connected(), *Board.word(1, write(hand, symbols))], rule)
    assert [outcome.decision.final for outcome in found] == [False] * (len(found) - 1) + [True]
    assert {o.decision.verdict for o in found[:-1]} <= {Verdict.LEANING}
    early = found[-1].decision.verdict is Verdict.ACCEPT and len(found) <= len(symbols)
    assert early or len(found) == len(symbols) + 1


def test_a_user_with_a_pin_waits_for_the_end_while_others_do_not(anna: np.ndarray) -> None:
    pin = [int(symbol) for symbol in PIN]
    found = decide([Board.connected(), *Board.word(1, write(BERT, pin)), *Board.word(2, anna)], WITH_PIN)
    bert = [outcome for outcome in found if outcome.word == 1]
    assert [outcome.decision.verdict for outcome in bert] == [Verdict.LEANING] * len(pin) + [Verdict.ACCEPT]
    assert (bert[-2].decision.user, bert[-1].decision.user) == ("bert", "bert")
    assert found[-1].decision.verdict is Verdict.ACCEPT
    assert found[-1].decision.symbols < len(anna)


def lost(rest: list[Event]) -> list[Event]:
    return rest[1:]


def cut(rest: list[Event]) -> list[Event]:
    return []


def unplugged(rest: list[Event]) -> list[Event]:
    return [rest[0], LinkLost("cable")]


def faulty(rest: list[Event]) -> list[Event]:
    return [BoardFault("word_aborted", "the pen broke", SESSION, 1)]


def miscounted(rest: list[Event]) -> list[Event]:
    return [WordEnded(SESSION, 1, 99, age_s=0.0)]


def grey(rest: list[Event]) -> list[Event]:
    fragment = rest[0]
    assert isinstance(fragment, FragmentReceived)
    return [FragmentReceived(SESSION, 1, fragment.index, np.full((33, 33), 77, np.uint8)), *rest[1:]]


def twice(rest: list[Event]) -> list[Event]:
    return [rest[0], *rest]


@pytest.mark.parametrize("spoil", [lost, cut, unplugged, faulty, miscounted, grey, twice])
def test_damage_after_an_early_accept_changes_nothing_and_the_next_word_is_decided_rightly(
    spoil: Callable[[list[Event]], list[Event]], anna: np.ndarray, tmp_path: Path
) -> None:
    """Before it, the same damage is UNAVAILABLE."""
    whole = Board.word(1, anna)
    at = decide([Board.connected(), *whole])[-1].decision.symbols
    after = [Board.connected(), *Board.word(2, write(EVE, LONG))]
    with Journal(tmp_path / "journal") as journal:
        found = decide([Board.connected(), *whole[: at + 1], *spoil(whole[at + 1 :]), *after], journal=journal)
        finals = [(o.word, o.decision.verdict, o.decision.user) for o in found if o.decision.final]
        assert finals == [(1, Verdict.ACCEPT, "anna"), (2, Verdict.REJECT, None)]
        assert [e.word for _, e, _ in journal.rows() if e.final] == [1, 2]
        assert journal.verify().fault is None
    early = [Board.connected(), *whole[: at - 1], *spoil(whole[at - 1 :]), *after]
    assert [o.decision.verdict for o in decide(early) if o.word == 1][-1] is Verdict.UNAVAILABLE


def test_a_silence_after_an_early_accept_closes_nothing_again(anna: np.ndarray) -> None:
    now_s = 0.0

    whole = Board.word(1, anna)
    gate = Gate(PlainNetwork(), RULE, monotonic_s=lambda: now_s)
    found: list[Outcome] = []
    for item in gate.run([Board.connected(), *whole[:-2], HEARTBEAT, *whole[-2:]]):
        assert isinstance(item, Outcome | Notice)
        if isinstance(item, Outcome):
            found.append(item)
            now_s += item.decision.final * 2 * WORD_TIMEOUT_S
    assert [outcome.decision.final for outcome in found].count(True) == 1
    assert found[-1].decision.verdict is Verdict.ACCEPT


@pytest.mark.parametrize("restarted", [False, True])
def test_a_word_that_comes_again_after_an_early_accept_is_not_decided_again(
    anna: np.ndarray, restarted: bool, tmp_path: Path
) -> None:
    """A board sends a word again whole when its end was not acknowledged."""
    whole = Board.word(1, anna)
    again = [LinkLost("cable"), Board.connected(), *whole]
    with Journal(tmp_path / "journal") as journal:
        gate = Gate(PlainNetwork(), RULE, journal)
        items = list(gate.run([Board.connected(), *whole[:-2], *([] if restarted else again)]))
        if restarted:
            items += Gate(PlainNetwork(), RULE, journal).run(again[1:])
        assert [told(i) for i in items if isinstance(i, Outcome) and i.decision.final] == [
            told(decide([Board.connected(), *whole])[-1])
        ]
        assert any(isinstance(i, Notice) and "it is decided and stays so" in i.text for i in items)
        assert sum(entry.final for _, entry, _ in journal.rows()) == 1
        assert journal.delivered() == {"desk-pen": (SESSION, 1)}


def test_a_journal_that_fails_lets_nobody_in_early(anna: np.ndarray, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    whole = Board.word(1, anna)
    at = decide([Board.connected(), *whole])[-1].decision.symbols

    def closing() -> Iterator[Event]:
        yield from [Board.connected(), *whole[:at]]
        journal.close()
        yield from whole[at:]

    found: list[Outcome] = []
    with pytest.raises(UnrecordedError):
        found.extend(item for item in Gate(PlainNetwork(), RULE, journal).run(closing()) if isinstance(item, Outcome))
    assert len(found) == at - 1
    assert all(outcome.decision.verdict is Verdict.LEANING for outcome in found)


def test_the_start_of_a_word_is_needed_early_as_well(anna: np.ndarray) -> None:
    events = [event for event in Board.word(1, anna) if not isinstance(event, WordStarted)]
    found = decide([Board.connected(), *events])
    assert [outcome.decision.verdict for outcome in found] == [Verdict.UNAVAILABLE]
