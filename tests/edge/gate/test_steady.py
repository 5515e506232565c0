"""A disk that is full and a journal that somebody holds: nothing decided, nothing acknowledged, then on."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge.bundle.engine import Engine
from edge.decision.rule import Decision
from edge.errors import UnrecordedError
from edge.gate import steady
from edge.gate.attempts import Attempts
from edge.gate.judging import Rule
from edge.gate.loop import Gate, Notice, Outcome
from edge.gate.steady import run_steadily
from edge.journal.journal import Journal
from edge.journal.seal_keys import SealKeys
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link.link import open_link
from firmware_bridge.trust.board_keys import KeyStore


class FullDisk:
    """SQLite's own limit of pages, which fails as a full disk does."""

    def __init__(self, journal: Journal, _: Path) -> None:
        self._database = journal._database

    def begin(self) -> None:
        (pages,) = self._database.execute("PRAGMA page_count").fetchone()
        self._database.execute(f"PRAGMA max_page_count = {pages}")

    def end(self) -> None:
        self._database.execute("PRAGMA max_page_count = 1000000")


class Held:
    """Another program that writes to the file and does not end."""

    def __init__(self, journal: Journal, path: Path) -> None:
        self._path = path
        journal._database.execute("PRAGMA busy_timeout = 50")

    def begin(self) -> None:
        self._other = sqlite3.connect(self._path, isolation_level=None)
        self._other.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        self._other.execute("ROLLBACK")
        self._other.close()


class KeyHeld:
    """Something in the place where the next key of the seal is written first."""

    def __init__(self, journal: Journal, _: Path) -> None:
        keys = SealKeys()
        start = journal.seal(keys, lambda _: None)
        self._place = keys.folder / f"{start.journal}.fresh" / "full"

    def begin(self) -> None:
        self._place.mkdir(parents=True)

    def end(self) -> None:
        self._place.rmdir()
        self._place.parent.rmdir()


@pytest.mark.parametrize("trouble", [FullDisk, Held, KeyHeld])
def test_while_nothing_can_be_recorded_nothing_is_decided_and_afterwards_every_word_once(
    engine: Engine,
    rule: Rule,
    words: list[np.ndarray],
    oracle: Callable[[np.ndarray], Decision],
    tmp_path: Path,
    trouble: type[FullDisk] | type[Held] | type[KeyHeld],
) -> None:
    many = words * 2
    path = tmp_path / "journal.db"
    finals: list[Outcome] = []
    notices: list[str] = []
    acknowledged: list[tuple[int, int]] = []
    waited: list[float] = []
    with (
        VirtualBoard(many, baud_rate=None, memory=SelfProvisioned(KeyStore(), "virtual-pen")) as board,
        open_link(board.path or "", idle_timeout_s=1.0, persistent=True) as link,
        Journal(path) as journal,
        Attempts(tmp_path / "attempts.db") as attempts,
    ):
        broken = trouble(journal, path)

        def sleep(seconds: float) -> None:
            acknowledged.append((len(board.acknowledged), len(finals)))
            waited.append(seconds)
            if len(waited) == 4:
                broken.end()

        gate = Gate(engine, rule, journal)
        checks = [journal.require_writable, attempts.counts]
        with closing(run_steadily(gate, link, checks, sleep=sleep)) as outcomes:
            for item in outcomes:
                if isinstance(item, Notice):
                    notices.append(item.text)
                elif item.decision.final:
                    finals.append(item)
                    if len(finals) == 3:
                        broken.begin()
        assert board.wait(1.0)
        assert journal.verify().fault is None
        rows = [entry.word for _, entry, _ in journal.rows() if entry.final]
    assert [o.word for o in finals] == rows == list(range(1, len(many) + 1))
    assert [o.decision for o in finals] == [oracle(word) for word in many]
    assert len(waited) >= 4
    assert all(known <= decided for known, decided in acknowledged)
    assert all(decided <= 4 for _, decided in acknowledged[:4])  # the last page may have room for a row
    assert sum("nothing is decided until it can be recorded" in text for text in notices) == 1


def test_an_attempt_that_cannot_be_counted_is_held_up_and_counts_once(
    engine: Engine, rule: Rule, words: list[np.ndarray], tmp_path: Path
) -> None:
    counts: list[int] = []
    with (
        VirtualBoard(words[:1], baud_rate=None, memory=SelfProvisioned(KeyStore(), "virtual-pen")) as board,
        open_link(board.path or "", idle_timeout_s=1.0, persistent=True) as link,
        Journal(tmp_path / "journal.db") as journal,
        Attempts(tmp_path / "attempts.db") as attempts,
    ):
        other = sqlite3.connect(tmp_path / "attempts.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        attempts._database.execute("PRAGMA busy_timeout = 50")
        gate = Gate(engine, rule, journal, attempts)

        def sleep(_: float) -> None:
            if other.in_transaction:
                counts.append(len(board.acknowledged))
                other.execute("ROLLBACK")

        finals = [
            item
            for item in run_steadily(gate, link, [journal.require_writable, attempts.counts], sleep=sleep)
            if isinstance(item, Outcome) and item.decision.final
        ]
        other.close()
        counted = [count.failures + count.not_writing for count in attempts.counts()]
    assert counts == [0]
    assert [o.word for o in finals] == [1]
    assert counted in ([0], [1])


def test_a_journal_that_another_holds_cannot_be_written(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        journal.require_writable()
        held = Held(journal, tmp_path / "journal.db")
        held.begin()
        with pytest.raises(UnrecordedError, match="locked"):
            journal.require_writable()
        held.end()
        journal.require_writable()


def test_who_ends_the_gate_while_it_waits_is_obeyed() -> None:
    class Full:
        def run(self, _: object) -> object:
            raise UnrecordedError("full")
            yield

    class Line:
        def events(self) -> object:
            yield from ()

        def close(self) -> None:
            pass

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    outcomes = run_steadily(Full(), Line(), [], sleep=interrupt)  # type: ignore[arg-type]  # no gate, no link
    assert isinstance(next(outcomes), Notice)
    with pytest.raises(KeyboardInterrupt):
        next(outcomes)
    assert steady.RETRY_S <= 1.0
