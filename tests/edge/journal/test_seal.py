"""What the seal proves: a journal made anew, cut off, or an older copy put back is found, and by whom."""

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journals import Sealed, edit, entry, make_anew, rows_of, write_journal, write_sealed

from edge.errors import JournalError, JournalTamperedError, SealError, SealKeyError, SeedError
from edge.journal.journal import Journal
from edge.journal.row import Entry
from edge.journal.seal import Key, Start, first_key, key_at, seed_from_text, seed_to_text
from edge.journal.seal_keys import SealKeys

ROWS = 6


@pytest.fixture(scope="module")
def made() -> Iterator[Sealed]:
    with TemporaryDirectory() as folder:
        yield write_sealed(Path(folder), ROWS)


@pytest.fixture
def sealed(made: Sealed, tmp_path: Path) -> Sealed:
    """Return a sealed journal of six words, in its usual place on a machine of its own."""
    return write_sealed(tmp_path, ROWS)


def changed(row: Entry) -> Entry:
    return msgspec.structs.replace(row, decision="ACCEPT", user="Eve")


def test_the_keys_of_a_known_seed_never_change() -> None:
    """Journals must verify for ever. The numbers are Python's hmac over the documented bytes."""
    start = Start("00" * 16, 1, "11" * 32, 1, 0)
    key = first_key(bytes(range(20)), start)
    assert key.secret.hex() == "4d53a010fb0fd446966acd5811a59e5d7e74a6b164cc6f382510c5fd86d55a6e"
    assert key.next() == Key(1, bytes.fromhex("030c258046220b3f49f711a55aef3b78fb6ba00cbee641e77498acd987ffc26e"))
    assert key_at(bytes(range(20)), start, 1) == key.next()
    assert key.seal("22" * 32) == "bad81c21d93173d216a7c25364c4b16ee45b0853e1cd767a5387b04cb795ea7e"


@given(st.binary(min_size=20, max_size=20))
def test_a_seed_that_was_written_down_is_the_seed(seed: bytes) -> None:
    text = seed_to_text(seed)
    assert [len(group) for group in text.split("-")] == [4] * 9
    assert seed_from_text(text) == seed_from_text(f" {text.lower().replace('-', ' ')}\n") == seed


