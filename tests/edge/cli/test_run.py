"""The commands run, capture and journal, on a board that is a list of events, and as processes."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_link import FakeLink, invoke, records
from fake_link import blots as blots
from fake_link import link as link

from edge.bundle.bundle import Bundle
from edge.bundle.places import SIGNATURE
from edge.cli.journal import journal
from edge.cli.people.capture import capture
from edge.cli.run import run
from edge.decision.rule import Decision
from edge.errors import (
    BundleAlteredError,
    HookError,
    JournalError,
    NamesError,
    NotAJournalError,
    NoUsersError,
    TooFewWordsError,
)
from edge.ink.fragment_set import FragmentSet
from edge.journal.journal import Journal
from firmware_bridge.link.errors import PortLostError
from firmware_bridge.session.events import Event
from firmware_bridge.trust.folder import state_folder

KEYS = ["time", "board", "session", "word", "symbols", "decision", "user", "score", "threshold", "final", "reason"]
KEYS += ["latency_ms", "verified", "signed", "authenticated"]


def test_what_is_no_writing_is_refused_before_anybody_asks_whose(bundle: Bundle, link: FakeLink) -> None:
    finals = [r for r in records(invoke(run, "--port", "p", "--bundle", bundle.path, "--json")) if r["final"]]
    assert {(r["decision"], r["user"], r["score"]) for r in finals} == {("REJECT", None, None)}
    assert all("not writing" in r["reason"] for r in finals)


@pytest.mark.usefixtures("blots")
def test_run_says_one_object_for_each_decision(
    bundle: Bundle, link: FakeLink, words: list[np.ndarray], oracle: Any
) -> None:
    result = invoke(run, "--port", "p", "--bundle", bundle.path, "--json")
    assert result.exit_code == 0, result.output
    found = records(result)
    assert all(list(record) == KEYS and record["verified"] for record in found)
    assert [r["symbols"] for r in found if r["word"] == 1] == [*range(1, len(words[0]) + 1), len(words[0])]
    right: list[Decision] = [oracle(word) for word in words[:4]]
    finals = [(r["decision"], r["user"], r["score"]) for r in found if r["final"]]
    assert finals == [(d.verdict.name, d.user, d.score) for d in right]
    assert "runtime ai-edge-litert" in result.stderr
    assert "kernels litert-" in result.stderr
    assert all(f"word {n}" in result.stderr for n in range(1, 5))


@pytest.mark.usefixtures("blots")
def test_a_command_runs_once_for_each_word_that_was_decided_so(
    bundle: Bundle, link: FakeLink, words: list[np.ndarray], oracle: Any, tmp_path: Path
) -> None:
    """The line is written as in a unit file; that the gate ends does not end the command."""
    script = tmp_path / "on accept"
    script.write_text(f'#!/bin/sh\nsleep 0.2\necho "$INKGATE_WORD $INKGATE_USER" >> "{tmp_path}/$1"\n')
    script.chmod(0o700)
    commands = ("--on-accept", f"'{script}' accepted", "--on-reject", f"'{script}' rejected")
    result = invoke(run, "--port", "p", "--bundle", bundle.path, *commands)
    assert result.exit_code == 0, result.output
    for verdict, name in (("ACCEPT", "accepted"), ("REJECT", "rejected")):
        right = [(n, oracle(word)) for n, word in enumerate(words[:4], start=1)]
        wanted = [f"{n} {d.user or ''}" for n, d in right if d.verdict.name == verdict]
        file = tmp_path / name
        assert (file.read_text().splitlines() if file.exists() else []) == wanted
    for odd in ("", "'open"):
        assert isinstance(invoke(run, "--port", "p", "--bundle", bundle.path, "--on-accept", odd).exception, HookError)


@pytest.mark.usefixtures("blots", "link")
def test_a_command_does_not_wait_until_somebody_reads_what_was_decided(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that is not read would hold a door shut, and open it when its reader goes on."""
    log, missed = tmp_path / "log", []

    def stalled(record: dict[str, Any]) -> None:
        end_s = time.monotonic() + 5.0
        while record["final"] and f"{record['word']} " not in (log.read_text() if log.exists() else ""):
            if time.monotonic() > end_s:
                missed.append(record["word"])
                break
            time.sleep(0.01)

    monkeypatch.setattr("edge.cli.run.emit", stalled)
    script = tmp_path / "script"
    script.write_text(f'#!/bin/sh\necho "$INKGATE_WORD " >> "{log}"\n')
    script.chmod(0o700)
    commands = ("--on-accept", f"'{script}'", "--on-reject", f"'{script}'")
    result = invoke(run, "--port", "p", "--bundle", bundle.path, "--json", "--words", 2, *commands)
    assert result.exit_code == 0, result.output
    assert missed == []


