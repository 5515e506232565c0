"""A head that was told once is found again in the journal, or in what it continues; not in an older copy."""

import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from journals import Sealed, edit, entry, write_journal, write_sealed

from edge.journal.anchor import HEAD_BYTES, NOTHING
from edge.journal.journal import Journal
from edge.journal.keeping import rotate
from edge.journal.link import Link, link_row
from edge.journal.row import GENESIS, row_hash


def heads(path: Path) -> list[bytes]:
    with Journal(path, read_only=True) as journal:
        return [bytes.fromhex(digest)[:HEAD_BYTES] for *_, digest in journal.rows()]


def test_every_row_is_held_and_the_head_is_the_last(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journal")
    with Journal(path, read_only=True) as journal:
        assert all(map(journal.holds, heads(path)))
        assert journal.head == heads(path)[-1]
        assert journal.holds(NOTHING)


@given(st.integers(0, 8 * HEAD_BYTES - 1))
def test_a_head_of_which_a_bit_differs_is_held_by_none(bit: int) -> None:
    with TemporaryDirectory() as folder:
        path = write_journal(Path(folder) / "journal")
        with Journal(path, read_only=True) as journal:
            other = (int.from_bytes(journal.head, "big") ^ 1 << bit).to_bytes(HEAD_BYTES, "big")
            assert not journal.holds(other)


def test_an_older_copy_with_its_keys_is_not_the_journal_that_was_told(tmp_path: Path) -> None:
    sealed = write_sealed(tmp_path, 4)
    for of in (sealed.path, sealed.keys.folder):
        (shutil.copytree if of.is_dir() else shutil.copy)(of, of.with_name(f"{of.name}.older"))
    with Journal(sealed.path, keys=sealed.keys) as journal:
        journal.record(entry(9))
        told = journal.head
    sealed.path.unlink()
    shutil.rmtree(sealed.keys.folder)
    for of in (sealed.path, sealed.keys.folder):
        of.with_name(f"{of.name}.older").rename(of)
    with Journal(sealed.path, keys=sealed.keys) as journal:  # sound by itself
        assert journal.verify().fault is None
        assert not journal.holds(told)


def test_rows_that_were_put_away_are_held_while_their_file_is_there(tmp_path: Path) -> None:
    sealed: Sealed = write_sealed(tmp_path, 3)
    told, archives = [], []
    with Journal(sealed.path, keys=sealed.keys) as journal:
        for word in (21, 22):
            told.append(journal.head)
            archives.append(sealed.path.with_name(rotate(journal).file))
            journal.record(entry(word))
        first = heads(archives[0])[0]
        assert all(map(journal.holds, [*told, first, journal.head]))
        archives[1].unlink()
        assert journal.holds(told[1])
        assert not journal.holds(told[0])


def test_no_rows_have_no_head(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal") as journal:
        assert journal.head == NOTHING


def test_a_hash_that_somebody_wrote_beside_a_row_is_held_by_none(tmp_path: Path) -> None:
    """Nobody looks at the rows in the middle when a journal is opened."""
    path, told = write_journal(tmp_path / "journal"), "ab" * 32
    edit(path, f"UPDATE decisions SET hash = '{told}' WHERE number = 2")
    with Journal(path) as journal:
        assert not journal.holds(bytes.fromhex(told)[:HEAD_BYTES])
    edit(
        path, f"UPDATE decisions SET decision = 'CONTINUED', reason = '9 rows, head {told}, in other' WHERE number = 1"
    )
    with Journal(path) as journal:
        assert not journal.holds(bytes.fromhex(told)[:HEAD_BYTES])


def test_a_journal_that_says_that_it_continues_itself_is_looked_at_once(tmp_path: Path) -> None:
    path = write_journal(tmp_path / "journal")
    row = link_row(Link(path.name, 9, "ab" * 32), "2026-01-01T00:00:00.000+00:00", 1)
    changed = ", ".join(f"{name} = ?" for name in ("time", "board", "session", "word", "symbols", "decision", "user"))
    changed += ", score = ?, final = ?, reason = ?, latency_ms = ?, bundle = ?, hash = ?"
    with sqlite3.connect(path) as database:
        values = (*msgspec.structs.astuple(row), row_hash(GENESIS, 1, row))
        database.execute(f"UPDATE decisions SET {changed} WHERE number = 1", values)
    with Journal(path, read_only=True) as journal:
        assert not journal.holds(bytes([1]) * HEAD_BYTES)
