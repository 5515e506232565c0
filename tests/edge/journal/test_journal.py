"""The claims of edge.journal.journal, under edits and under kills."""

import itertools
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import JournalError, NotAJournalError
from edge.journal.journal import Journal, Wanted
from edge.journal.row import GENESIS, Entry, canonical, row_hash

ENTRY = Entry("2026-01-01T00:00:00.000Z", "pen", 7, 1, 4, "ACCEPT", "Ada", -0.25, True, "score", 1.5, "b" * 64)


def entry(word: int = 1, symbols: int = 4, final: bool = True, **changes: object) -> Entry:
    return msgspec.structs.replace(ENTRY, word=word, symbols=symbols, final=final, **changes)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a journal of 5 words, each with two running decisions and a final one."""
    target = tmp_path / "journal.db"
    with Journal(target) as journal:
        for word, symbols in itertools.product(range(1, 6), (1, 2, 3)):
            decision = "ACCEPT" if symbols == 3 else "LEANING"
            assert journal.record(
                entry(word, symbols, symbols == 3, decision=decision, user="Ada" if symbols == 3 else None)
            )
    return target


entries = st.builds(
    Entry,
    time=st.text(),
    board=st.text(),
    session=st.integers(0, 2**32 - 1),
    word=st.integers(0, 2**32 - 1),
    symbols=st.integers(0, 1024),
    decision=st.sampled_from(["ACCEPT", "REJECT", "LEANING", "UNAVAILABLE", "CONTINUE"]),
    user=st.none() | st.text(),
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    final=st.booleans(),
    reason=st.text(),
    latency_ms=st.floats(0, 1e9),
    bundle=st.text(),
)


@settings(max_examples=30)  # Each row waits for the disk.
@given(st.lists(entries, max_size=8, unique_by=lambda e: (e.board, e.session, e.word)))
def test_what_was_recorded_is_read_back_and_its_chain_holds(recorded: list[Entry]) -> None:
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal.db") as journal:
        assert all(journal.record(e) for e in recorded)
        assert [e for _, e, _ in journal.rows()] == recorded
        result = journal.verify()
        assert (result.rows, result.fault) == (len(recorded), None)


@given(entries, entries)
def test_different_decisions_have_different_bytes(one: Entry, two: Entry) -> None:
    assert (canonical(1, one) == canonical(1, two)) == (one == two)
    assert canonical(1, one) != canonical(2, one)


def test_the_hash_of_a_known_row_never_changes() -> None:
    """Journals of earlier versions must verify for ever. The hash is sha256sum's of the documented bytes."""
    assert canonical(1, ENTRY).decode() == (
        '[1,"2026-01-01T00:00:00.000Z","pen",7,1,4,"ACCEPT","Ada","-0x1.0000000000000p-2",true,"score",'
        f'"0x1.8000000000000p+0","{"b" * 64}"]'
    )
    assert GENESIS == "d9e32c68573a4e2e59cc5f3c02a02d641b796e283bd79f10243a4bd347bc479b"
    assert row_hash(GENESIS, 1, ENTRY) == "1d0cf34580b42a873b2279aca0b9860dc6c422ce921574971aa3322add9e56f4"


def test_the_genesis_row_stands_on_a_documented_value(path: Path) -> None:
    with Journal(path) as journal:
        number, first, digest = next(journal.rows())
    assert digest == row_hash(GENESIS, number, first)


def test_a_decision_recorded_again_is_recorded_once(path: Path) -> None:
    with Journal(path) as journal:
        assert journal.record(entry(5, 3, time="later", latency_ms=9.0)) is False
        assert journal.verify().rows == 15


@pytest.mark.parametrize(
    "other",
    [
        entry(5, 3, decision="REJECT", user=None),
        entry(5, 3, user="Ben"),
        entry(5, 3, score=-0.5),
        entry(5, 8),
        entry(5, 2, final=False, decision="LEANING"),
        entry(5, 3, bundle="c" * 64),
    ],
)
def test_a_word_is_never_decided_twice_in_different_ways(path: Path, other: Entry) -> None:
    with Journal(path) as journal:
        with pytest.raises(JournalError, match="already decided otherwise"):
            journal.record(other)
        assert (journal.verify().rows, journal.verify().fault) == (15, None)


