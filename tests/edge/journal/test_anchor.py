"""A head that was told once is found again in the journal, or in what it continues; not in an older copy."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from journals import Sealed, entry, write_journal, write_sealed

from edge.journal.anchor import HEAD_BYTES, NOTHING
from edge.journal.journal import Journal
from edge.journal.keeping import rotate


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
