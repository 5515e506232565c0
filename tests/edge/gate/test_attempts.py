"""Attempts are counted before anything is said, and who fails too often waits, whatever is killed or switched off."""

import math
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bundle.engine import Engine
from edge.decision.rule import Decision, Verdict
from edge.errors import AttemptsError, LockedError
from edge.gate import loop
from edge.gate.attempts import FREE, MOST, Attempts, Now, read_clock, wait_after
from edge.gate.judging import Rule
from edge.gate.loop import Gate, Outcome
from firmware_bridge.session.events import Event, FragmentReceived, WordEnded

BOARD = "desk-pen"


class Clock:
    """A clock that is set by hand: seconds since the boot, and on the wall."""

    def __init__(self) -> None:
        self.boot, self.since_boot_s, self.wall_s = "a", 100.0, 1.8e9

    def __call__(self) -> Now:
        return Now(self.boot, self.since_boot_s, self.wall_s)

    def wait(self, seconds: float) -> None:
        self.since_boot_s += seconds
        self.wall_s += seconds

    def reboot(self, seconds: float) -> None:
        """Switch off for so many seconds of the wall clock, negative if it is set back."""
        self.boot, self.since_boot_s, self.wall_s = self.boot + "'", 5.0, self.wall_s + seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def attempts(tmp_path: Path, clock: Clock) -> Iterator[Attempts]:
    with Attempts(tmp_path / "attempts.sqlite", now=clock) as opened:
        yield opened


def fail(attempts: Attempts, times: int, clock: Clock) -> None:
    """Fail so many times, as soon as each is allowed."""
    for _ in range(times):
        clock.wait(max((count.wait_s for count in attempts.counts()), default=0.0))
        attempts.begin(BOARD)


def test_the_wait_begins_after_five_failures_doubles_and_ends_with_the_administrator() -> None:
    assert [wait_after(n) for n in range(9)] == [0, 0, 0, 0, 0, 30, 60, 120, 240]
    waits = [wait_after(n) for n in range(MOST)]
    assert waits == sorted(waits)
    assert max(waits) == 86_400
    assert wait_after(MOST) == math.inf


def test_of_10_000_scripted_attempts_hardly_any_is_decided(attempts: Attempts, clock: Clock) -> None:
    """One every three seconds, eight hours long: the share that a stranger may try is what the waits leave."""
    decided = 0
    for _ in range(10_000):
        clock.wait(3.0)
        try:
            attempts.begin(BOARD)
            decided += 1
        except LockedError:
            pass
    # Before the attempt 5 + k there is a wait of 30 (2^k - 1) s in all: 30,000 s allow k of 9.
    assert decided == 5 + 9


def test_after_fifty_failures_only_the_administrator_lets_anybody_try(attempts: Attempts, clock: Clock) -> None:
    fail(attempts, MOST, clock)
    clock.wait(1e9)
    with pytest.raises(LockedError, match=r"only the administrator.*inkgate attempts reset"):
        attempts.begin(BOARD)
    assert attempts.reset("board", BOARD) == 1
    attempts.begin(BOARD)


def test_an_accepted_word_begins_the_count_anew(attempts: Attempts, clock: Clock) -> None:
    for _ in range(20):
        fail(attempts, FREE, clock)
        attempts.accept(BOARD)
        assert attempts.counts()[0].failures == 0
    assert attempts.counts()[0].wait_s == 0


def test_what_is_no_writing_counts_apart(attempts: Attempts, clock: Clock) -> None:
    for _ in range(100):
        attempts.begin(BOARD)
        attempts.set_apart(BOARD)
    [count] = attempts.counts()
    assert (count.failures, count.not_writing, count.wait_s) == (0, 100, 0)


def test_what_is_no_writing_makes_no_wait_longer(attempts: Attempts, clock: Clock) -> None:
    fail(attempts, FREE + 3, clock)
    clock.wait(wait_after(FREE + 3))
    for _ in range(10):
        attempts.begin(BOARD)
        attempts.set_apart(BOARD)
        [count] = attempts.counts()
        assert (count.failures, count.wait_s) == (FREE + 3, 0.0)
    attempts.begin(BOARD)
    assert attempts.counts()[0].wait_s == wait_after(FREE + 4)


