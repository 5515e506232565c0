"""A gate in a process of its own, told by signals to end or to begin anew: every word is closed and recorded."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gate_site import Site, records

from edge.bundle.places import MANIFEST, SHIPPED
from edge.journal.journal import Journal
from edge.journal.row import Entry

pytestmark = [
    pytest.mark.slow("enrols six users, and runs a gate"),
    pytest.mark.skipif(not (SHIPPED / MANIFEST).is_file(), reason="this inkgate comes without a ready bundle"),
]


def finals(site: Site) -> list[tuple[int, str, str]]:
    with Journal(site.journal, read_only=True) as journal:
        assert journal.verify().fault is None
        return [(entry.word, entry.decision, entry.reason) for _, entry, _ in journal.rows() if entry.final]


def until_running(told: Iterator[dict[str, object]], word: int) -> None:
    """Wait until a word is under way."""
    assert any(record["word"] == word and not record["final"] for record in told)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["asked to stop", "Ctrl-C"]
)
def test_a_gate_that_is_told_to_end_closes_its_word_and_says_how_it_ended(
    site: Site, number: signal.Signals, code: int
) -> None:
    with site.board():
        gate = site.run()
        until_running(records(gate), 1)
        gate.send_signal(number)
        assert gate.wait(30) == code
    [(word, decision, reason)] = finals(site)
    assert (word, decision) == (1, "UNAVAILABLE")
    assert number.name in reason or "middle of the word" in reason or "KeyboardInterrupt" in reason


def test_a_gate_that_is_told_to_open_everything_anew_goes_on_with_what_the_files_hold_now(site: Site) -> None:
    """The bundle's folder is replaced by one with another manifest, which nobody signed; it decides the words after."""
    with site.board() as board:
        gate = site.run("--words", len(site.words), "--unsigned")
        told = records(gate)
        until_running(told, 2)
        before = {row.bundle for row in rows(site)}
        manifest = site.bundle / MANIFEST
        manifest.write_bytes(manifest.read_bytes() + b"\n")
        gate.send_signal(signal.SIGHUP)
        left = [record for record in told if record["final"]]
        assert gate.wait(60) == 0
        assert board.wait(10)
    assert len(left) >= len(site.words) - 2
    after = [row.bundle for row in rows(site) if row.final]
    assert len(before) == 1
    assert len(set(after)) == 2
    assert after[-1] not in before
    decided = [word for word, decision, _ in finals(site) if decision == "ACCEPT"]
    assert decided
    assert decided == sorted(set(decided))
    assert max(word for word, *_ in finals(site)) == len(site.words)


def test_a_gate_that_is_told_to_open_everything_anew_reads_its_settings_unless_they_are_wrong(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, log = tmp_path / "inkgate.toml", tmp_path / "log"
    script = tmp_path / "note"
    script.write_text(f'#!/bin/sh\necho "$1 $INKGATE_WORD" >> "{log}"\n')
    script.chmod(0o700)
    monkeypatch.setenv("INKGATE_CONFIG", str(settings))

    def settle(name: str, more: str = "") -> None:
        settings.write_text("".join(f'on-{verdict} = "{script} {name}"\n' for verdict in ("accept", "reject")) + more)

    settle("first")
    with site.board():
        gate = site.run()
        told = records(gate)
        for name, more in (("second", ""), ("wrong", "far = 2\n"), ("third", "")):
            next(record for record in told if record["decision"] in ("ACCEPT", "REJECT"))
            settle(name, more)
            gate.send_signal(signal.SIGHUP)
        next(record for record in told if record["final"] and record["word"] == len(site.words))
        gate.send_signal(signal.SIGTERM)
        assert gate.wait(60) == 0
    names = [line.partition(" ")[0] for line in log.read_text().splitlines()]
    assert set(names) == {"first", "second", "third"}
    assert names == sorted(names)
    assert names.count("second") > 1, "with wrong settings it goes on as before"


def rows(site: Site) -> list[Entry]:
    with Journal(site.journal, read_only=True) as journal:
        return [entry for _, entry, _ in journal.rows()]


def test_a_gate_that_waits_for_its_board_ends_at_once(site: Site) -> None:
    board = site.board()
    with board:
        gate = site.run()
        until_running(records(gate), 1)
    time.sleep(0.5)  # the board is gone, and waited for
    gate.send_signal(signal.SIGTERM)
    try:
        assert gate.wait(10) == 0
    except subprocess.TimeoutExpired:
        gate.kill()
        raise
