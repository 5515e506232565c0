"""A journal is copied and put away while a gate writes it, and what was put away is followed."""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from journals import Sealed, edit, entry, make_anew, rows_of, write_journal, write_sealed

from edge.errors import JournalAlteredError, JournalExistsError, JournalTamperedError
from edge.journal.journal import Journal, Wanted
from edge.journal.keeping import back_up, forget_seals, rotate
from edge.journal.link import CARRIED, CONTINUED, Link


@pytest.fixture
def sealed(tmp_path: Path) -> Sealed:
    return write_sealed(tmp_path, 4)


def put_away(sealed: Sealed) -> Link:
    with Journal(sealed.path, keys=sealed.keys) as journal:
        return rotate(journal)


WRITER = """
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
sys.path.insert(0, {support!r})
from journals import entry
from edge.journal.journal import Journal
from edge.journal.seal_keys import SealKeys
with Journal({path!r}, keys=SealKeys(Path({keys!r}))) as journal:
    for word in range(1000, 100_000):
        journal.record(entry(word))
        print(word, flush=True)
"""


@pytest.fixture
def gate(sealed: Sealed) -> "subprocess.Popen[str]":
    """Return another process that records one word after the other until it is killed."""
    support = str(Path(__file__).parents[2] / "support")
    code = WRITER.format(support=support, path=str(sealed.path), keys=str(sealed.keys.folder))
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_a_backup_while_a_gate_writes_is_whole(sealed: Sealed, gate: "subprocess.Popen[str]", tmp_path: Path) -> None:
    assert gate.stdout is not None
    with gate:
        for copy in range(5):
            for _ in range(20):
                told = int(gate.stdout.readline())
            verified = back_up(sealed.path, tmp_path / f"copy{copy}")
            with Journal(tmp_path / f"copy{copy}", read_only=True) as journal:
                assert journal.decided("pen", 7, told), "what was acknowledged before is in it"
                result = journal.verify(verified.head, sealed.seed)
            assert (result.fault, result.proved) == (None, verified.rows)
        gate.kill()
    assert sealed.fault() is None


def test_rows_are_put_away_while_a_gate_writes_and_none_is_lost(sealed: Sealed, gate: "subprocess.Popen[str]") -> None:
    assert gate.stdout is not None
    with gate:
        for _ in range(4):
            for _ in range(15):
                gate.stdout.readline()
            put_away(sealed)
        told = [int(gate.stdout.readline()) for _ in range(15)][-1]
        gate.kill()
    assert sealed.fault() is None
    files = [sealed.path, *sealed.path.parent.glob("journal.*.sqlite")]
    words = {row.word for file in files for row in rows_of(file) if row.decision not in (CONTINUED, CARRIED)}
    assert len(files) == 5
    assert words >= {1, 2, 3, 4, *range(1000, told + 1)}