def test_a_name_is_locked_at_every_board_and_a_board_for_every_name(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "attempts.sqlite"
    with Attempts(path, "anna", clock) as anna, Attempts(path, "bert", clock) as bert:
        for place in range(FREE):
            anna.begin(f"door {place}")
        with pytest.raises(LockedError, match=r"5 failures in a row under the name anna; again in 30 s"):
            anna.begin("another door")
        bert.begin("another door")
        for _ in range(FREE):
            bert.begin(BOARD)
            bert.reset("user", "bert")
        with Attempts(path, "carl", clock) as carl, pytest.raises(LockedError, match="at board desk-pen"):
            carl.begin(BOARD)
        clock.wait(30.0)
        anna.begin("another door")


@given(st.lists(st.sampled_from(["wait", "reboot", "back", "reopen"]), max_size=8))
def test_a_wait_is_never_shorter_than_it_was_said_whatever_happens_to_the_machine(
    tmp_path_factory: pytest.TempPathFactory, events: list[str]
) -> None:
    clock, path = Clock(), tmp_path_factory.mktemp("a") / "attempts.sqlite"
    opened = Attempts(path, now=clock)
    fail(opened, FREE + 2, clock)
    passed, wait = 0.0, wait_after(FREE + 2)
    for event in events:
        if event == "wait":
            clock.wait(20.0)
            passed += 20.0
        elif event in ("reboot", "back"):
            clock.reboot(15.0 if event == "reboot" else -1e6)
            passed += 15.0 if event == "reboot" else 0.0
        if event != "wait":
            opened.__exit__(None, None, None)
            opened = Attempts(path, now=clock)
        [count] = opened.counts()
        assert count.failures == FREE + 2
        assert count.wait_s >= wait - passed - 1e-6
    clock.wait(wait)
    opened.begin(BOARD)  # it ends at last
    opened.__exit__(None, None, None)


KILLED = """
import os, sys
from pathlib import Path
from edge.gate.attempts import Attempts
with Attempts(Path(sys.argv[1])) as attempts:
    attempts.begin("desk-pen")
    os.write(1, b"counted")
    sys.stdin.read()
"""


def test_an_attempt_is_counted_though_the_gate_is_killed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "attempts.sqlite"
    for number in range(1, 4):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as gate:
            assert gate.stdout is not None
            assert gate.stdout.read(7) == b"counted"
            os.kill(gate.pid, signal.SIGKILL)
        with Attempts(path) as opened:
            assert opened.counts()[0].failures == number


def test_the_clock_goes_on_and_names_its_boot() -> None:
    first, then = read_clock(), read_clock()
    assert first.boot == then.boot != ""
    assert then.since_boot_s >= first.since_boot_s > 0


@pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\0" + bytes(200)])
def test_a_file_that_is_damaged_or_cannot_be_written_lets_nobody_try(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "attempts.sqlite"
    with Attempts(path):
        pass
    path.write_bytes(damage)
    if damage:
        with pytest.raises(AttemptsError, match=r"attempts\.sqlite"):
            Attempts(path)
    for odd in (tmp_path, tmp_path / "attempts.sqlite" / "below"):
        with pytest.raises(AttemptsError):
            Attempts(odd)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AttemptsError):
        Attempts(tmp_path / "pipe")


def outcomes(gate: Gate, events: list[Event]) -> list[Outcome]:
    return [item for item in gate.run(events) if isinstance(item, Outcome)]


@pytest.fixture
def strict(rule: Rule) -> Rule:
    """Return a rule by which no word is accepted."""
    assert rule.thresholds is not None
    return replace(rule, thresholds=msgspec.structs.replace(rule.thresholds, accept=(1e9,) * 20))


def test_at_the_gate_strangers_are_locked_out_and_nothing_more_is_said_of_their_words(
    engine: Engine, strict: Rule, attempts: Attempts, board: Any, words: list[np.ndarray]
) -> None:
    found = outcomes(Gate(engine, strict, None, attempts), board.writes([words[0]] * (FREE + 3)))
    finals = [o.decision for o in found if o.decision.final]
    assert [d.reason.startswith("locked") for d in finals] == [False] * FREE + [True] * 3
    assert all(d.verdict is Verdict.REJECT and d.score is None for d in finals[FREE:])
    assert not any(o.word > FREE and not o.decision.final for o in found)  # no opinion of what is locked out


def test_a_word_that_is_broken_off_after_its_first_opinion_counts(
    engine: Engine, rule: Rule, attempts: Attempts, board: Any, words: list[np.ndarray]
) -> None:
    events = [event for event in board.writes([words[0]] * 3) if not isinstance(event, WordEnded)]
    outcomes(Gate(engine, rule, None, attempts), events)
    assert attempts.counts()[0].failures == 3


def test_a_user_who_is_accepted_sets_the_count_back_and_what_is_no_writing_is_set_apart(
    engine: Engine,
    rule: Rule,
    attempts: Attempts,
    board: Any,
    words: list[np.ndarray],
    oracle: Callable[[np.ndarray], Decision],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = next(word for word in words if oracle(word).verdict is Verdict.ACCEPT)
    bad = next(word for word in words if oracle(word).verdict is Verdict.REJECT)
    outcomes(Gate(engine, rule, None, attempts), board.writes([bad, bad, good]))
    assert attempts.counts()[0].failures == 0
    outcomes(Gate(engine, rule, None, attempts), board.writes([bad]))
    assert attempts.counts()[0].failures == 1

    def blot(*_: object, final: bool, **__: object) -> Decision:
        return Decision(Verdict.REJECT if final else Verdict.LEANING, None, None, 1, final, "a blot", writing=False)

    monkeypatch.setattr(loop, "judge_word", blot)
    outcomes(Gate(engine, rule, None, attempts), board.writes([bad] * 9))
    assert attempts.counts()[0][2:4] == (1, 9)


@pytest.mark.parametrize("method", ["begin", "accept", "set_apart"])
def test_a_gate_that_cannot_count_accepts_nobody(
    engine: Engine,
    rule: Rule,
    attempts: Attempts,
    board: Any,
    words: list[np.ndarray],
    oracle: Callable[[np.ndarray], Decision],
    method: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(_: str) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(attempts, method, broken)
    good = next(word for word in words if oracle(word).verdict is Verdict.ACCEPT)
    found = [o.decision for o in outcomes(Gate(engine, rule, None, attempts), board.writes([good]))]
    assert (found[-1].verdict is Verdict.ACCEPT) is (method == "set_apart")
    if method != "set_apart":
        assert found[-1].verdict is Verdict.UNAVAILABLE


def test_where_nobody_is_counted_every_decision_says_so(
    engine: Engine, rule: Rule, board: Any, words: list[np.ndarray]
) -> None:
    events = board.writes(words[:1])
    found = outcomes(Gate(engine, replace(rule, uncounted=True)), events)
    assert len(found) == sum(isinstance(event, FragmentReceived | WordEnded) for event in events)
    assert all("attempts are not counted" in o.decision.reason for o in found)


class Deaf(sqlite3.Connection):
    """A database that says that it committed, and did not."""

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        return super().execute("SELECT 1" if statement == "COMMIT" else statement, *values)


def test_an_attempt_whose_commit_did_nothing_is_not_counted_as_counted(attempts: Attempts) -> None:
    sound = attempts._database
    attempts._database = sqlite3.connect(attempts.path, isolation_level=None, factory=Deaf)
    with pytest.raises(AttemptsError, match="did not end"):
        attempts.begin("pen")
    attempts._database.close()
    attempts._database = sound
    assert attempts.counts() == []
