"""A journal that somebody changed: nothing is appended to it, and no row that vanishes is acknowledged."""

from pathlib import Path

import pytest
from journals import edit, entry, write_journal

from edge.errors import JournalTamperedError
from edge.journal.journal import Journal
from edge.journal.row import GENESIS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal.db")


@pytest.mark.parametrize(
    "changes",
    [
        ["UPDATE decisions SET decision = 'ACCEPT' WHERE number = 15"],
        ["UPDATE decisions SET hash = (SELECT hash FROM decisions WHERE number = 14) WHERE number = 15"],
        ["DELETE FROM decisions WHERE number = 15"],
        ["DELETE FROM decisions WHERE number = 3"],
        [f"UPDATE head SET rows = 0, hash = '{GENESIS}'"],
        ["CREATE TRIGGER gone BEFORE INSERT ON decisions BEGIN SELECT RAISE(IGNORE); END"],
        ["CREATE TRIGGER gone AFTER INSERT ON decisions BEGIN DELETE FROM decisions WHERE number = new.number; END"],
        ["CREATE TRIGGER kept BEFORE UPDATE ON head BEGIN SELECT RAISE(IGNORE); END"],
        ["CREATE TABLE more (one)"],
        ["DELETE FROM head"],
        ["CREATE VIEW seen AS SELECT 1"],
        ["DROP INDEX decided_once", "CREATE INDEX decided_once ON decisions (board)"],
    ],
)
def test_nothing_is_appended_to_a_journal_that_is_not_as_it_was_left(path: Path, changes: list[str]) -> None:
    edit(path, *changes)
    before = path.read_bytes()
    with pytest.raises(JournalTamperedError, match="nothing is appended: keep it as evidence") as caught:
        Journal(path)
    assert caught.value.exit_code == 4
    assert path.read_bytes() == before
    with Journal(path, read_only=True) as journal:
        assert journal.verify().fault


@pytest.mark.parametrize(
    "trigger",
    [
        "BEFORE INSERT ON decisions BEGIN SELECT RAISE(IGNORE); END",
        "AFTER INSERT ON decisions BEGIN DELETE FROM decisions WHERE number = new.number; END",
        "AFTER INSERT ON decisions BEGIN UPDATE decisions SET decision = 'ACCEPT' WHERE number = new.number; END",
    ],
)
def test_a_row_that_is_made_to_vanish_while_the_gate_runs_is_not_acknowledged(path: Path, trigger: str) -> None:
    with Journal(path) as journal:
        edit(path, f"CREATE TRIGGER planted {trigger}")
        with pytest.raises(JournalTamperedError, match="is not there"):
            journal.record(entry(6))
        edit(path, "DROP TRIGGER planted")
        assert journal.record(entry(6))
        assert journal.verify().fault is None


def test_a_journal_of_before_is_verified_as_it_is_and_written_on(path: Path) -> None:
    edit(path, "DROP INDEX in_order")
    with Journal(path, read_only=True) as journal:
        assert journal.verify().fault is None
    with Journal(path) as journal:
        assert journal.record(entry(6))
        assert journal.verify().fault is None
