"""The commands of `inkgate journal`, as a person and as other programs use them."""

import csv
import io
import json
import os
import stat
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from journals import edit, entry, make_anew, rows_of

from edge.cli.journal import journal
from edge.errors import JournalExistsError, JournalTamperedError, NotAJournalError, SealError, SeedError
from edge.journal.journal import Journal
from edge.journal.row import COLUMNS, Entry
from edge.journal.seal_keys import SealKeys


def invoke(*arguments: object, given: str | None = None) -> Result:
    return CliRunner().invoke(journal, [str(a) for a in arguments], input=given)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a journal of four words on four days, by two users, with a text of somebody else's."""
    with Journal(tmp_path / "journal.sqlite") as opened:
        for word in (1, 2, 3, 4):
            row = msgspec.structs.replace(entry(word), time=f"2026-01-0{word}T12:00:00.000+00:00")
            verdict = {"decision": "ACCEPT", "user": "Ada" if word == 2 else "Ben"} if word % 2 == 0 else {}
            opened.record(msgspec.structs.replace(row, **verdict, reason='=1+1,"a"\n\x1b[2J' if word == 3 else "score"))
    return tmp_path / "journal.sqlite"


def sealed(path: Path) -> str:
    result = invoke("seal", path, "--json")
    assert result.exit_code == 0
    with Journal(path, keys=SealKeys()) as opened:
        opened.record(entry(9))
        opened.record(entry(10))
    return str(json.loads(result.stdout)["seed"])


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ((), [1, 2, 3, 4]),
        (("--since", "2026-01-03"), [3, 4]),
        (("--since", "2026-01-02T12:00", "--until", "2026-01-04T12:00Z"), [2, 3]),
        (("--until", "2026-01-02T13:30+01:00"), [1, 2]),
        (("--until", "2026-01-02T13:00+01:00"), [1]),
        (("--user", "Ada"), [2]),
        (("--verdict", "accept"), [2, 4]),
        (("--verdict", "ACCEPT", "--last", "1"), [4]),
        (("--user", "Nobody"), []),
    ],
)
def test_rows_are_shown_and_exported_by_time_user_and_verdict(
    path: Path, asked: tuple[str, ...], words: list[int]
) -> None:
    shown = invoke("show", path, "--json", *asked)
    assert [json.loads(line)["word"] for line in shown.stdout.splitlines()] == words
    exported = invoke("export", path, "--format", "jsonl", *asked)
    assert exported.stdout == shown.stdout
    table = invoke("export", path, *asked)
    assert [int(row["word"]) for row in csv.DictReader(io.StringIO(table.stdout))] == words


@pytest.mark.parametrize("wrong", ["yesterday", "2026-13-01", "9999-12-31T23:59:59-14:00", ""])
def test_what_is_no_time_is_a_usage_error(path: Path, wrong: str) -> None:
    result = invoke("show", path, "--since", wrong)
    assert (result.exit_code, "is no time" in result.stderr) == (2, True)


def test_texts_of_others_reach_terminal_and_spreadsheet_as_texts(path: Path) -> None:
    shown = invoke("show", path).stderr
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 4
    table = invoke("export", path).stdout
    assert "\x1b" not in table
    third = list(csv.DictReader(io.StringIO(table)))[2]
    assert third["reason"] == '\'=1+1,"a"\\n\\x1b[2J'
    exact = json.loads(invoke("export", path, "--format", "jsonl").stdout.splitlines()[2])
    assert exact["reason"] == '=1+1,"a"\n\x1b[2J'


def test_what_others_wrote_into_a_journal_does_not_reach_the_terminal_as_it_is(tmp_path: Path) -> None:
    hostile = "\x1b[2J\x9b31m\0\u202eevil\n\r[red]"
    row = Entry("t", f"pen{hostile}", 1, 1, 4, "REJECT", f"Ada{hostile}", -1.0, True, hostile, 1.0, "b")
    with Journal(tmp_path / "journal.db") as opened:
        opened.record(row)
    told = invoke("show", tmp_path / "journal.db").stderr
    assert told.count("\n") == 1
    assert told.rstrip("\n").isprintable()
    assert r"pen\x1b[2J\x9b31m\x00\u202eevil\n\r[red]" in told
    shown = [json.loads(invoke("show", tmp_path / "journal.db", "--json").stdout)]
    assert shown[0]["board"] == f"pen{hostile}"  # a machine gets it as it is, escaped by JSON


def test_what_is_exported_is_what_was_recorded(path: Path) -> None:
    rows = list(csv.reader(io.StringIO(invoke("export", path).stdout)))
    assert rows[0] == ["number", *COLUMNS, "hash"]
    with Journal(path, read_only=True) as opened:
        for row, (number, recorded, digest) in zip(rows[1:], opened.rows(), strict=True):
            told = dict(zip(rows[0], row, strict=True))
            assert (int(told["number"]), told["hash"], int(told["final"])) == (number, digest, recorded.final)
            assert float(told["score"]) == recorded.score
            assert (told["user"] or None, told["decision"]) == (recorded.user, recorded.decision)


