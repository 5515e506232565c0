"""A journal that is opened: on a medium that cannot be written, held by somebody else, and when it is long."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest
from journals import edit, entry, write_journal

from edge.errors import JournalError, JournalTamperedError
from edge.gate.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal.db")


def test_that_a_journal_cannot_be_read_is_no_verdict(path: Path) -> None:
    """Somebody holds it alone; nothing is known of its rows."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN IMMEDIATE")
    holder.execute("UPDATE head SET rows = rows")
    with closing(sqlite3.connect(path, timeout=0.05)) as impatient:
        journal = Journal.__new__(Journal)
        journal.path, journal._database = path, impatient
        with pytest.raises(JournalError, match="cannot be read") as caught:
            journal.verify()
    assert caught.value.exit_code == 3
    holder.execute("ROLLBACK")
    holder.close()


def test_a_journal_on_a_medium_that_cannot_be_written_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.access
    monkeypatch.setattr(os, "access", lambda p, mode: Path(p) != path.parent and real(p, mode))  # root may write all
    edit(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    for name in path.parent.glob("journal.db-*"):
        name.unlink()
    with Journal(path, read_only=True) as journal:
        assert journal.verify().fault is None
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_to_open_a_journal_takes_no_longer_when_it_is_long(tmp_path: Path) -> None:
    """Steps of SQLite's machine, not seconds: to open it and to ask what was delivered."""

    def steps(rows: int) -> int:
        path = tmp_path / f"{rows}.db"
        with Journal(path) as journal:
            journal.record(entry(1))
        columns = "time, board, session + value % 50, word + value, symbols, decision, user, score, final, reason"
        edit(
            path,
            f"WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {rows}) "
            f"INSERT INTO decisions SELECT value + 1, {columns}, latency_ms, bundle, hash FROM decisions, n",
        )
        count = 0

        def step() -> int:
            nonlocal count
            count += 1
            return 0

        with closing(sqlite3.connect(path)) as database:
            journal = Journal.__new__(Journal)
            journal.path, journal._database = path, database
            database.set_progress_handler(step, 1)
            journal.delivered()
            with suppress(JournalTamperedError):  # the rows are made up
                journal._require_as_left()
        return count

    assert steps(20_000) < 1.1 * steps(1_000)