@given(st.binary(min_size=20, max_size=20), st.integers(0, 35), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567018?"))
def test_a_seed_with_a_slip_is_no_seed_rather_than_another(seed: bytes, at: int, other: str) -> None:
    letters = seed_to_text(seed).replace("-", "")
    if letters[at] != other:
        with pytest.raises(SeedError) as caught:
            seed_from_text(letters[:at] + other + letters[at + 1 :])
        assert letters[:8] not in str(caught.value)


@pytest.mark.parametrize("text", ["", "A", "AAAA-" * 9, "é" * 36, "A" * 35, "A" * 37])
def test_what_is_no_seed_is_said(text: str) -> None:
    with pytest.raises(SeedError, match="nine groups"):
        seed_from_text(text)


def test_a_sealed_journal_verifies_and_every_row_is_proved(sealed: Sealed) -> None:
    with Journal(sealed.path, read_only=True, keys=sealed.keys) as journal:
        result = journal.verify(seed=sealed.seed)
        assert (result.fault, result.rows, result.proved, result.sealed) == (None, ROWS, ROWS, True)
        assert journal.verify().proved == 0


@settings(max_examples=40, deadline=None)
@given(at=st.integers(0, ROWS - 1), upto=st.integers(1, ROWS), keep=st.booleans())
def test_no_journal_made_anew_verifies_whatever_it_says(made: Sealed, at: int, upto: int, keep: bool) -> None:
    """By somebody who may write everything, with all that lies on the disk: the key of the next row."""
    with TemporaryDirectory() as folder:
        forged = made._replace(path=Path(folder) / made.path.name)
        shutil.copy(made.path, forged.path)
        rows = rows_of(forged.path)
        rows[at] = changed(rows[at])
        rows = rows[:upto]
        make_anew(forged.path, rows, None if keep else made.key())
        with Journal(forged.path, read_only=True) as journal:
            if at < upto:
                assert journal.verify(seed=made.seed).fault
            copied = journal.verify()
        assert copied.fault is None, "the chain alone does not show it: that is what the seal is for"


@pytest.mark.parametrize("rows", range(ROWS))
def test_rows_cut_off_at_the_end_are_found_by_seed_by_key_and_by_the_gate(sealed: Sealed, rows: int) -> None:
    make_anew(sealed.path, rows_of(sealed.path)[:rows])
    assert f"{ROWS - rows} rows more were sealed" in str(sealed.fault())
    with Journal(sealed.path, read_only=True, keys=sealed.keys) as journal:
        assert f"{ROWS - rows} rows more were sealed" in str(journal.verify().fault)
    with pytest.raises(JournalTamperedError, match="nothing is appended"):
        Journal(sealed.path, keys=sealed.keys)


def test_an_older_copy_put_back_is_found(sealed: Sealed, tmp_path: Path) -> None:
    older = tmp_path / "older"
    edit(sealed.path, "PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(sealed.path, older)
    sealed.record(7, 8)
    for rest in tmp_path.glob("journal.sqlite-*"):
        rest.unlink()
    shutil.copy(older, sealed.path)
    assert "2 rows more were sealed" in str(sealed.fault())
    with pytest.raises(JournalTamperedError, match="2 rows more"):
        Journal(sealed.path, keys=sealed.keys)


def test_that_the_key_was_taken_away_hides_nothing(sealed: Sealed) -> None:
    make_anew(sealed.path, rows_of(sealed.path)[:3])
    for file in sealed.keys.folder.glob("*.key"):
        file.unlink()
    assert "not on this machine" in str(sealed.fault())
    with pytest.raises(SealKeyError, match="nothing is appended") as caught:
        Journal(sealed.path, keys=sealed.keys)
    assert caught.value.exit_code == 4


def test_a_key_of_somebody_else_is_found(sealed: Sealed) -> None:
    with Journal(sealed.path, read_only=True) as journal:
        start = journal.start
    assert start is not None
    make_anew(sealed.path, [changed(row) for row in rows_of(sealed.path)], Key(0, bytes(32)))
    sealed.keys.remove(start.journal)
    sealed.keys.put(start.journal, sealed.path, Key(0, bytes(32)))
    assert "row 1 was not sealed with this seed" in str(sealed.fault())


def test_a_key_that_is_not_of_this_seed_is_found_before_it_seals_a_row(sealed: Sealed) -> None:
    with Journal(sealed.path, read_only=True) as journal:
        start = journal.start
    assert start is not None
    sealed.keys.remove(start.journal)
    sealed.keys.put(start.journal, sealed.path, Key(ROWS, bytes(32)))
    assert sealed.fault() == "the key on this machine is not one of this seed"


def test_that_the_seal_began_later_is_no_excuse_even_without_the_seed(sealed: Sealed) -> None:
    edit(sealed.path, "UPDATE seal SET first = 3, step = 2", "DELETE FROM seals WHERE number < 3")
    with Journal(sealed.path, read_only=True) as journal:
        assert journal.verify().fault == "the beginning of the seal was changed"


def test_another_seed_proves_nothing(sealed: Sealed) -> None:
    assert "row 1 was not sealed with this seed" in str(sealed._replace(seed=bytes(20)).fault())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE seals SET seal = (SELECT seal FROM seals WHERE number = 2) WHERE number = 3",
        "DELETE FROM seals WHERE number = 3",
        "INSERT INTO seals VALUES (99, '00')",
        "UPDATE seal SET first = 2, row = 2",
        "UPDATE seal SET first = 4",
        "UPDATE seal SET first = 7, row = 7",
        "UPDATE seal SET step = 1",
        "UPDATE seal SET step = -1",
        "UPDATE seal SET journal = '00'",
        "UPDATE seal SET head = ''",
        "DELETE FROM seal",
        "DROP TABLE seals",
        "CREATE TRIGGER planted AFTER INSERT ON seals BEGIN DELETE FROM seals; END",
    ],
)
def test_what_is_changed_of_a_seal_is_found(sealed: Sealed, change: str) -> None:
    edit(sealed.path, change)
    assert sealed.fault()


@pytest.mark.parametrize(
    "change", ["DROP TABLE seals", "CREATE VIEW seen AS SELECT 1", "UPDATE seal SET journal = '00'"]
)
def test_a_gate_appends_nothing_to_a_seal_that_is_not_inkgates(sealed: Sealed, change: str) -> None:
    edit(sealed.path, change)
    with pytest.raises(JournalError) as caught:
        Journal(sealed.path, keys=sealed.keys)
    assert caught.value.exit_code == 4


def test_a_seal_that_was_taken_off_and_a_journal_in_anothers_place_are_noticed(sealed: Sealed, tmp_path: Path) -> None:
    edit(sealed.path, "DROP TABLE seals", "DROP TABLE seal")
    assert "not the journal that was sealed" in str(sealed.fault())
    with pytest.raises(JournalTamperedError, match="not the journal that was sealed in this place"):
        Journal(sealed.path, keys=sealed.keys)
    with Journal(sealed.path, read_only=True) as journal:
        assert journal.verify(seed=sealed.seed).fault == "it is not sealed"
    for file in tmp_path.glob("journal.sqlite*"):
        file.unlink()
    with pytest.raises(JournalTamperedError, match="not the journal that was sealed in this place"):
        Journal(sealed.path, keys=sealed.keys)


def test_a_damaged_key_of_another_journal_stops_nobody_and_ones_own_does(sealed: Sealed) -> None:
    (sealed.keys.folder / "other.key").write_text("no key")
    (sealed.keys.folder / "other.key").chmod(0o600)
    sealed.record(7)
    assert sealed.fault() is None
    own = next(file for file in sealed.keys.folder.glob("*.key") if file.name != "other.key")
    own.write_text("{}")
    with pytest.raises(SealKeyError, match="no key of a seal"):
        Journal(sealed.path, keys=sealed.keys)