def test_the_journal_knows_which_words_are_decided(path: Path) -> None:
    with Journal(path) as journal:
        journal.record(entry(9, 1, False, decision="LEANING", user=None))
        assert journal.decided("pen", 7, 5)
        assert not journal.decided("pen", 7, 9)
        assert not journal.decided("pen", 8, 5)
        assert not journal.decided("camera", 7, 5)
        assert journal.delivered() == {"pen": (7, 5)}
        journal.record(entry(2, session=8))
        journal.record(entry(6, board="camera"))
        assert journal.delivered() == {"pen": (8, 2), "camera": (7, 6)}


def edit(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def rows_sql(number: int, target: int) -> str:
    columns = (
        "time, board, session, word + 100, symbols, decision, user, score, final, reason, latency_ms, bundle, hash"
    )
    return f"INSERT INTO decisions SELECT {target}, {columns} FROM decisions WHERE number = {number}"


@pytest.mark.parametrize("number", [1, 8, 15])
@pytest.mark.parametrize(
    "change",
    [
        "time = 'x'",
        "board = 'other'",
        "session = session + 1",
        "word = word + 50",
        "symbols = symbols + 50",
        "decision = 'REJECT'",
        "user = 'Eve'",
        "user = NULL, decision = 'X'",
        "score = score + 1e-15",
        "score = NULL",
        "final = 1 - final, word = word + 50",
        "reason = ''",
        "latency_ms = 2",
        "bundle = ''",
        "hash = hash || '0'",
        "number = 99",
    ],
)
def test_a_change_of_any_field_of_any_row_is_found(path: Path, number: int, change: str) -> None:
    edit(path, f"UPDATE decisions SET {change} WHERE number = {number}")
    with Journal(path, read_only=True) as journal:
        fault = journal.verify().fault
    assert fault is not None
    assert str(number) in fault or str(number - 1) in fault


@pytest.mark.parametrize("number", range(1, 16))
def test_a_deleted_row_is_found_wherever_it_was(path: Path, number: int) -> None:
    edit(path, f"DELETE FROM decisions WHERE number = {number}")
    with Journal(path, read_only=True) as journal:
        assert journal.verify().fault
    edit(path, f"UPDATE decisions SET number = number - 1 WHERE number > {number}")
    with Journal(path, read_only=True) as journal:
        assert journal.verify().fault


def test_an_inserted_row_is_found(path: Path) -> None:
    edit(path, rows_sql(3, 16))
    with Journal(path, read_only=True) as journal:
        assert journal.verify().fault


@pytest.mark.parametrize(("one", "two"), [(1, 2), (4, 9), (14, 15)])
def test_two_rows_that_changed_places_are_found(path: Path, one: int, two: int) -> None:
    edit(
        path,
        f"UPDATE decisions SET number = 99 WHERE number = {one}",
        f"UPDATE decisions SET number = {one} WHERE number = {two}",
        f"UPDATE decisions SET number = {two} WHERE number = 99",
    )
    with Journal(path, read_only=True) as journal:
        assert journal.verify().fault


def test_a_changed_or_lost_head_is_found(path: Path) -> None:
    for statement in ("UPDATE head SET rows = 14", f"UPDATE head SET rows = 15, hash = '{GENESIS}'"):
        edit(path, statement)
        with Journal(path, read_only=True) as journal:
            assert "the end was changed" in str(journal.verify().fault)
    edit(path, "DROP TABLE head")
    with Journal(path, read_only=True) as journal:
        assert journal.verify().fault


def test_a_chain_made_anew_is_found_by_a_head_noted_before(path: Path, tmp_path: Path) -> None:
    with Journal(path) as journal:
        noted = journal.verify().head
        forged = [msgspec.structs.replace(e, user="Eve") if e.user else e for _, e, _ in journal.rows()]
        journal.record(entry(6))
        assert journal.verify(noted).fault is None
    with Journal(tmp_path / "forged.db") as journal:
        for e in forged:
            journal.record(e)
        assert journal.verify().fault is None
        assert "expected head" in str(journal.verify(noted).fault)
        assert journal.verify(GENESIS).fault is None


def test_the_last_rows_are_given_in_order(path: Path) -> None:
    with Journal(path, read_only=True) as journal:
        assert [number for number, *_ in journal.rows(Wanted(last=4))] == [12, 13, 14, 15]
        assert list(journal.rows(Wanted(last=99))) == list(journal.rows())


def test_what_is_no_journal_is_a_journal_error(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, and long enough to be looked at" * 9)
    for action in (
        lambda: Journal(tmp_path / "text"),
        lambda: Journal(tmp_path),
        lambda: Journal(tmp_path / "none", read_only=True),
        lambda: Journal(tmp_path / "text", read_only=True),
    ):
        with pytest.raises(JournalError):
            action()


def test_a_number_that_sqlite_would_not_keep_is_refused(path: Path) -> None:
    with Journal(path) as journal:
        for wrong in (
            entry(6, score=float("nan")),
            entry(6, latency_ms=float("inf")),
            entry(2**70),
            entry(6, user="\ud800"),
            entry(6, board=None),
        ):
            with pytest.raises(JournalError, match="cannot be recorded"):
                journal.record(wrong)
        assert journal.record(entry(6, score=-0.0))
        assert journal.verify().fault is None


def test_only_the_owner_may_read_a_new_journal(path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0


def test_a_locked_or_closed_journal_acknowledges_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: plain(*a, **(k | {"timeout": 0.05})))
    journal = Journal(path)
    other = plain(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError, match="locked"):
        journal.record(entry(6))
    other.execute("ROLLBACK")
    other.close()
    assert journal.record(entry(6))
    journal.close()
    with pytest.raises(JournalError):
        journal.record(entry(7))
    with pytest.raises(JournalError):
        journal.decided("pen", 7, 7)


WRITER = """
import sys
from edge.journal.journal import Journal
sys.path.insert(0, {here!r})
from test_journal import entry
with Journal({path!r}) as journal:
    start = journal.verify().rows
    for word in range(start + 1, start + 10_000):
        journal.record(entry(word))
        print(word, flush=True)
"""


def test_a_kill_at_any_point_loses_no_acknowledged_row_and_breaks_no_chain(tmp_path: Path) -> None:
    path, rng = tmp_path / "journal.db", random.Random(6)
    code = WRITER.format(here=str(Path(__file__).parent), path=str(path))
    acknowledged = 0
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline()]  # past the start, which another test interrupts
            time.sleep(rng.uniform(0.0, 0.06))
            os.kill(writer.pid, signal.SIGKILL)
            lines += writer.stdout.readlines()
        whole = [int(line) for line in lines if line.endswith("\n")]
        acknowledged = max(whole, default=acknowledged)
        with Journal(path) as journal:
            result = journal.verify()
            assert result.fault is None
            assert result.rows >= acknowledged
            assert journal.decided("pen", 7, acknowledged)
    assert acknowledged > 6


def record_one_and_die_at(statement: int, path: Path) -> None:
    """Record a row, in a forked child, and kill the process at the n-th SQLite statement from opening on."""
    left, plain = statement, sqlite3.connect

    def count(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        database = plain(*arguments, **options)
        database.set_trace_callback(count)
        return database

    sqlite3.connect = traced  # type: ignore[assignment]  # in the child only
    Journal(path).record(entry(1))


def test_a_kill_at_any_statement_leaves_a_journal_that_can_be_written(tmp_path: Path) -> None:
    for statement in itertools.count():
        path = tmp_path / f"{statement}.db"
        child = os.fork()
        if child == 0:
            record_one_and_die_at(statement, path)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        with Journal(path) as journal:
            assert journal.verify().fault is None
            assert journal.record(entry(2))
            assert journal.verify().rows == 1 + journal.decided("pen", 7, 1)
        if os.WIFEXITED(status):
            break
    assert statement > 10


def test_every_method_reports_a_broken_file_as_a_journal_error(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    uses: list[Callable[[Journal], object]] = [
        lambda j: j.record(entry(6)),
        lambda j: j.decided("pen", 7, 1),
        lambda j: j.delivered(),
        lambda j: list(j.rows()),
    ]
    for use in uses:
        journal = Journal(path, read_only=True)
        with pytest.raises(JournalError):
            use(journal)
        assert journal.verify().fault
        journal.close()


def test_what_is_no_journal_is_a_usage_error_and_keeps_its_content(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("mine, and long enough to have a header of sorts " * 40)
    before = text.read_bytes()
    for path, read_only, message in (
        (tmp_path / "none.db", True, "no such file; `inkgate run --journal"),
        (tmp_path, True, "it is no file"),
        (text, False, "no journal"),
    ):
        with pytest.raises(NotAJournalError, match=message) as caught:
            Journal(path, read_only=read_only)
        assert caught.value.exit_code == 2
    assert text.read_bytes() == before
