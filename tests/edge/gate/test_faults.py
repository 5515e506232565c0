"""A fault at any call that the loop makes, or any event that it takes, never ends in ACCEPT."""

import copy
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge.gate.judging
import edge.gate.loop
from edge.bundle.bundle import Bundle
from edge.bundle.engine import Engine
from edge.decision.rule import Decision, Verdict
from edge.errors import EngineError, JournalError, UnrecordedError
from edge.gate.judging import Rule
from edge.gate.loop import PROVEN_FOR_S, Gate, Outcome
from edge.journal.journal import Journal
from edge.journal.row import Entry
from firmware_bridge.session.events import (
    BoardFault,
    Connected,
    Event,
    FragmentReceived,
    LinkLost,
    WordEnded,
    WordStarted,
)

WRONG_LOGITS: dict[str, Any] = {
    "nan": np.array([9.0, np.nan, 0.0, 0.0]),
    "infinity": np.array([np.inf, 0.0, 0.0, 0.0]),
    "all nan": np.full(4, np.nan),
    "one too few": np.array([9.0, 0.0, 0.0]),
    "one too many": np.array([9.0, 0.0, 0.0, 0.0, 0.0]),
    "a matrix": np.zeros((1, 4)),
    "nothing": None,
    "text": "ACCEPT",
    "true": True,
}


@pytest.fixture(scope="session")
def accepted(words: list[np.ndarray], oracle: Callable[[np.ndarray], Decision]) -> list[np.ndarray]:
    """Return three words that are accepted if nothing goes wrong."""
    good = [word for word in words if oracle(word).verdict is Verdict.ACCEPT][:3]
    assert len(good) == 3
    return good