def test_a_backup_is_one_file_of_its_owners_and_replaces_none(sealed: Sealed, tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    back_up(sealed.path, tmp_path / "to" / "copy")
    assert [file.name for file in (tmp_path / "to").iterdir()] == ["copy"]
    assert (tmp_path / "to" / "copy").stat().st_mode & 0o077 == 0
    with pytest.raises(JournalExistsError, match="a file already"):
        back_up(sealed.path, tmp_path / "to" / "copy")


def test_a_journal_that_was_changed_is_neither_copied_nor_put_away(sealed: Sealed, tmp_path: Path) -> None:
    edit(sealed.path, "UPDATE decisions SET reason = '' WHERE number = 2")
    (tmp_path / "to").mkdir()
    with pytest.raises(JournalAlteredError, match="row 2"):
        back_up(sealed.path, tmp_path / "to" / "copy")
    assert not list((tmp_path / "to").iterdir())
    with pytest.raises(JournalAlteredError, match="row 2"):
        put_away(sealed)
    assert len(rows_of(sealed.path)) == 4


def test_a_copy_in_the_gates_place_is_written_by_nobody(sealed: Sealed, tmp_path: Path) -> None:
    back_up(sealed.path, tmp_path / "copy")
    sealed.record(5)
    shutil.copy(tmp_path / "copy", sealed.path)
    with pytest.raises(JournalTamperedError):
        Journal(sealed.path, keys=sealed.keys)


def test_what_continues_a_journal_names_it_and_knows_what_was_decided(sealed: Sealed) -> None:
    with Journal(sealed.path, keys=sealed.keys) as journal:
        journal.record(msgspec.structs.replace(entry(3), board="camera", session=9))
        journal.record(msgspec.structs.replace(entry(0), board="", session=77))  # a refusal is of no board
        before = journal.verify()
        link = rotate(journal)
        assert link == Link("journal.1.sqlite", before.rows, before.head)
        rows = [row for _, row, _ in journal.rows()]
        assert [(row.decision, row.board, row.session, row.word) for row in rows[1:]] == [
            (CARRIED, "camera", 9, 3),
            (CARRIED, "pen", 7, 4),
        ]
        assert before.head in rows[0].reason
        assert all(journal.decided("pen", 7, word) for word in (1, 2, 3, 4))
        assert not journal.decided("pen", 7, 5)
        assert not journal.decided("pen", 8, 1)
        assert {board: at for board, at in journal.delivered().items() if board} == {"pen": (7, 4), "camera": (9, 3)}
        assert journal.record(entry(5))
        assert journal.decided("pen", 7, 5)
        assert not journal.decided("pen", 7, 6)
        again = rotate(journal)
        assert again.file == "journal.2.sqlite"
        result = journal.verify(before.head, sealed.seed)
        assert (result.fault, result.files, result.proved) == (None, 3, 6 + 4 + 3)


def test_a_link_that_is_missing_or_altered_is_said(sealed: Sealed) -> None:
    put_away(sealed)
    put_away(sealed)
    first, second = (sealed.path.with_name(f"journal.{n}.sqlite") for n in (1, 2))
    kept = first.read_bytes()
    first.unlink()
    assert "journal.1.sqlite, which row 1 continues, is missing" in str(sealed.fault())
    first.write_bytes(second.read_bytes())
    assert "journal.1.sqlite is not the journal that row 1 continues" in str(sealed.fault())
    first.write_bytes(kept)
    assert sealed.fault() is None
    edit(first, "UPDATE decisions SET user = 'Eve' WHERE number = 1")
    assert "in journal.1.sqlite, which row 1 continues: row 1 is not what was recorded" in str(sealed.fault())
    first.write_bytes(b"no journal" * 1000)
    assert "journal.1.sqlite" in str(sealed.fault())


def test_no_rows_put_away_can_be_made_anew_nor_a_putting_away_invented(sealed: Sealed) -> None:
    put_away(sealed)
    sealed.record(7)
    archive = sealed.path.with_name("journal.1.sqlite")
    forged = [msgspec.structs.replace(row, user="Eve", decision="ACCEPT") for row in rows_of(archive)]
    make_anew(archive, forged, sealed.key())
    with Journal(archive, read_only=True) as journal:
        head = journal.verify().head
    rows = rows_of(sealed.path)
    told = f"{len(forged)} rows, head {head}, in {archive.name}"
    make_anew(sealed.path, [msgspec.structs.replace(rows[0], reason=told), *rows[1:]], sealed.key())
    with Journal(sealed.path, read_only=True) as journal:
        assert journal.verify().fault is None, "the chains alone do not show it"
    assert "row 1 was not sealed with this seed" in str(sealed.fault())


def test_rows_cut_off_under_cover_of_a_putting_away_are_found(sealed: Sealed) -> None:
    """Somebody who breaks in invents an earlier journal, and goes on under the key of that moment."""
    key, archive = sealed.key(), sealed.path.with_name("journal.1.sqlite")
    back_up(sealed.path, archive)
    make_anew(archive, rows_of(archive)[:2])
    with Journal(archive, read_only=True) as journal:
        head = journal.verify().head
    first = msgspec.structs.replace(entry(0), decision=CONTINUED, reason=f"2 rows, head {head}, in {archive.name}")
    make_anew(sealed.path, [first], key)
    edit(sealed.path, f"UPDATE seal SET first = 1, step = {key.step}")
    assert "rows are missing between journal.1.sqlite and what continues it" in str(sealed.fault())


@pytest.mark.parametrize("change", [["UPDATE seal SET journal = '00'"], ["DROP TABLE seals", "DROP TABLE seal"]])
def test_what_was_put_away_stays_under_the_seal_of_what_continues_it(sealed: Sealed, change: list[str]) -> None:
    put_away(sealed)
    edit(sealed.path.with_name("journal.1.sqlite"), *change)
    assert sealed.fault() == "journal.1.sqlite is not under the same seal as what continues it"


@pytest.mark.parametrize("file", ["../journal", "..", "a/b", ""])
def test_a_link_leads_out_of_its_folder_nowhere(sealed: Sealed, file: str) -> None:
    put_away(sealed)
    rows = rows_of(sealed.path)
    make_anew(sealed.path, [msgspec.structs.replace(rows[0], reason=f"1 rows, head {'0' * 64}, in {file}"), *rows[1:]])
    with Journal(sealed.path, read_only=True) as journal:
        assert "names no journal" in str(journal.verify().fault)


def test_a_journal_without_a_seal_is_put_away_and_sealed_later(tmp_path: Path) -> None:
    path, keys, seeds = write_journal(tmp_path / "journal.sqlite"), write_sealed(tmp_path / "x").keys, list[bytes]()
    with Journal(path, keys=keys) as journal:
        rotate(journal)
        journal.seal(keys, seeds.append)
        journal.record(entry(6))
        rotate(journal)
        result = journal.verify(seed=seeds[0])
    assert (result.fault, result.files, result.proved) == (None, 3, 1 + 2)


def test_a_journal_is_sealed_and_put_away_before_its_first_sealed_row(tmp_path: Path) -> None:
    path, keys, seeds = write_journal(tmp_path / "journal.sqlite"), write_sealed(tmp_path / "x").keys, list[bytes]()
    with Journal(path, keys=keys) as journal:
        journal.seal(keys, seeds.append)
        before = rotate(journal).rows
        assert journal.verify(seed=seeds[0]).fault is None
        for word in range(10, 10 + 2 * before):  # over the row of that number, too
            journal.record(entry(word))
        result = journal.verify(seed=seeds[0])
        assert (result.fault, result.files, result.proved) == (None, 2, 2 + 2 * before)
        rotate(journal)
        assert journal.verify(seed=seeds[0]).fault is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE seal SET row = row - 1", "the beginning of the seal was changed"),
        (f"UPDATE seal SET head = '{'0' * 64}'", "the beginning of the seal was changed"),
        ("UPDATE seal SET first = 2", "the beginning of the seal was changed"),
    ],
)
def test_where_a_seal_that_was_put_away_at_once_began_is_held_to_the_link(
    tmp_path: Path, change: str, told: str
) -> None:
    path, keys, seeds = write_journal(tmp_path / "journal.sqlite"), write_sealed(tmp_path / "x").keys, list[bytes]()
    with Journal(path, keys=keys) as journal:
        journal.seal(keys, seeds.append)
        rotate(journal)
    edit(path, change)
    with Journal(path, read_only=True) as journal:
        assert journal.verify().fault == told


