"""A journal that is opened: on a medium that cannot be written, held by somebody else, and when it is long."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from journals import Sealed, edit, entry, write_journal, write_long, write_sealed

from edge.errors import JournalError, NotAJournalError
from edge.journal.journal import Journal, Wanted
from inkgate import cli


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal.db")


def test_that_a_journal_cannot_be_read_is_no_verdict(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody holds it alone; nothing is known of its rows."""
    plain = sqlite3.connect
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN IMMEDIATE")
    holder.execute("UPDATE head SET rows = rows")
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: plain(*a, **(k | {"timeout": 0.05})))
    with Journal(path, read_only=True) as journal, pytest.raises(JournalError, match="cannot be read") as caught:
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


def steps(monkeypatch: pytest.MonkeyPatch, use: Callable[[], object]) -> int:
    """Return how many steps SQLite's machine takes, not seconds, over all connections that `use` opens."""
    count, plain = 0, sqlite3.connect

    def step() -> int:
        nonlocal count
        count += 1
        return 0

    def counted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        database = plain(*arguments, **options)
        database.set_progress_handler(step, 1)
        return database

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", counted)
        use()
    return count


def start_up(sealed: Sealed) -> None:
    """Do what a gate does with its journal until it has decided a word."""
    with Journal(sealed.path, keys=sealed.keys) as journal:
        assert journal.delivered()["pen"][1] == 49
        assert not journal.decided("pen", 9999, 1)
        assert journal.record(entry(12_345))


def test_to_open_a_journal_takes_no_longer_when_it_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short, long = (write_long(tmp_path / str(rows), rows - 1) for rows in (1_000, 20_000))
    start_up(write_long(tmp_path / "first", 99))  # what is computed once
    few, many = (steps(monkeypatch, lambda s=sealed: start_up(s)) for sealed in (short, long))
    assert few > 100
    assert many < 1.1 * few


def test_the_last_rows_are_shown_without_reading_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def last(sealed: Sealed) -> None:
        with Journal(sealed.path, read_only=True) as journal:
            assert len(list(journal.rows(Wanted(last=5)))) == 5

    short, long = (write_long(tmp_path / str(rows), rows) for rows in (100, 5_000))
    few, many = (steps(monkeypatch, lambda s=sealed: last(s)) for sealed in (short, long))
    assert 10 < many < 1.1 * few


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bookmarks (one)")


NO_JOURNALS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("hello\n"),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 16),
    "another program's database": other_database,
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("kind", NO_JOURNALS)
@pytest.mark.parametrize("command", ["show", "export", "verify", "seal", "rotate", "backup {to} --journal"])
def test_what_is_no_journal_is_exit_code_2_for_everybody_and_stays_as_it_is(
    kind: str, command: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    NO_JOURNALS[kind](path)
    before = None if path.is_dir() else path.read_bytes()
    result = CliRunner().invoke(cli, ["journal", *command.format(to=tmp_path / "to").split(), str(path)])
    assert isinstance(result.exception, NotAJournalError), result.exception
    assert result.exception.exit_code == 2
    assert "no journal" in str(result.exception)
    with pytest.raises(NotAJournalError):
        Journal(path)
    assert (None if path.is_dir() else path.read_bytes()) == before
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_what_lies_in_the_place_of_a_sealed_journal_is_a_verdict(tmp_path: Path) -> None:
    sealed = write_sealed(tmp_path)
    sealed.path.write_bytes(b"no journal" * 1000)
    assert sealed.fault()


def test_the_file_of_a_maker_who_was_killed_becomes_a_journal(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "new")) as database:
        database.execute("PRAGMA journal_mode = WAL")
    assert (tmp_path / "new").stat().st_size > 0
    with Journal(tmp_path / "new") as journal:
        assert journal.record(entry(1))
