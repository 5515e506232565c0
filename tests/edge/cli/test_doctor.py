"""`inkgate doctor` on broken set-ups: each is found by name, with what mends it and the exit code of the worst."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edge.bundle.bundle import MODEL, Bundle
from edge.bundle.places import READY, find_bundle
from edge.cli import doctor as doctor_module
from edge.cli.doctor import doctor
from edge.cli.people.roster import networks_sha256
from edge.cli.run import run
from edge.decision.enrolment import Enrolment
from edge.errors import NoUsersError
from edge.gate.attempts import FREE, MOST, Attempts
from edge.journal.journal import Journal
from edge.journal.row import Entry
from edge.journal.seal_keys import SealKeys
from edge.roster.roster import Roster
from edge.roster.roster_file import RosterFile
from firmware_bridge.emulate import virtual_board
from firmware_bridge.emulate.board_memory import SelfProvisioned, Unprovisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.trust.folder import roster_keys_folder

Found = dict[str, dict[str, Any]]
READY_BUNDLE = Bundle.open(find_bundle(READY))


class Site:
    """A gate's files, all sound: a bundle, a roster of seven people, counts, a journal of two rows."""

    def __init__(self, folder: Path) -> None:
        self.bundle = folder / "bundle"
        shutil.copytree(find_bundle(READY), self.bundle)
        self.roster, self.attempts, self.journal = folder / "roster", folder / "attempts", folder / "journal"
        file = RosterFile(self.roster, networks_sha256(READY_BUNDLE))
        self.people = [_person(f"user {number}", number) for number in range(7)]
        for person in self.people:
            file.change(partial(_added, person))
        with Attempts(self.attempts) as attempts:
            attempts.begin("desk-pen")
        keys = SealKeys()
        with Journal(self.journal, keys=keys) as journal:
            journal.seal(keys, lambda seed: None)
            for word in (1, 2):
                journal.record(Entry("2026-01-01", "desk-pen", 1, word, 4, "REJECT", None, None, True, "", 1.0, "b"))

    def look(self, *more: object) -> tuple[int, Found]:
        """Return the exit code, and the findings by check."""
        paths = ("--bundle", self.bundle, "--roster", self.roster, "--attempts", self.attempts)
        arguments = [*paths, "--journal", self.journal, *more, "--json"]
        result = CliRunner().invoke(doctor, [str(a) for a in arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        return result.exit_code, {row["check"]: row for row in rows}


def _added(person: Enrolment, roster: Roster) -> Roster:
    return roster.add(person)


def _removed(name: str, roster: Roster) -> Roster:
    return roster.remove(name)


def _person(name: str, seed: int) -> Enrolment:

    rng = np.random.default_rng(seed)
    readings = np.log(np.full((20, 10), 0.1, np.float32))
    return Enrolment(
        name=name,
        kind="pen",
        features=rng.integers(-100, 100, (20, 59), dtype=np.int8),
        symbols=np.arange(20, dtype=np.int8) % 10,
        readings=readings,
        writing=np.zeros(20, np.int32),
    )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_sound_gate_has_nothing_broken(site: Site) -> None:
    code, found = site.look()
    assert code == 0
    assert {row["state"] for row in found.values()} <= {"ok", "skipped", "warning"}
    assert [name for name, row in found.items() if row["state"] == "warning"] in ([], ["clock"])
    assert found["journal"]["told"].endswith("2 rows, head " + _head(site.journal))


def _head(path: Path) -> str:
    with Journal(path, read_only=True) as journal:
        return journal.verify().head


def test_a_journal_that_is_not_sealed_is_a_warning(site: Site, tmp_path: Path) -> None:
    with Journal(tmp_path / "bare") as journal:
        journal.record(Entry("2026-01-01", "desk-pen", 1, 1, 4, "REJECT", None, None, True, "", 1.0, "b"))
    site.journal = tmp_path / "bare"
    code, found = site.look()
    assert (code, found["journal"]["state"]) == (0, "warning")
    assert found["journal"]["mend"] == f"inkgate journal seal {site.journal}"


def lose_the_bundle(site: Site) -> None:
    shutil.rmtree(site.bundle)


def alter_the_model(site: Site) -> None:
    content = bytearray((site.bundle / MODEL).read_bytes())
    content[len(content) // 2] ^= 1
    (site.bundle / MODEL).write_bytes(content)


def remove_everybody(site: Site) -> None:
    file = RosterFile(site.roster, networks_sha256(READY_BUNDLE))
    for person in site.people:
        file.change(partial(_removed, person.name))


def keep_two(site: Site) -> None:
    file = RosterFile(site.roster, networks_sha256(READY_BUNDLE))
    for person in site.people[2:]:
        file.change(partial(_removed, person.name))


def lose_the_key(_: Site) -> None:
    shutil.rmtree(roster_keys_folder())


def alter_the_roster(site: Site) -> None:
    content = bytearray(site.roster.read_bytes())
    content[-1] ^= 1
    site.roster.write_bytes(content)


def alter_the_journal(site: Site) -> None:
    with sqlite3.connect(site.journal) as database:
        database.execute("UPDATE decisions SET decision = 'ACCEPT' WHERE number = 1")
    database.close()


def alter_the_counts(site: Site) -> None:
    site.attempts.write_bytes(b"no counts at all" * 100)


def fail_five_times(site: Site) -> None:
    with Attempts(site.attempts, "anna") as attempts:
        for _ in range(FREE - 1):
            attempts.begin("desk-pen")


def fail_fifty_times(site: Site) -> None:
    with sqlite3.connect(site.attempts) as database:
        database.execute("UPDATE attempts SET failures = ?", (MOST,))
    database.close()


@pytest.mark.parametrize(
    ("damage", "check", "state", "code", "told", "mend"),
    [
        (lose_the_bundle, "bundle", "broken", 2, "bundle", "inkgate quantize RUN"),
        (alter_the_model, "bundle", "broken", 4, "model.tflite", "inkgate quantize RUN"),
        (remove_everybody, "roster", "broken", 2, "nobody may enter", "inkgate users add NAME"),
        (keep_two, "roster", "warning", 0, "FAR is unknown", "inkgate calibrate"),
        (lose_the_key, "roster", "broken", 4, "no key", ""),
        (alter_the_roster, "roster", "broken", 4, "altered", ""),
        (alter_the_journal, "journal", "broken", 4, "row 1", "--journal OTHER"),
        (alter_the_counts, "attempts", "broken", 3, "cannot be counted", ""),
        (fail_five_times, "attempts", "warning", 0, "board desk-pen for", "inkgate attempts reset --board desk-pen"),
        (fail_fifty_times, "attempts", "broken", 4, "until it is reset", "inkgate attempts reset --board desk-pen"),
    ],
)
def test_what_is_broken_is_found_by_name_with_what_mends_it(
    site: Site, damage: Callable[[Site], None], check: str, state: str, code: int, told: str, mend: str
) -> None:
    damage(site)
    ended, found = site.look()
    assert ended == code
    assert found[check]["state"] == state
    assert told in found[check]["told"]
    assert mend in found[check]["mend"]
    assert [name for name, row in found.items() if row["state"] == "broken" and name != check] == []


def test_who_is_to_be_enrolled_is_enrolled_where_nobody_was_found(site: Site, tmp_path: Path) -> None:
    remove_everybody(site)
    enrol = f"inkgate users add NAME --bundle {site.bundle} --roster {site.roster} --port auto"
    assert site.look()[1]["roster"]["mend"] == enrol
    refused = CliRunner().invoke(run, ["--bundle", str(site.bundle), "--roster", str(site.roster), "--unsigned"])
    assert isinstance(refused.exception, NoUsersError)
    assert f"`{enrol}`" in str(refused.exception)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_bridge.session.host.HELLO_TIMEOUT_S", 0.4)
    monkeypatch.setattr(doctor_module, "CONNECT_S", 0.1)


@pytest.mark.usefixtures("_impatient")
def test_ports_that_no_board_is_behind_are_told(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, found = site.look("--port", tmp_path / "nowhere")
    assert (code, found["port"]["state"], found["port"]["mend"]) == (3, "broken", "inkgate ports")
    assert "No such file" in found["port"]["told"]
    assert found["board"]["state"] == "broken"
    assert "no serial port" in site.look("--port", site.journal)[1]["port"]["told"]
    master, slave = os.openpty()
    code, found = site.look("--port", os.ttyname(slave))
    assert (code, found["port"]["state"], found["board"]["state"]) == (3, "ok", "broken")
    tty, real = os.ttyname(slave), os.access
    monkeypatch.setattr(os, "access", lambda path, *more: str(path) != tty and real(path, *more))  # root may use all
    found = site.look("--port", tty)[1]
    assert "sudo usermod -aG" in found["port"]["mend"]
    os.close(master)
    os.close(slave)


@pytest.mark.usefixtures("_impatient")
def test_boards_are_proved_or_what_helps_is_told(site: Site) -> None:
    def found(board: VirtualBoard) -> tuple[int, dict[str, Any]]:
        with board:
            code, rows = site.look("--port", board.start())
            return code, rows["board"]

    code, row = found(VirtualBoard([], board="door", memory=SelfProvisioned(KeyStore(), "door")))
    assert (code, row["state"]) == (0, "ok")
    assert row["told"].endswith("proved by its key")
    code, row = found(VirtualBoard([], board="bare", memory=Unprovisioned()))
    assert (code, row["state"]) == (4, "broken")
    assert row["mend"] == "inkgate simulate, without --no-key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(virtual_board, "MODEL", "rp2040")
        code, row = found(VirtualBoard([], board="bare", memory=Unprovisioned()))
    assert row["mend"].startswith("inkgate firmware provision --board rp2040 --port /dev/")
    KeyStore().put("theirs", bytes(range(32)))
    code, row = found(VirtualBoard([], board="theirs", memory=Unprovisioned(bytes(32))))
    assert (code, row["state"]) == (4, "broken")
    grey = VirtualBoard([], board="grey", pixel_bits=8, memory=SelfProvisioned(KeyStore(), "grey"))
    code, row = found(grey)
    assert (code, row["state"]) == (2, "broken")
    assert "--set pixel_bits=1" in row["mend"]


def test_people_read_each_finding_in_a_line_and_what_mends_it_in_the_next(site: Site) -> None:
    remove_everybody(site)
    arguments = ["--bundle", site.bundle, "--roster", site.roster, "--attempts", site.attempts]
    told = CliRunner().invoke(doctor, [str(a) for a in arguments]).stderr.splitlines()
    place = next(n for n, line in enumerate(told) if line.startswith("broken   roster"))
    assert told[place + 1].strip().startswith("-> inkgate users add NAME")
    assert told[-1].startswith("1 broken, ")