def test_an_export_to_a_file_is_its_owners_and_replaces_none(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert invoke("export", path, "--out", out).exit_code == 0
    assert out.read_text() == invoke("export", path).stdout
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert isinstance(invoke("export", path, "--out", out).exception, JournalExistsError)
    missing = invoke("export", path, "--out", tmp_path / "none" / "out.csv")
    assert getattr(missing.exception, "exit_code", None) == 3
    assert sorted(tmp_path.glob("*.fresh")) == []


def test_the_seed_is_shown_once_and_proves_what_follows(path: Path, tmp_path: Path) -> None:
    shown = invoke("seal", path)
    seed = shown.stderr.split()[1]
    assert "from row 5 on" in shown.stderr
    again = invoke("seal", path)
    assert isinstance(again.exception, SealError)
    assert seed not in str(again.exception)
    with Journal(path, keys=SealKeys()) as opened:
        opened.record(entry(9))
    asked = invoke("verify", path, "--seed", given=f"{seed}\n")
    assert (asked.exit_code, "1 row proved by the seed" in asked.stderr) == (0, True)
    assert seed not in asked.output
    (tmp_path / "seed").write_text(seed.lower() + "\n")
    report = json.loads(invoke("verify", path, "--seed-file", tmp_path / "seed", "--json").stdout)
    assert (report["ok"], report["sealed"], report["proved"], report["files"]) == (True, True, 1, 1)
    assert "the seal not checked: --seed" in invoke("verify", path).stderr


def test_a_slip_in_the_seed_is_no_verdict(path: Path, tmp_path: Path) -> None:
    seed = sealed(path)
    slipped = invoke("verify", path, "--seed", given=("A" if seed[0] != "A" else "B") + seed[1:] + "\n")
    assert isinstance(slipped.exception, SeedError)
    assert slipped.exception.exit_code == 2
    (tmp_path / "seed").write_bytes(b"\xff" * 36)
    for file in (tmp_path / "seed", tmp_path / "none", tmp_path):
        assert isinstance(invoke("verify", path, "--seed-file", file).exception, SeedError)


def test_a_journal_made_anew_is_told_by_the_seed_alone(path: Path) -> None:
    seed = sealed(path)
    rows = rows_of(path)
    make_anew(path, [*rows[:4], msgspec.structs.replace(rows[4], decision="ACCEPT", user="Eve"), rows[5]])
    assert invoke("verify", path).exit_code == 0
    found = invoke("verify", path, "--seed", given=f"{seed}\n")
    assert (found.exit_code, "row 5 was not sealed with this seed" in found.stderr) == (1, True)


def test_a_copy_is_verified_as_one(path: Path, tmp_path: Path) -> None:
    seed = sealed(path)
    assert invoke("backup", tmp_path / "copy", "--journal", path).exit_code == 0
    taken = invoke("backup", tmp_path / "copy", "--journal", path)
    assert isinstance(taken.exception, JournalExistsError)
    assert taken.exception.exit_code == 2
    with Journal(path, keys=SealKeys()) as opened:
        opened.record(entry(11))
    ahead = invoke("verify", tmp_path / "copy", "--seed", given=f"{seed}\n")
    assert (ahead.exit_code, "1 rows more were sealed" in ahead.stderr) == (1, True)
    told = invoke("verify", tmp_path / "copy", "--copy", "--seed", given=f"{seed}\n")
    assert (told.exit_code, "as a copy: its end is not proved" in told.stderr) == (0, True)


def test_what_was_put_away_is_followed(path: Path) -> None:
    seed = sealed(path)
    rotated = invoke("rotate", path, "--json")
    archive = Path(json.loads(rotated.stdout)["file"])
    assert (archive, json.loads(rotated.stdout)["rows"]) == (path.with_name("journal.1.sqlite"), 6)
    told = invoke("verify", path, "--seed", given=f"{seed}\n")
    assert (told.exit_code, "2 files, each continued by the next; 4 rows proved" in told.stderr) == (0, True)
    archive.unlink()
    lost = invoke("verify", path)
    assert (lost.exit_code, "journal.1.sqlite, which row 1 continues, is missing" in lost.stderr) == (1, True)


def test_to_put_nothing_away_makes_no_journal(tmp_path: Path) -> None:
    assert isinstance(invoke("rotate", tmp_path / "none").exception, NotAJournalError)
    assert not list(tmp_path.iterdir())


def test_another_journal_in_a_sealed_ones_place_is_sealed_anew_only_when_asked(path: Path, tmp_path: Path) -> None:
    sealed(path)
    for file in tmp_path.glob("journal.sqlite*"):
        file.unlink()
    assert isinstance(invoke("seal", path).exception, JournalTamperedError)
    assert invoke("seal", path, "--anew").exit_code == 0
    with Journal(path, keys=SealKeys()) as opened:
        assert opened.record(entry(1))
    assert isinstance(invoke("seal", path, "--anew").exception, SealError)
    assert invoke("verify", path).exit_code == 0


def test_a_hostile_fault_is_told_as_text(path: Path) -> None:
    edit(path, 'CREATE TABLE "\x1b[2J" (one)')
    told = invoke("verify", path)
    assert (told.exit_code, "\x1b" in told.stderr) == (1, False)


def test_a_journal_that_cannot_be_read_is_no_verdict(path: Path) -> None:
    sealed(path)
    key = next(Path(os.environ["INKGATE_STATE"], "seals").glob("*.key"))
    key.chmod(0o644)
    assert getattr(invoke("verify", path).exception, "exit_code", None) == 4
    key.chmod(0o600)
    assert invoke("verify", path).exit_code == 0
