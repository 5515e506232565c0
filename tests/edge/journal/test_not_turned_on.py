"""A row that is on the disk while the key that sealed it is still there: no row follows, and none is lost."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from journals import Sealed, edit, entry, write_sealed

from edge.errors import JournalTamperedError, UnrecordedError
from edge.journal.journal import Journal
from edge.journal.schema import Transaction


@pytest.fixture
def sealed(tmp_path: Path) -> Sealed:
    return write_sealed(tmp_path, 2)


def in_the_way(sealed: Sealed) -> Path:
    """Put a folder where the next key is written first."""
    (name,) = (file.stem for file in sealed.keys.folder.glob("*.key"))
    place = sealed.keys.folder / f"{name}.fresh"
    (place / "full").mkdir(parents=True)
    return place


def clear(place: Path) -> None:
    (place / "full").rmdir()
    place.rmdir()


def test_a_key_that_cannot_be_turned_on_holds_the_gate_up_and_the_row_is_kept(sealed: Sealed) -> None:
    before = sealed.key()
    with Journal(sealed.path, keys=sealed.keys) as journal:
        place = in_the_way(sealed)
        with pytest.raises(UnrecordedError, match="cannot be written"):
            journal.record(entry(3))
        for attempt in (lambda: journal.record(entry(4)), journal.require_writable):
            with pytest.raises(UnrecordedError):
                attempt()
        assert sealed.key() == before
        clear(place)
        journal.require_writable()
        assert sealed.key() == before.next()
        assert journal.decided("pen", 7, 3)
        assert journal.record(entry(4))
        assert [row.word for _, row, _ in journal.rows()] == [1, 2, 3, 4]
    assert sealed.fault() is None


def test_a_seal_that_is_gone_while_the_gate_writes_is_noticed(sealed: Sealed) -> None:
    with Journal(sealed.path, keys=sealed.keys) as journal:
        edit(sealed.path, "DROP TABLE seals", "DROP TABLE seal")
        with pytest.raises(JournalTamperedError, match="its seal is gone"):
            journal.record(entry(3))
        with pytest.raises(UnrecordedError, match="its seal is gone"):
            journal.require_writable()


def test_a_head_that_is_gone_while_the_gate_writes_is_noticed(sealed: Sealed) -> None:
    with Journal(sealed.path, keys=sealed.keys) as journal:
        edit(sealed.path, "DELETE FROM head")
        with pytest.raises(JournalTamperedError, match="does not say where its end is"):
            journal.record(entry(3))


class Deaf(sqlite3.Connection):
    """A database that does not do what a statement that begins so asks, and says nothing."""

    deaf = "COMMIT"

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        if statement.startswith(self.deaf):
            return super().execute("SELECT 1 WHERE 0")
        return super().execute(statement, *values)


def test_a_commit_that_did_nothing_is_no_commit() -> None:
    database = sqlite3.connect(":memory:", isolation_level=None, factory=Deaf)
    database.execute("CREATE TABLE t (one)")
    with pytest.raises(sqlite3.OperationalError, match="did not end"), Transaction(database):
        database.execute("INSERT INTO t VALUES (1)")
    assert not database.in_transaction
    assert database.execute("SELECT count(*) FROM t").fetchone() == (0,)
    database.deaf = "nothing"
    with Transaction(database):
        database.execute("INSERT INTO t VALUES (2)")
    assert database.execute("SELECT one FROM t").fetchall() == [(2,)]
    database.close()


@pytest.mark.parametrize("deaf", ["INSERT INTO decisions", "INSERT INTO seals", "UPDATE head"])
def test_no_row_is_acknowledged_without_its_seal_and_its_place(sealed: Sealed, deaf: str) -> None:
    with Journal(sealed.path, keys=sealed.keys) as journal:
        sound = journal._database
        journal._database = database = sqlite3.connect(sealed.path, isolation_level=None, factory=Deaf)
        database.deaf = deaf
        with pytest.raises(JournalTamperedError, match="not there: it was changed"):
            journal.record(entry(3))
        database.close()
        journal._database = sound
        assert journal.record(entry(3))
    assert sealed.fault() is None
