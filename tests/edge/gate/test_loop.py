"""The claims of edge.gate.loop, without faults and with one fault."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.bundle.engine import Engine
from edge.decision.rule import Decision, Verdict, decide
from edge.gate.judging import Rule
from edge.gate.loop import Gate, Notice, Outcome
from edge.ink.fragment import to_int8
from edge.journal.journal import Journal
from firmware_bridge.session.events import BoardFault, Event, FragmentReceived, LinkLost, WordEnded, WordStarted
from firmware_bridge.wire.messages import Statistics

HEARTBEAT = Statistics(*[0] * 10, bytes(16))


def outcomes(gate: Gate, events: list[Event] | Iterator[Event]) -> list[Outcome]:
    return [item for item in gate.run(events) if isinstance(item, Outcome)]


def finals(gate: Gate, events: list[Event] | Iterator[Event]) -> list[Outcome]:
    return [outcome for outcome in outcomes(gate, events) if outcome.decision.final]


@pytest.fixture
def gate(engine: Engine, rule: Rule) -> Gate:
    return Gate(engine, rule)


def test_every_word_is_decided_as_its_logits_say(
    gate: Gate, board: Any, words: list[np.ndarray], oracle: Callable[[np.ndarray], Decision]
) -> None:
    decided = finals(gate, board.writes(words))
    assert [o.word for o in decided] == list(range(1, len(words) + 1))
    assert [o.decision for o in decided] == [oracle(word) for word in words]
    assert {o.decision.verdict for o in decided} == {Verdict.ACCEPT, Verdict.REJECT}
    assert {(o.board, o.session) for o in decided} == {("desk-pen", 7)}


def test_after_every_fragment_there_is_the_decision_about_the_word_so_far(
    gate: Gate, board: Any, words: list[np.ndarray], engine: Engine, rule: Rule
) -> None:
    logits = engine.run_words(to_int8(words[0])[np.newaxis]).logits[0]
    expected = [decide(logits[: t + 1], rule.thresholds, rule.users, final=False) for t in range(len(logits))]
    found = [o.decision for o in outcomes(gate, board.writes(words[:1]))]
    assert found[:-1] == expected
    assert not any(decision.final for decision in found[:-1])


def test_where_one_board_may_write_the_words_of_others_are_unavailable(
    engine: Engine, rule: Rule, board: Any, words: list[np.ndarray], oracle: Callable[[np.ndarray], Decision]
) -> None:
    assert [o.decision for o in finals(Gate(engine, rule, only="desk-pen"), board.writes(words[:2]))] == [
        oracle(word) for word in words[:2]
    ]
    found = finals(Gate(engine, rule, only="door"), board.writes(words[:2]))
    assert {o.decision.verdict for o in found} == {Verdict.UNAVAILABLE}
    assert all("board desk-pen writes, and only door may" in o.decision.reason for o in found)


def test_a_decision_is_in_the_journal_before_the_next_event_is_asked_for(
    engine: Engine, rule: Rule, board: Any, words: list[np.ndarray], tmp_path: Path
) -> None:
    """Asking for the next event acknowledges the one before."""
    journal, expected = Journal(tmp_path / "journal.db"), 0

    def source() -> Iterator[Event]:
        nonlocal expected
        for event in board.writes(words[:3]):
            yield event
            expected += isinstance(event, FragmentReceived | WordEnded)
            assert journal.verify().rows == expected

    emitted = outcomes(Gate(engine, rule, journal), source())
    rows = [entry for _, entry, _ in journal.rows()]
    assert [(e.word, e.symbols, e.decision, e.user, e.score, e.final) for e in rows] == [
        (o.word, d.symbols, d.verdict.name, d.user, d.score, d.final) for o in emitted for d in [o.decision]
    ]
    assert {e.bundle for e in rows} == {rule.bundle}
    journal.close()


@pytest.mark.parametrize("with_journal", [False, True])
def test_a_word_sent_again_is_decided_once(
    engine: Engine, rule: Rule, board: Any, words: list[np.ndarray], tmp_path: Path, with_journal: bool
) -> None:
    journal = Journal(tmp_path / "journal.db") if with_journal else None
    gate = Gate(engine, rule, journal)
    items = list(gate.run([*board.writes(words[:2]), *board.word(1, words[0]), *board.word(3, words[2])]))
    assert [i.word for i in items if isinstance(i, Outcome) and i.decision.final] == [1, 2, 3]
    assert any(isinstance(i, Notice) and "came again" in i.text for i in items)


def test_a_word_decided_before_a_restart_is_not_decided_again(
    engine: Engine, rule: Rule, board: Any, words: list[np.ndarray], tmp_path: Path
) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        assert len(finals(Gate(engine, rule, journal), board.writes(words[:2]))) == 2
    with Journal(tmp_path / "journal.db") as journal:
        assert [o.word for o in finals(Gate(engine, rule, journal), board.writes(words[:3]))] == [3]
        rows = [e for _, e, _ in journal.rows() if e.final]
    assert [e.word for e in rows] == [1, 2, 3]


def test_a_word_broken_off_by_a_kill_of_the_host_is_decided_when_it_comes_again(
    engine: Engine, rule: Rule, board: Any, words: list[np.ndarray], oracle: Callable[..., Decision], tmp_path: Path
) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        dying = Gate(engine, rule, journal).run(board.writes(words[:1]))
        for _ in range(4):  # the notice and three fragments; then the host is gone without a word
            next(dying)
        dying.gi_frame.f_locals["self"]._word = None
        dying.close()
    with Journal(tmp_path / "journal.db") as journal:
        decided = finals(Gate(engine, rule, journal), board.writes(words[:1]))
        assert [o.decision for o in decided] == [oracle(words[0])]
        assert journal.verify().fault is None


@pytest.mark.parametrize(
    ("interruption", "reason"),
    [
        (LinkLost("unplugged"), "link lost: unplugged"),
        (BoardFault("sensor_failed", "no ink", 7, 1), "the board reports sensor_failed: no ink"),
        (WordStarted(7, 9, age_s=0.0), "another word began"),
        (FragmentReceived(7, 1, 9, np.zeros((33, 33), np.uint8)), "fragment 9 came where 3 was due"),
        (FragmentReceived(7, 1, 3, np.full((33, 33), 7, np.uint8)), "grey pixels"),
        (FragmentReceived(7, 1, 3, np.zeros((32, 33), np.uint8)), "a fragment is uint8"),
        (FragmentReceived(7, 9, 0, np.zeros((33, 33), np.uint8)), "another word began"),
        (WordEnded(7, 1, 8, age_s=0.0), "the word has 8 fragments and 3 came"),
    ],
)
def test_what_goes_wrong_in_a_word_is_unavailable_and_the_next_word_is_decided_rightly(
    gate: Gate,
    board: Any,
    words: list[np.ndarray],
    oracle: Callable[..., Decision],
    interruption: Event,
    reason: str,
) -> None:
    events = [*board.writes(words[:1])[:5], interruption, *board.word(10, words[1])]
    decided = {o.word: o.decision for o in finals(gate, events)}
    assert decided[1].verdict is Verdict.UNAVAILABLE
    assert reason in decided[1].reason
    assert decided[10] == oracle(words[1])


def test_a_board_of_another_depth_is_never_decided(gate: Gate, board: Any, words: list[np.ndarray]) -> None:
    said = [board.connected(pixel_bits=8), *board.word(1, words[0]), *board.word(2, words[1])]
    decided = finals(gate, said)
    assert [o.decision.verdict for o in decided] == [Verdict.UNAVAILABLE] * 2
    assert "the board sends 8 bits a pixel, the bundle was trained on 1" in decided[0].decision.reason


def test_a_word_of_no_board_of_another_session_or_without_fragments_is_unavailable(
    gate: Gate, engine: Engine, rule: Rule, board: Any, words: list[np.ndarray]
) -> None:
    for said in (board.word(1, words[0]), board.word(1, words[0], session=8), board.word(1, words[0][:0])):
        connected = [] if said[0].session == 7 and len(said) > 2 else [board.connected()]
        (decided,) = finals(Gate(engine, rule), [*connected, *said])
        assert decided.decision.verdict is Verdict.UNAVAILABLE


def test_a_word_that_stops_growing_is_given_up_at_a_heartbeat_or_at_its_late_fragment(
    engine: Engine, rule: Rule, board: Any, words: list[np.ndarray], oracle: Callable[..., Decision]
) -> None:
    for late in ([HEARTBEAT], []):
        clock = {"s": 0.0}

        def source(late: list[Event] = late, clock: dict[str, float] = clock) -> Iterator[Event]:
            said = board.writes(words[:2])
            yield from said[:4]
            clock["s"] += 9.9
            yield HEARTBEAT
            yield said[4]
            clock["s"] += 10.1
            yield from late
            yield from said[5:]

        gate = Gate(engine, rule, word_timeout_s=10.0, monotonic_s=lambda clock=clock: clock["s"])
        first, second = finals(gate, source())
        assert (first.decision.verdict, first.decision.symbols) == (Verdict.UNAVAILABLE, 3)
        assert "nothing came for 10 s" in first.decision.reason
        assert second.decision == oracle(words[1])


def test_silence_between_words_is_no_fault(gate: Gate, board: Any, words: list[np.ndarray]) -> None:
    clock = iter(np.arange(0.0, 1e7, 1000.0))
    gate._monotonic_s = lambda: float(next(clock))  # an hour between any two readings, but only between words
    events = [board.connected(), HEARTBEAT, LinkLost("unplugged"), board.connected(), HEARTBEAT]
    assert finals(gate, events) == []


def test_after_a_lost_link_a_person_hears_what_is_waited_for_and_how_to_stop_it(gate: Gate, board: Any) -> None:
    said = [item.text for item in gate.run([board.connected(), LinkLost("unplugged")]) if isinstance(item, Notice)]
    assert said[-1] == "link lost: unplugged; waiting for the board to come back, Ctrl-C ends"


@pytest.mark.parametrize("error", [OSError("gone"), KeyboardInterrupt(), RuntimeError()])
def test_however_the_source_ends_the_open_word_is_closed_first(
    gate: Gate, board: Any, words: list[np.ndarray], error: BaseException
) -> None:
    def source() -> Iterator[Event]:
        yield from board.writes(words[:1])[:4]
        raise error

    seen: list[Outcome | Notice] = []
    with pytest.raises(type(error)):
        seen.extend(gate.run(source()))
    assert isinstance(seen[-1], Outcome)
    assert seen[-1].decision.verdict is Verdict.UNAVAILABLE
    assert seen[-1].decision.reason == f"the source failed: {str(error) or type(error).__name__}"
    (last,) = finals(Gate(gate._network, gate._rule), iter(board.writes(words[:1])[:4]))
    assert last.decision.verdict is Verdict.UNAVAILABLE
    assert "the source ended" in last.decision.reason


def test_closing_the_loop_in_mid_word_is_journalled_as_unavailable(
    engine: Engine, rule: Rule, board: Any, words: list[np.ndarray], tmp_path: Path
) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        running = Gate(engine, rule, journal).run(board.writes(words[:1]))
        for _ in range(3):
            next(running)
        running.close()
        last = [entry for _, entry, _ in journal.rows()][-1]
    assert (last.decision, last.final, last.symbols) == ("UNAVAILABLE", True, 2)
    assert "stopped" in last.reason


def test_latency_is_measured_from_the_events_arrival(
    engine: Engine, rule: Rule, board: Any, words: list[np.ndarray], ticking: Callable[[], float]
) -> None:
    found = outcomes(Gate(engine, rule, monotonic_s=ticking), board.writes(words[:1]))
    # one reading at arrival, the next at the decision; before the last one, how old the word is
    assert found
    assert [o.latency_ms for o in found] == pytest.approx([1.0] * (len(found) - 1) + [2.0])


def test_only_so_many_closed_words_are_kept_in_mind(
    gate: Gate, board: Any, words: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.gate.loop._REMEMBERED", 3)
    assert len(finals(gate, board.writes(words))) == len(words)
    assert len(gate._closed) == 3