def test_an_exposed_key_seals_nothing(sealed: Sealed) -> None:
    own = next(sealed.keys.folder.glob("*.key"))
    own.chmod(0o644)
    with pytest.raises(SealKeyError, match="chmod") as caught:
        Journal(sealed.path, keys=sealed.keys)
    assert caught.value.exit_code == 4


def test_keys_are_their_owners_alone_and_none_of_before_is_on_the_disk(sealed: Sealed, tmp_path: Path) -> None:
    assert sealed.keys.folder.stat().st_mode & 0o077 == 0
    assert {file.stat().st_mode & 0o077 for file in sealed.keys.folder.iterdir()} == {0}
    with Journal(sealed.path, read_only=True) as journal:
        start = journal.start
    assert start is not None
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    there = [key_at(sealed.seed, start, step).secret.hex().encode() in kept for step in range(ROWS + 1)]
    assert there == [False] * ROWS + [True]
    assert sealed.seed not in kept
    assert sealed.seed.hex().encode() not in kept


def test_without_keys_nothing_is_appended_to_a_sealed_journal(sealed: Sealed) -> None:
    with pytest.raises(SealKeyError):
        Journal(sealed.path)


def test_a_journal_of_before_is_sealed_from_its_next_row_on(tmp_path: Path) -> None:
    path, keys, seeds = write_journal(tmp_path / "journal.sqlite"), SealKeys(tmp_path / "seals"), list[bytes]()
    with Journal(path, keys=keys) as journal:
        assert journal.start is None
        assert journal.seal(keys, seeds.append).first == 16
        assert journal.record(entry(6))
    sealed = Sealed(path, keys, seeds[0])
    with Journal(path, read_only=True, keys=keys) as journal:
        assert (journal.verify(seed=sealed.seed).fault, journal.verify(seed=sealed.seed).proved) == (None, 1)
    rows = rows_of(path)
    make_anew(path, [changed(rows[0]), *rows[1:]])
    assert "row 15 is not the one behind which the seal began" in str(sealed.fault())


def test_a_journal_is_sealed_once(sealed: Sealed) -> None:
    with (
        Journal(sealed.path, keys=sealed.keys) as journal,
        pytest.raises(SealError, match="sealed already, from row 1"),
    ):
        journal.seal(sealed.keys, lambda seed: None)
    assert sealed.fault() is None


def test_who_cannot_be_shown_the_seed_seals_nothing(tmp_path: Path) -> None:
    def gone(_: bytes) -> None:
        raise BrokenPipeError

    keys = SealKeys(tmp_path / "seals")
    with Journal(tmp_path / "j", keys=keys) as journal:
        with pytest.raises(BrokenPipeError):
            journal.seal(keys, gone)
        assert journal.start is None
        assert journal.record(entry(1))
    assert not list(tmp_path.glob("seals/*.key"))


def test_two_gates_at_one_journal_seal_one_chain(sealed: Sealed) -> None:
    with Journal(sealed.path, keys=sealed.keys) as one, Journal(sealed.path, keys=sealed.keys) as two:
        for word in range(10, 20):
            assert (one, two)[word % 2].record(entry(word))
        assert one.record(entry(19)) is False
    assert sealed.fault() is None


def test_a_key_never_goes_back(sealed: Sealed) -> None:
    with Journal(sealed.path, read_only=True) as journal:
        start = journal.start
    assert start is not None
    sealed.keys.put(start.journal, sealed.path, key_at(sealed.seed, start, 2))
    assert sealed.key().step == ROWS


@pytest.mark.parametrize("planted", [[], ["INSERT INTO seals VALUES (7, '00')"]])
def test_a_row_that_is_planted_while_the_gate_runs_is_not_sealed(sealed: Sealed, planted: list[str]) -> None:
    with Journal(sealed.path, keys=sealed.keys) as journal:
        rows = [*rows_of(sealed.path), entry(99)]
        make_anew(sealed.path, rows)
        edit(sealed.path, *planted)
        with pytest.raises(JournalTamperedError, match="row 7 is not sealed by the key that was here then"):
            journal.record(entry(7))
    with sqlite3.connect(sealed.path) as database:
        assert database.execute("SELECT count(*) FROM decisions").fetchone() == (7,)
    database.close()


def test_a_walk_does_not_take_rows_that_are_recorded_meanwhile_for_a_change(sealed: Sealed) -> None:
    """The key is read before the rows, and these at one moment."""
    with (
        Journal(sealed.path, read_only=True, keys=sealed.keys) as reader,
        Journal(sealed.path, keys=sealed.keys) as gate,
    ):
        words = iter(range(100, 200))
        plain = reader._database

        class Busy:
            """The reader's database, beside which a gate records at each statement."""

            in_transaction = property(lambda self: plain.in_transaction)

            def execute(self, *arguments: object) -> sqlite3.Cursor:
                gate.record(entry(next(words)))
                return plain.execute(*arguments)  # type: ignore[arg-type]

        reader._database = Busy()  # type: ignore[assignment]
        assert reader.verify(seed=sealed.seed).fault is None
        assert next(words) > 103
        reader._database = plain