class Spoiler:
    """A wrapper that counts calls and makes the n-th one fail, by an exception or by its result."""

    def __init__(self, at: int, make: Callable[[], Any]) -> None:
        self.at, self.make, self.calls, self.word = at, make, 0, 0
        self.hit: int | None = None

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def spoiled(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls - 1 == self.at:
                self.hit = self.word
                return self.make()
            return call(*arguments, **options)

        return spoiled

    def watch(self, events: list[Event]) -> Iterator[Event]:
        for event in events:
            self.word = getattr(event, "word", self.word)
            yield event


def raising(error: Exception) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


def check(spoiler: Spoiler, emitted: list[Outcome], right: list[Decision]) -> None:
    """Check that the word hit is UNAVAILABLE, once and last, and every other word is decided rightly."""
    for number, expected in enumerate(right, 1):
        about = [o.decision for o in emitted if o.word == number]
        assert [d.final for d in about] == [False] * (len(about) - 1) + [True]
        if number == spoiler.hit:
            assert about[-1].verdict is Verdict.UNAVAILABLE
        else:
            assert about[-1] == expected


CALLS = {
    "reset": [raising(EngineError("broken")), raising(MemoryError())],
    "step": [
        raising(EngineError("broken")),
        raising(ZeroDivisionError()),
        *[lambda v=v: v for v in WRONG_LOGITS.values()],
    ],
    "to_int8": [raising(ValueError("wrong")), lambda: None],
    "decide": [raising(ArithmeticError("wrong")), lambda: None, lambda: True],
    "record": [raising(JournalError("disk full")), raising(OSError("gone"))],
    "decided": [raising(JournalError("locked"))],
}


@pytest.mark.parametrize(("site", "fault"), [(s, f) for s, faults in CALLS.items() for f in range(len(faults))])
def test_a_fault_at_any_call_makes_its_word_unavailable_and_no_other(
    engine: Engine,
    rule: Rule,
    board: Any,
    accepted: list[np.ndarray],
    oracle: Callable[[np.ndarray], Decision],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    site: str,
    fault: int,
) -> None:
    right = [oracle(word) for word in accepted]
    events = board.writes(accepted)
    for at in itertools.count():
        spoiler = Spoiler(at, CALLS[site][fault])
        network, journal = copy.copy(engine), Journal(tmp_path / f"{at}.db")
        journal._database.execute(
            "PRAGMA synchronous = OFF"
        )  # Durability has tests of its own; here it costs a minute.
        with monkeypatch.context() as patch:
            target = {"reset": network, "step": network, "record": journal, "decided": journal}.get(
                site, edge.gate.judging if site == "decide" else edge.gate.loop
            )
            patch.setattr(target, site, spoiler.wrap(getattr(target, site)))
            emitted = [o for o in Gate(network, rule, journal).run(spoiler.watch(events)) if isinstance(o, Outcome)]
        rows = [entry for _, entry, _ in journal.rows()]
        assert journal.verify().fault is None
        journal.close()
        check(spoiler, emitted, right)
        assert all(said(o) in {said_in(e) for e in rows} for o in emitted if o.decision.verdict is Verdict.ACCEPT)
        if spoiler.hit is None:
            break
    assert at > 2


def said(outcome: Outcome) -> tuple[int, int, str, bool]:
    return outcome.word, outcome.decision.symbols, outcome.decision.verdict.name, outcome.decision.final


def said_in(entry: Entry) -> tuple[int, int, str, bool]:
    return entry.word, entry.symbols, entry.decision, entry.final


def test_a_journal_that_fails_for_good_never_lets_anyone_in(
    engine: Engine, rule: Rule, board: Any, accepted: list[np.ndarray]
) -> None:
    class Broken:
        def record(self, _: Entry) -> bool:
            raise JournalError("disk full")

        def decided(self, *_: Any) -> bool:
            return False

    gate, emitted = Gate(engine, rule, Broken()), []
    for _ in range(3):  # each time the word comes again, on another connection
        with pytest.raises(UnrecordedError, match="disk full"):
            emitted += [o for o in gate.run(board.writes(accepted)) if isinstance(o, Outcome)]
    assert emitted == []


GREY = np.full((33, 33), 128, np.uint8)

MUTATIONS: dict[str, Callable[[list[Event], int], list[Event]]] = {
    "lost": lambda e, i: e[:i] + e[i + 1 :],
    "twice": lambda e, i: [*e[: i + 1], *e[i:]],
    "swapped": lambda e, i: e[:i] + e[i : i + 2][::-1] + e[i + 2 :],
    "first sent again": lambda e, i: [*e[:i], e[1], *e[i:]],
    "link lost": lambda e, i: [*e[:i], LinkLost("unplugged"), *e[i:]],
    "link lost and back": lambda e, i: [*e[:i], LinkLost("unplugged"), e[0], *e[i:]],
    "connected anew": lambda e, i: [*e[:i], e[0], *e[i:]],
    "board fault": lambda e, i: [*e[:i], BoardFault("sensor_failed", "", 7, None), *e[i:]],
    "foreign fragment": lambda e, i: [*e[:i], FragmentReceived(7, 99, 0, GREY), *e[i:]],
    "foreign end": lambda e, i: [*e[:i], WordEnded(7, 99, 4, age_s=0.0), *e[i:]],
    "foreign session": lambda e, i: [*e[:i], WordStarted(8, 1, age_s=0.0), *e[i:]],
    "extra fragment": lambda e, i: [*e[:i], FragmentReceived(7, getattr(e[i], "word", 1), 0, GREY), *e[i:]],
    "tail lost": lambda e, i: e[:i],
}


def intact(board: Any, events: list[Event], number: int, word: np.ndarray) -> bool:
    """Return whether the connected board sends the word whole, in one piece, at its first attempt."""
    expected = [said_of(event) for event in board.word(number, word)]
    heard = itertools.dropwhile(lambda event: not isinstance(event, Connected), events)
    found = [said_of(event) for event in heard]
    start = next((i for i, key in enumerate(found) if key[1] == number), 0)
    return found[start : start + len(expected)] == expected


def said_of(event: Event) -> tuple[type, int | None, int | None]:
    """Return the word of session 7, and its fragment, that the event is about."""
    number = getattr(event, "word", None) if getattr(event, "session", None) == 7 else None
    return type(event), number, getattr(event, "index", None)


@pytest.mark.parametrize("name", MUTATIONS)
def test_only_a_word_that_came_whole_and_in_order_is_decided(
    engine: Engine,
    rule: Rule,
    board: Any,
    accepted: list[np.ndarray],
    oracle: Callable[[np.ndarray], Decision],
    name: str,
) -> None:
    right = [oracle(word) for word in accepted]
    whole = board.writes(accepted)
    broken = 0
    for position in range(len(whole)):
        events = MUTATIONS[name](whole, position)
        finals = [o for o in Gate(engine, rule).run(events) if isinstance(o, Outcome) and o.decision.final]
        keys = [(o.board, o.session, o.word) for o in finals]
        assert len(set(keys)) == len(keys)
        for number, (word, expected) in enumerate(zip(accepted, right, strict=True), 1):
            found = [o.decision for o in finals if (o.board, o.session, o.word) == ("desk-pen", 7, number)]
            if intact(board, events, number, word):
                assert found == [expected]
            else:
                broken += 1
                assert [d.verdict for d in found] in ([], [Verdict.UNAVAILABLE])
    assert broken > 3


def silent(network: Engine, fault: str) -> None:
    """Let an interpreter answer without computing, or without forgetting the word before."""
    if fault == "stuck":
        network._invoke = lambda: None
    else:
        network._clear = lambda: None


@pytest.mark.parametrize("fault", ["stuck", "no reset"])
@pytest.mark.parametrize("after", [1, 2])
def test_an_interpreter_that_fails_without_a_word_accepts_nobody(
    engine: Engine, bundle: Bundle, rule: Rule, board: Any, accepted: list[np.ndarray], fault: str, after: int
) -> None:
    """It fails between two words: what it said of the last one, an ACCEPT, it would say of every other."""

    def finals(prove: bool) -> list[Decision]:
        network, begun = copy.copy(engine), 0

        def source() -> Iterator[Event]:
            nonlocal begun
            for event in board.writes(accepted):
                begun += isinstance(event, WordStarted)
                if begun == after + 1 and isinstance(event, WordStarted):
                    silent(network, fault)
                yield event

        gate = Gate(network, rule, prove=(lambda: bundle.prove(network, None)) if prove else None)
        return [o.decision for o in gate.run(source()) if isinstance(o, Outcome) and o.decision.final]

    assert any(d.verdict is Verdict.ACCEPT for d in finals(prove=False)[after:])
    proved = finals(prove=True)
    assert [d.verdict for d in proved[:after]] == [Verdict.ACCEPT] * after
    assert {d.verdict for d in proved[after:]} == {Verdict.UNAVAILABLE}
    assert all("does not compute here what was verified" in d.reason for d in proved[after:])


def test_networks_are_proved_before_each_accept_and_once_a_minute(
    engine: Engine, rule: Rule, board: Any, accepted: list[np.ndarray], words: list[np.ndarray], oracle: Any
) -> None:
    now_s, proved = 0.0, 0

    def prove() -> None:
        nonlocal proved
        proved += 1

    def proofs(written: list[np.ndarray], step_s: float) -> int:
        nonlocal now_s, proved
        proved = 0

        def source() -> Iterator[Event]:
            nonlocal now_s
            for event in board.writes(written):
                now_s += step_s * isinstance(event, WordStarted)
                yield event

        assert list(Gate(engine, rule, prove=prove, monotonic_s=lambda: now_s).run(source()))
        return proved

    rejected = [word for word in words if oracle(word).verdict is Verdict.REJECT][:3]
    assert proofs(rejected, 1.0) == 0
    assert proofs(rejected, PROVEN_FOR_S + 1.0) == len(rejected)
    assert proofs(accepted, 1.0) == len(accepted)
