from typing import Any

import numpy as np
import pytest

from firmware_bridge.emulate.virtual_board import Sent
from train.demo.outcome import Outcome, Result, pair, worst_first
from train.demo.scenario import Attempt, Role
from train.synthetic.not_writing import Word

WORD = Word(np.zeros((4, 33, 33), np.uint8), ((None, None),) * 4)


def final(decision: str, user: str | None = None, word: int = 1, session: int = 7) -> dict[str, Any]:
    return {"final": True, "decision": decision, "user": user, "word": word, "session": session, "score": None}


@pytest.mark.parametrize(
    ("role", "decision", "outcome", "alarming"),
    [
        (Role.USER, final("ACCEPT", "Ada"), Outcome.ENTERED, False),
        (Role.USER, final("ACCEPT", "Ben"), Outcome.LET_IN, True),
        (Role.USER, final("REJECT"), Outcome.REFUSED, False),
        (Role.USER, final("UNAVAILABLE"), Outcome.LOST, True),
        (Role.USER, None, Outcome.LOST, True),
        (Role.KNOWS, final("ACCEPT", "Ada"), Outcome.LET_IN, False),
        (Role.KNOWS, final("REJECT"), Outcome.KEPT_OUT, False),
        (Role.GUESSES, final("ACCEPT", "Ada"), Outcome.LET_IN, True),
        (Role.NOTHING, final("ACCEPT", "Ada"), Outcome.LET_IN, True),
        (Role.NOTHING, final("REJECT"), Outcome.KEPT_OUT, False),
        (Role.REMOVED, final("ACCEPT", "Ada"), Outcome.LET_IN, True),  # his own name helps a removed user nothing
        (Role.REMOVED, final("REJECT"), Outcome.KEPT_OUT, False),
        (Role.GUESSES, final("LEANING", "Ada"), Outcome.LOST, True),
    ],
)
def test_what_became_of_a_word(role: Role, decision: dict[str, Any] | None, outcome: Outcome, alarming: bool) -> None:
    result = Result(Attempt(role, "Ada", "Ada", WORD), decision)
    assert (result.outcome, result.alarming) == (outcome, alarming)


def test_what_was_sent_meets_what_was_decided_by_session_and_word() -> None:
    attempts = [Attempt(Role.USER, name, name, WORD) for name in ("Ada", "Ben", "Cleo", "Dan")]
    sent = [Sent(7, 1, 1), Sent(7, 2, 0), Sent(8, 1, 2)]  # the last word never left the board
    decisions = [
        {**final("LEANING", "Ada", 2), "final": False},
        final("ACCEPT", "Ada", 2),
        final("REJECT", None, 1),
        final("ACCEPT", "Cleo", 2, 8),
    ]
    results = pair(attempts, sent, decisions)
    assert [result.attempt.who for result in results] == ["Ada", "Ben", "Cleo", "Dan"]
    assert [result.outcome for result in results] == [Outcome.ENTERED, Outcome.REFUSED, Outcome.LOST, Outcome.LOST]


def test_false_decisions_come_first_and_all_words_are_listed() -> None:
    told = [final("ACCEPT", "Ada"), final("REJECT"), final("ACCEPT", "Ben"), None, final("ACCEPT", "Ada")]
    results = [Result(Attempt(Role.USER, "Ada", "Ada", WORD), decision) for decision in told]
    ordered = worst_first(results)
    assert sorted(map(id, ordered)) == sorted(map(id, results))
    assert [result.outcome.false for result in ordered] == [True, True, True, False, False]
    assert ordered[0] is results[2]