def test_the_room_of_rows_put_away_is_given_back(tmp_path: Path) -> None:
    sealed = write_sealed(tmp_path, 1)
    with Journal(sealed.path, keys=sealed.keys) as journal:
        for word in range(2, 300):
            journal.record(entry(word))
    before = sealed.path.stat().st_size
    put_away(sealed)
    assert sealed.path.stat().st_size < before / 2


def test_a_seal_whose_journal_is_gone_is_forgotten_and_that_of_another_stays(sealed: Sealed, tmp_path: Path) -> None:
    assert forget_seals(sealed.path, sealed.keys) == 0
    moved = tmp_path / "moved"
    shutil.move(sealed.path, moved)
    assert forget_seals(sealed.path, sealed.keys) == 1
    with Journal(sealed.path, keys=sealed.keys) as journal:
        assert journal.record(entry(1))
    with Journal(moved, read_only=True) as journal:
        assert journal.verify(seed=sealed.seed).fault is None


class Life(RuleBasedStateMachine):
    """What gates and administrators do in any order: every word is recorded once, and all of it is proved."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.sealed = write_sealed(Path(self.folder.name), 1)
        self.words, self.session, self.heads = 1, 7, [self.head()]

    def head(self) -> str:
        with Journal(self.sealed.path, read_only=True) as journal:
            return journal.verify(alone=True).head

    @rule(more=st.integers(1, 3))
    def record(self, more: int) -> None:
        self.sealed.record(*range(self.words + 1, self.words + more + 1))
        self.words += more
        self.heads.append(self.head())

    @rule(again=st.integers(0, 5))
    def send_again(self, again: int) -> None:
        with Journal(self.sealed.path, keys=self.sealed.keys) as journal:
            assert journal.decided("pen", 7, max(self.words - again, 1))

    @rule()
    def put_away(self) -> None:
        put_away(self.sealed)

    @rule()
    def back_up(self) -> None:
        target = Path(self.folder.name) / "copy"
        target.unlink(missing_ok=True)
        back_up(self.sealed.path, target)

    @invariant()
    def all_is_proved(self) -> None:
        assert all(self.sealed.fault(head) is None for head in self.heads[-3:])
        with Journal(self.sealed.path, read_only=True) as journal:
            assert journal.delivered()["pen"] == (7, self.words)
            assert not journal.decided("pen", 7, self.words + 1)

    def teardown(self) -> None:
        self.folder.cleanup()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=15, stateful_step_count=10, deadline=None)


def test_rows_are_chosen_by_time_user_and_verdict(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        for word in range(8):
            row = msgspec.structs.replace(entry(word), time=f"2026-01-0{word + 1}T12:00:00.000+00:00")
            journal.record(msgspec.structs.replace(row, user="Ada" if word % 2 else None))

        def words(**wanted: str | int) -> list[int]:
            return [row.word for _, row, _ in journal.rows(Wanted(**wanted))]  # type: ignore[arg-type]

        assert words(since="2026-01-03T12:00:00.000", until="2026-01-06T12:00:00.000") == [2, 3, 4]
        assert words(user="Ada", last=2) == [5, 7]
        assert words(verdict="ACCEPT") == []
        assert words(verdict="REJECT", user="Ada", since="2026-01-05", last=9) == [5, 7]
        assert words(user="' OR 1 --") == []
