"""A word is decided only while whoever wrote it can still stand before the gate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tiny_gate import SESSION

from edge.decision.rule import Decision, Verdict
from edge.errors import LockedError
from edge.gate import loop
from edge.gate.freshness import WORD_AGE_S, since, why_not_fresh
from edge.gate.loop import Gate, Outcome
from firmware_bridge.session.events import Connected, Event, FragmentReceived, WordEnded, WordStarted


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def outcomes(gate: Gate, events: Any) -> list[Outcome]:
    return [item for item in gate.run(events) if isinstance(item, Outcome)]


def aged(events: list[Event], began_s: float | None, ended_s: float | None) -> list[Event]:
    """Return the events of words that began and ended so long before they were heard of."""
    told: list[Event] = []
    for event in events:
        if isinstance(event, WordStarted):
            event = replace(event, age_s=began_s)
        elif isinstance(event, WordEnded):
            event = replace(event, age_s=ended_s)
        told.append(event)
    return told


@pytest.fixture
def accepting(monkeypatch: pytest.MonkeyPatch) -> Callable[[Verdict], None]:
    """Make every whole word accepted, and every fragment's running decision what is given."""

    def set_running(running: Verdict) -> None:
        def judge(*arguments: Any, final: bool, **_: Any) -> Decision:
            verdict = Verdict.ACCEPT if final else running
            return Decision(verdict, "alice", 2.0, len(arguments[2]), final or verdict is Verdict.ACCEPT, "as told")

        monkeypatch.setattr(loop, "judge_word", judge)

    return set_running


@pytest.mark.parametrize(
    ("age_s", "reason"),
    [
        (0.0, ""),
        (WORD_AGE_S, ""),
        (-0.5, ""),
        (WORD_AGE_S + 0.5, "written 10 s ago"),
        (75.0, "written 75 s ago"),
        (3600.0, "written 3600 s ago"),
        (-1.5, "not known"),
        (None, "not known"),
        (math.nan, "not known"),
        (math.inf, "not known"),
        (-math.inf, "not known"),
    ],
)
def test_an_age_is_fresh_or_the_reason_says_how_old_or_that_it_is_not_known(age_s: float | None, reason: str) -> None:
    found = why_not_fresh(since(age_s, 500.0), 500.0)
    assert (found == "") is (reason == "")
    assert reason in found


@pytest.mark.parametrize("age_s", [WORD_AGE_S + 0.1, 75.0, 1e7, None, math.nan, -30.0])
def test_an_old_word_is_unavailable_whoever_wrote_it(
    engine: Any, rule: Any, board: Any, words: list[np.ndarray], accepting: Callable[[Verdict], None], age_s: float
) -> None:
    accepting(Verdict.LEANING)
    fresh = outcomes(Gate(engine, rule), board.writes(words[:1]))[-1]
    assert fresh.decision.verdict is Verdict.ACCEPT
    for began_s in (0.0, age_s):
        found = outcomes(Gate(engine, rule), aged(board.writes(words[:1]), began_s, age_s))
        assert [o.decision.verdict for o in found if o.decision.final] == [Verdict.UNAVAILABLE]
        assert "written" in found[-1].decision.reason


def test_a_word_that_began_too_long_ago_when_it_comes_is_not_looked_at_and_no_attempt(
    engine: Any, rule: Any, board: Any, words: list[np.ndarray]
) -> None:
    class Limiter:
        begun = 0

        def begin(self, board: str) -> None:
            self.begun += 1
            raise LockedError("locked")

        def accept(self, board: str) -> None: ...
        def set_apart(self, board: str) -> None: ...

    limiter = Limiter()
    found = outcomes(Gate(engine, rule, attempts=limiter), aged(board.writes(words[:3]), 60.0, 60.0))
    assert [o.decision.verdict for o in found] == [Verdict.UNAVAILABLE] * 3
    assert limiter.begun == 0
    assert outcomes(Gate(engine, rule, attempts=limiter), board.writes(words[:1]))
    assert limiter.begun == 1


def test_a_word_grows_old_while_the_machine_sleeps_between_its_end_and_the_decision(
    engine: Any, rule: Any, board: Any, words: list[np.ndarray], accepting: Callable[[Verdict], None]
) -> None:
    """The clock goes on in sleep: here it jumps while the networks are proved, before the ACCEPT is handed on."""
    for asleep_s, expected in ((1.0, Verdict.ACCEPT), (3600.0, Verdict.UNAVAILABLE)):
        accepting(Verdict.LEANING)
        clock = Clock()

        def sleep(clock: Clock = clock, asleep_s: float = asleep_s) -> None:
            clock.now_s += asleep_s

        gate = Gate(engine, rule, prove=sleep, monotonic_s=clock, word_timeout_s=math.inf)
        assert outcomes(gate, board.writes(words[:1]))[-1].decision.verdict is expected


def test_nobody_is_let_in_early_by_a_word_that_began_too_long_ago(
    engine: Any, rule: Any, board: Any, words: list[np.ndarray], accepting: Callable[[Verdict], None]
) -> None:
    """A long word is still decided at its end, which is fresh; before, it is an opinion only."""
    clock = Clock()

    def slowly() -> Iterator[Event]:
        for event in aged(board.writes(words[:1]), 0.0, 0.0):
            if isinstance(event, FragmentReceived):
                clock.now_s += 4.0
            yield event

    accepting(Verdict.LEANING)
    gate = Gate(engine, rule, monotonic_s=clock)
    assert outcomes(gate, slowly())[-1].decision.verdict is Verdict.ACCEPT
    accepting(Verdict.ACCEPT)
    assert outcomes(Gate(engine, rule, monotonic_s=clock), board.writes(words[:1]))[0].decision.final
    held = aged(board.writes(words[:1]), 9.0, 0.0)
    clock.now_s = 2000.0

    def held_up() -> Iterator[Event]:
        for event in held:
            if isinstance(event, FragmentReceived):
                clock.now_s += 1.5
            yield event

    found = outcomes(Gate(engine, rule, monotonic_s=clock), held_up())
    assert not any(o.decision.final for o in found[:-1])
    assert found[-1].decision.verdict is Verdict.ACCEPT
    assert found[-1].decision.symbols == len(words[0])


def test_a_board_in_the_clear_has_ages_too(engine: Any, rule: Any, board: Any, words: list[np.ndarray]) -> None:
    events = [event for event in aged(board.writes(words[:1]), 0.0, 60.0) if not isinstance(event, Connected)]
    found = outcomes(Gate(engine, rule), [board.connected(SESSION, authenticated=False), *events])
    assert found[-1].decision.verdict is Verdict.UNAVAILABLE
    assert "written 60 s ago" in found[-1].decision.reason