def test_run_ends_after_so_many_words_and_leaves_the_link_in_order(
    bundle: Bundle, link: FakeLink, words: list[np.ndarray], tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    result = invoke(run, "--port", "p", "--bundle", bundle.path, "--words", 2, "--journal", path, "--json")
    assert result.exit_code == 0
    assert [r["word"] for r in records(result) if r["final"]] == [1, 2]
    assert link.asked == 1 + sum(len(word) + 2 for word in words[:2])
    assert link.left_with is None  # this tells a link that the last word is decided
    with Journal(path, read_only=True) as journal:
        assert {e.word for _, e, _ in journal.rows()} == {1, 2}
        assert journal.verify().fault is None


def test_a_second_run_tells_the_link_what_the_journal_has(bundle: Bundle, link: FakeLink, tmp_path: Path) -> None:
    arguments = ["--port", "p", "--bundle", bundle.path, "--journal", tmp_path / "journal.db", "--json"]
    assert len([r for r in records(invoke(run, *arguments)) if r["final"]]) == 4
    again = invoke(run, *arguments, "--idle-timeout", 3)
    assert (again.stdout, again.exit_code) == ("", 0)
    assert link.options["delivered"] == {"desk-pen": (7, 4)}
    assert link.options["idle_timeout_s"] == 3.0


def test_fewer_words_than_waited_for_is_a_device_error(bundle: Bundle, link: FakeLink) -> None:
    result = invoke(run, "--port", "p", "--bundle", bundle.path, "--words", 9)
    assert isinstance(result.exception, TooFewWordsError)
    assert result.exception.exit_code == 3
    assert "4 of 9 words" in str(result.exception)


def test_an_altered_bundle_is_refused_before_the_port_is_touched(bundle: Bundle, link: FakeLink) -> None:
    (bundle.path / "float.npz").write_bytes(b"other")
    result = invoke(run, "--port", "p", "--bundle", bundle.path)
    assert isinstance(result.exception, BundleAlteredError)
    assert link.options == {}


def test_without_a_word_of_it_decisions_are_recorded_in_the_users_folder_of_records(
    bundle: Bundle, link: FakeLink, words: list[np.ndarray]
) -> None:
    assert invoke(run, "--port", "p", "--bundle", bundle.path).exit_code == 0
    verified = invoke(journal, "verify", "--json")
    assert (verified.exit_code, records(verified)[0]["ok"]) == (0, True)
    assert records(verified)[0]["rows"] == sum(len(word) + 1 for word in words[:4])
    assert len(records(invoke(journal, "show", "--last", 3, "--json"))) == 3
    (state_folder() / "journal.sqlite").write_bytes(b"no journal" * 100)
    link.options = {}
    assert isinstance(invoke(run, "--port", "p", "--bundle", bundle.path).exception, NotAJournalError)
    assert link.options == {}  # nothing is decided that cannot be recorded


def test_an_early_decision_needs_users_of_a_roster(bundle: Bundle, link: FakeLink, tmp_path: Path) -> None:
    command = ["--port", "p", "--bundle", bundle.path, "--early"]
    refused = invoke(run, *command, "--journal", tmp_path / "journal.db")
    assert isinstance(refused.exception, NoUsersError)
    assert "--early is of users of a roster" in str(refused.exception)
    assert link.options == {}


def test_other_kernels_can_be_chosen_and_then_every_decision_says_so(
    bundle: Bundle, link: FakeLink, tmp_path: Path
) -> None:
    arguments = ["--port", "p", "--bundle", bundle.path, "--kernels", "reference", "--words", 1]
    result = invoke(run, *arguments, "--journal", tmp_path / "journal.db", "--json")
    assert result.exit_code == 0
    found = records(result)
    assert not any(record["verified"] for record in found)
    assert "kernels litert-reference" in result.stderr
    assert "unverified: the bundle was made and verified on" in result.stderr
    with Journal(tmp_path / "journal.db", read_only=True) as journal:
        reasons = [entry.reason for _, entry, _ in journal.rows()]
    assert len(reasons) == len(found)
    assert all("(unverified: ai-edge-litert" in reason and "litert-reference)" in reason for reason in reasons)


def test_choosing_the_kernels_that_were_verified_anyway_is_verified(bundle: Bundle, link: FakeLink) -> None:
    result = invoke(run, "--port", "p", "--bundle", bundle.path, "--kernels", "default", "--json")
    assert {record["verified"] for record in records(result)} == {True}
    assert "unverified" not in result.stderr


@pytest.fixture
def silently_off(default_becomes: Callable[[str], None]) -> None:
    """Make LiteRT leave XNNPACK out without saying so."""
    default_becomes("BUILTIN_WITHOUT_DEFAULT_DELEGATES")


def test_a_machine_that_computes_otherwise_says_unavailable_once_and_decides_nothing(
    bundle: Bundle, link: FakeLink, silently_off: None, tmp_path: Path
) -> None:
    path = tmp_path / "journal.db"
    arguments = ["--port", "p", "--bundle", bundle.path, "--journal", path]
    result = invoke(run, *arguments, "--json")
    assert result.exit_code == 4
    (record,) = records(result)
    assert (record["decision"], record["user"], record["final"], record["verified"]) == (
        "UNAVAILABLE",
        None,
        True,
        False,
    )
    assert list(record) == [*KEYS, "error", "exit_code"]
    assert "verified on kernels litert-xnnpack, this machine runs litert-optimised" in record["reason"]
    assert result.stderr == f"error: {record['reason']}\n"
    again = invoke(run, *arguments)
    assert (again.exit_code, again.stdout) == (4, "")
    assert link.options == {}  # The port is not touched: the board keeps its words.
    with Journal(path, read_only=True) as journal:
        rows = [(e.board, e.decision, e.user, e.final, e.reason, e.bundle) for _, e, _ in journal.rows()]
        assert journal.verify().fault is None
    assert rows == [("", "UNAVAILABLE", None, True, record["reason"], bundle.sha256)] * 2
    forced = invoke(run, *arguments, "--kernels", "optimised", "--json")
    assert forced.exit_code == 0
    assert [r["verified"] for r in records(forced) if r["final"]] == [False] * 4


def test_a_refusal_that_cannot_be_journalled_is_a_refusal(
    bundle: Bundle, link: FakeLink, silently_off: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> bool:
        raise JournalError("disk full")

    monkeypatch.setattr(Journal, "record", full)
    arguments = ["--port", "p", "--bundle", bundle.path, "--journal", tmp_path / "journal.db", "--json"]
    result = invoke(run, *arguments)
    assert result.exit_code == 4
    assert "litert-optimised" in records(result)[0]["reason"]
    assert "disk full" in records(result)[0]["reason"]


def test_capture_keeps_every_whole_word_and_adds_to_the_file(
    link: FakeLink, words: list[np.ndarray], tmp_path: Path
) -> None:
    out = tmp_path / "set.npz"
    first = invoke(capture, "--port", "p", "--writer", "Ada", "--out", out, "--words", 2, "--json")
    assert first.exit_code == 0, first.output
    assert records(first)[0]["words"] == 2
    assert "needs 20 fragments of different symbols, or 5 writings (3 at least) of a PIN" in first.stderr
    second = invoke(capture, "--port", "p", "--writer", "Ben", "--out", out)
    assert second.exit_code == 0
    fragments = FragmentSet.load(out)
    assert [fragments.name_of(int(w)) for w in fragments.writers] == ["Ada", "Ben"]
    np.testing.assert_array_equal(fragments.pixels, np.concatenate([*words[:2], *words[:4]]))


def test_capture_asks_again_for_a_word_of_the_wrong_length(
    link: FakeLink, words: list[np.ndarray], tmp_path: Path
) -> None:
    out, text = tmp_path / "set.npz", "2468"[: len(words[0])] + "x" * (len(words[0]) - 4)
    result = invoke(capture, "--port", "p", "--writer", "Ada", "--out", out, "--symbols", text)
    fitting = [word for word in words[:4] if len(word) == len(words[0])]
    assert len(FragmentSet.load(out)) == sum(map(len, fitting))
    assert result.stderr.count("write the word") == 4 - len(fitting)
    assert isinstance(invoke(capture, "--port", "p", "--writer", "\n", "--out", out).exception, NamesError)


@pytest.fixture
def journal_path(bundle: Bundle, link: FakeLink, tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    assert invoke(run, "--port", "p", "--bundle", bundle.path, "--journal", path).exit_code == 0
    return path


def test_journal_verify_tells_sound_from_changed(journal_path: Path) -> None:
    sound = invoke(journal, "verify", journal_path, "--json")
    assert sound.exit_code == 0
    (report,) = records(sound)
    assert (report["ok"], report["fault"]) == (True, None)
    assert invoke(journal, "verify", journal_path, "--head", report["head"]).exit_code == 0
    assert invoke(journal, "verify", journal_path, "--head", "0" * 64).exit_code == 1
    with sqlite3.connect(journal_path) as database:
        database.execute("UPDATE decisions SET user = 'Eve' WHERE number = 2")
    database.close()
    changed = invoke(journal, "verify", journal_path, "--json")
    assert changed.exit_code == 1
    assert records(changed)[0]["fault"] == "row 2 is not what was recorded there"
    assert "row 2" in invoke(journal, "verify", journal_path).stderr


def test_journal_show_gives_every_row(journal_path: Path, words: list[np.ndarray]) -> None:
    rows = records(invoke(journal, "show", journal_path, "--json"))
    assert [r["number"] for r in rows] == list(range(1, 1 + sum(len(word) + 1 for word in words[:4])))
    assert len(records(invoke(journal, "show", journal_path, "--json", "--last", 2))) == 2
    assert "desk-pen" in invoke(journal, "show", journal_path).stderr
    assert isinstance(invoke(journal, "show", journal_path.parent / "none").exception, JournalError)


def test_a_port_that_fails_for_good_is_an_error_after_the_open_word_is_closed(
    bundle: Bundle, link: FakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def events() -> Iterator[Event]:
        yield from link.said[:4]
        raise PortLostError("/dev/x: gone")

    monkeypatch.setattr(link, "events", events)
    result = invoke(run, "--port", "p", "--bundle", bundle.path, "--json")
    assert isinstance(result.exception, PortLostError)
    assert records(result)[-1]["decision"] == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("file", "code"), [("model.tflite", 4), ("golden-litert-xnnpack.bin", 4), ("manifest.json", 4)]
)
def test_the_real_command_line_turns_refusals_into_exit_codes(bundle: Bundle, file: str, code: int) -> None:
    (bundle.path / file).write_bytes(b"x")
    command = [sys.executable, "-m", "inkgate", "run", "--port", "/dev/none", "--bundle", str(bundle.path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert file in json.loads(done.stdout)["error"]
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("blots")
def test_a_board_without_a_key_is_said_in_every_decision_and_in_the_journal(
    bundle: Bundle, link: FakeLink, board: Any, words: list[np.ndarray], oracle: Any, tmp_path: Path
) -> None:
    link.said = [board.connected(authenticated=False), *link.said[1:]]
    arguments = ["--port", "p", "--bundle", bundle.path, "--allow-unauthenticated", "--journal", tmp_path / "j.db"]
    result = invoke(run, *arguments, "--json")
    assert link.options["allow_unauthenticated"] is True
    found = records(result)
    assert len(found) == sum(len(word) + 1 for word in words[:4])
    assert not any(record["authenticated"] for record in found)
    assert all(record["reason"].endswith("(unauthenticated: the board has no key)") for record in found)
    assert [r["decision"] for r in found if r["final"]] == [oracle(word).verdict.name for word in words[:4]]
    with Journal(tmp_path / "j.db", read_only=True) as journal:
        assert [entry.reason for _, entry, _ in journal.rows()] == [record["reason"] for record in found]
    assert "anybody on the line can write in its place" in result.stderr


def test_boards_prove_who_they_are_unless_a_flag_says_otherwise(bundle: Bundle, link: FakeLink, tmp_path: Path) -> None:
    result = invoke(run, "--port", "p", "--bundle", bundle.path, "--json")
    assert link.options["allow_unauthenticated"] is False
    assert all(record["authenticated"] and "unauthenticated" not in record["reason"] for record in records(result))
    invoke(capture, "--port", "p", "--writer", "Ada", "--out", tmp_path / "set.npz")
    assert link.options["allow_unauthenticated"] is False
    invoke(capture, "--port", "p", "--writer", "B", "--out", tmp_path / "b.npz", "--allow-unauthenticated")
    assert link.options["allow_unauthenticated"] is True


@pytest.mark.usefixtures("blots")
def test_a_bundle_that_nobody_signed_is_said_in_every_decision_on_the_screen_and_in_the_journal(
    bundle: Bundle, link: FakeLink, tmp_path: Path
) -> None:
    (bundle.path / SIGNATURE).unlink()
    arguments = ["--port", "p", "--bundle", bundle.path, "--unsigned", "--journal", tmp_path / "j.db"]
    found = records(invoke(run, *arguments, "--json"))
    assert {record["decision"] for record in found} > {"ACCEPT"}
    assert not any(record["signed"] for record in found)
    assert all(record["reason"].endswith("(unsigned: nobody answers for the bundle)") for record in found)
    with Journal(tmp_path / "j.db", read_only=True) as journal:
        assert [entry.reason for _, entry, _ in journal.rows()] == [record["reason"] for record in found]
    shown = invoke(run, *arguments[:-1], tmp_path / "other.db").stderr
    finals = [record for record in found if record["final"]]
    assert shown.count("(unsigned: nobody answers for the bundle)") == len(finals) > 0


def test_refused_frames_are_told_at_the_end_however_it_comes(
    bundle: Bundle, link: FakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "refused" not in invoke(run, "--port", "p", "--bundle", bundle.path).stderr
    link.counters.refused = 3
    assert "3 intact frames were refused" in invoke(run, "--port", "p", "--bundle", bundle.path).stderr

    def events() -> Iterator[Event]:
        yield link.said[0]
        raise KeyboardInterrupt

    monkeypatch.setattr(link, "events", events)
    assert "3 intact frames were refused" in invoke(run, "--port", "p", "--bundle", bundle.path).stderr
