"""More of `inkgate users`: what is refused, what is told, and PINs."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.shell_completion import ShellComplete
from tiny_evidence import evidence_model
from tiny_gate import signed
from tiny_networks import DIGITS, word
from user_desk import ASKED, WORDS, answer_on_a_terminal, invoke, records, save, stored

import inkgate
from edge.bundle.bundle import EVIDENCE, Bundle, write_bundle
from edge.cli.people import roster as roster_module
from edge.cli.people.calibrate import calibrate
from edge.cli.people.users import users
from edge.errors import (
    EnrolmentError,
    EvidenceError,
    ForeignRosterError,
    NamesError,
    RosterKeyError,
    UserError,
)
from edge.ink.fragment_set import KINDS
from edge.roster.roster_file import roster_beside
from firmware_bridge.emulate.virtual_board import VirtualBoard

pytestmark = pytest.mark.usefixtures("networks")


def test_names_are_checked_before_anybody_writes(bundle: Bundle, writes: Any) -> None:
    link = writes("0123", "4567", "8901", "2345", "6789")
    arguments = ["--bundle", bundle.path, "--port", "p"]
    refused = invoke(users, "add", "A\x1b[2Jda", *arguments)
    assert isinstance(refused.exception, NamesError)
    assert link.options == {}
    assert invoke(users, "add", "Ada", *arguments).exit_code == 0
    link.options = {}
    again = invoke(users, "add", "ada", *arguments)
    assert isinstance(again.exception, UserError)
    assert link.options == {}


def test_users_are_listed_without_their_pins(enrolled: Bundle) -> None:
    result = invoke(users, "list", "--bundle", enrolled.path, "--json")
    assert [(r["name"], r["kind"], r["writings"], r["fragments"], r["pin"]) for r in records(result)] == [
        ("Ada", "pen", 5, 20, True),
        ("Ben", "pen", 2, 20, False),
    ]
    plain = invoke(users, "list", "--bundle", enrolled.path)
    assert "Ada  input pen, 5 writings, 20 fragments, with a PIN, 2" in plain.stderr
    assert "2 users and 0 visitors" in plain.stderr
    assert "2580" not in plain.output + result.output.replace(result.stdout, "")


def test_a_user_is_shown_without_the_symbols_of_a_pin(enrolled: Bundle) -> None:
    (ada,) = records(invoke(users, "show", "Ada", "--bundle", enrolled.path, "--json"))
    (ben,) = records(invoke(users, "show", "Ben", "--bundle", enrolled.path, "--json"))
    assert "symbols" not in ada
    assert ben["symbols"] == dict.fromkeys(DIGITS, 2)
    shown = invoke(users, "show", "Ben", "--bundle", enrolled.path).stderr
    assert "0:2 1:2 2:2" in shown
    assert "pin        no" in shown
    assert isinstance(invoke(users, "show", "Eve", "--bundle", enrolled.path).exception, UserError)


def test_a_user_is_renamed_and_removed(enrolled: Bundle) -> None:
    renamed = invoke(users, "rename", "Ada", "Ada L.", "--bundle", enrolled.path, "--json")
    assert records(renamed)[0]["event"] == "renamed"
    assert stored(enrolled).get("Ada L.").pin == "2580"
    removed = invoke(users, "remove", "Ada L.", "--bundle", enrolled.path, "--json")
    assert (records(removed)[0]["event"], records(removed)[0]["users"]) == ("removed", 1)
    assert [user.name for user in stored(enrolled).users] == ["Ben"]
    again = invoke(users, "remove", "Ada L.", "--bundle", enrolled.path)
    assert isinstance(again.exception, UserError)
    assert again.exception.exit_code == 2


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("users remove --bundle BUNDLE ", ["Ada", "Ben"]),
        ("users show --bundle BUNDLE B", ["Ben"]),
        ("users rename --bundle BUNDLE x", []),
        ("users remove --bundle BUNDLE --roster nowhere ", []),
        ("users remove --bundle nowhere A", []),
        ("users remove A", []),
    ],
)
def test_names_are_completed_where_the_bundle_is_known(enrolled: Bundle, line: str, expected: list[str]) -> None:
    *before, begun = line.replace("BUNDLE", str(enrolled.path)).split(" ")
    completer = ShellComplete(inkgate.cli, {}, "inkgate", "_INKGATE_COMPLETE")
    assert [item.value for item in completer.get_completions(before, begun)] == expected


def test_a_roster_can_lie_elsewhere(bundle: Bundle, tmp_path: Path) -> None:
    source, path = save(tmp_path / "set.npz", ("Ada", ["0123456789"] * 2)), tmp_path / "desk.roster"
    arguments = ["--bundle", bundle.path, "--roster", path]
    assert invoke(users, "add", "Ada", *arguments, "--from", source).exit_code == 0
    assert len(records(invoke(users, "list", *arguments, "--json"))) == 1
    assert not roster_beside(bundle.path).exists()


def test_a_roster_that_is_not_this_machines_or_network_is_refused(
    enrolled: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(roster_module, "networks_sha256", lambda _: bytes(31) + b"1")
    foreign = invoke(users, "list", "--bundle", enrolled.path)
    assert isinstance(foreign.exception, ForeignRosterError)
    monkeypatch.setenv("INKGATE_ROSTER_KEYS", str(tmp_path / "other machine"))
    for command in (["list"], ["show", "Ada"], ["remove", "Ada"], ["rename", "Ada", "Eve"]):
        copied = invoke(users, *command, "--bundle", enrolled.path)
        assert isinstance(copied.exception, RosterKeyError)
        assert copied.exception.exit_code == 4


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--from", "a.npz", "--port", "p"],
        ["--port", "p", "--pin", "--pin-file", "f"],
        ["--port", "p", "--writings", 2],
    ],
)
def test_contradictory_options_are_a_usage_error(bundle: Bundle, given: list[str]) -> None:
    assert invoke(users, "add", "Ada", "--bundle", bundle.path, *given).exit_code == 2


def test_visitors_write_by_turns_and_leave_no_name(bundle: Bundle, writes: Any) -> None:
    writes("0123", "4567", "8901", "11", "2345", "6789", "0123", "4567")
    arguments = ["--bundle", bundle.path, "--port", "p", "--json"]
    result = invoke(calibrate, *arguments, "--visitors", 2)
    assert result.exit_code == 0, result.output
    events = records(result)
    assert [e["number"] for e in events if e["event"] == "visitor"] == [1, 2]
    assert (events[-1]["event"], events[-1]["visitors"], events[-1]["total"]) == ("calibrated", 2, 2)
    assert [e["reason"] for e in events if e["event"] == "enroll-retry"] == ["too few symbols: 2 of at least 4: again?"]
    visitors = stored(bundle).visitors
    assert [(v.kind, v.board, len(v), v.writings) for v in visitors] == [("pen", "desk-pen", 12, 3)] * 2
    short = invoke(calibrate, *arguments, "--visitors", 3, "--idle-timeout", 1)
    assert isinstance(short.exception, EnrolmentError)
    assert [v.number for v in stored(bundle).visitors] == [1, 2, 3, 4]


def test_each_writer_of_a_file_is_a_visitor(bundle: Bundle, tmp_path: Path) -> None:
    source = save(tmp_path / "set.npz", ("Zoe", ["0123", "4567"]), ("Yan", ["01"]), ("Xia", ["0123456789"]))
    result = invoke(calibrate, "--bundle", bundle.path, "--from", source, "--json")
    assert result.exit_code == 0, result.output
    assert [len(visitor) for visitor in stored(bundle).visitors] == [8, 10]
    assert "writer Yan is left out: 0 of 1 writings" in result.stderr
    assert not stored(bundle).users
    forgotten = invoke(calibrate, "--bundle", bundle.path, "--forget", "--json")
    assert records(forgotten)[0]["visitors"] == 2
    assert not stored(bundle).visitors
    assert invoke(calibrate, "--bundle", bundle.path).exit_code == 2


def test_so_many_visitors_are_taken_as_wrote_enough(bundle: Bundle, tmp_path: Path) -> None:
    source = save(tmp_path / "set.npz", ("Yan", ["01"]), ("Zoe", ["0123"]), ("Xia", ["01234"]), ("Wim", ["0123"]))
    arguments = ["--bundle", bundle.path, "--from", source, "--visitors"]
    assert invoke(calibrate, *arguments, 2).exit_code == 0
    assert [len(visitor) for visitor in stored(bundle).visitors] == [4, 5]
    assert isinstance(invoke(calibrate, *arguments, 4).exception, EnrolmentError)


def test_nobody_is_taken_of_whose_input_the_bundle_knows_nothing(bundle: Bundle, tmp_path: Path) -> None:
    """Enrol at a bundle with evidence of pens: one camera's user or visitor would shut its gate for everybody."""
    evidence = evidence_model()
    manifest = msgspec.structs.replace(bundle.manifest, inputs=dict(evidence.inputs))
    pens = signed(write_bundle(tmp_path / "pens", manifest, {**bundle.contents, EVIDENCE: evidence.encode()}))
    text = ["0123456789"] * 2
    filmed = save(tmp_path / "filmed.npz", ("Ada", text), kind=KINDS.index("camera"))
    for command in ([users, "add", "Ada"], [calibrate]):
        refused = invoke(*command, "--bundle", pens.path, "--from", filmed)
        assert isinstance(refused.exception, EvidenceError)
        assert "no model of input 'camera', only of pen" in str(refused.exception)
        assert not roster_beside(pens.path).exists()
        drawn = save(tmp_path / "drawn.npz", ("Ada", text))
        assert invoke(*command, "--bundle", pens.path, "--from", drawn).exit_code == 0
        roster_beside(pens.path).unlink()


def test_a_real_line_brings_the_writings_and_the_board_may_forget_them(bundle: Bundle, pin_file: Path) -> None:
    words = ["2580", "2", "2580", "2580", "2580", "2580", "2580"]
    with VirtualBoard([word(text, hand) for hand, text in enumerate(words)], board="desk-pen") as board:
        arguments = ["--port", board.path, "--pin-file", pin_file, "--allow-unauthenticated", "--json"]
        result = invoke(users, "add", "Ada", "--bundle", bundle.path, *arguments)
        assert result.exit_code == 0, result.output
        assert len(board.acknowledged) == 6
    assert [r["event"] for r in records(result)].count("enroll-stage-passed") == 5
    assert stored(bundle).get("Ada").board == "desk-pen"
    assert "has no key: anybody on the line can write in its place" in result.stderr


@pytest.mark.parametrize(
    ("answers", "code"), [(["2580", "2580"], 0), (["2580", "2581", "2580", "2580"], 0), (["1111", "1111"], 2)]
)
def test_a_pin_is_asked_for_twice_and_never_on_the_screen(
    bundle: Bundle, tmp_path: Path, answers: list[str], code: int
) -> None:
    source = save(tmp_path / "set.npz", ("Ada", WORDS))
    arguments = ["users", "add", "Ada", "--bundle", str(bundle.path), "--from", str(source), "--pin"]
    command = [sys.executable, "-c", ASKED.format(paths=sys.path), *arguments]
    ended, screen = answer_on_a_terminal(command, [*answers])
    assert ended == code, screen
    assert not any(answer in screen for answer in answers)
    assert [user.pin for user in stored(bundle).users] == (["2580"] if code == 0 else [])


@pytest.mark.parametrize(
    ("stdin", "why"),
    [("closed", "stdin: the PIN cannot be read: it is closed"), ("endless", "more than 4,096"), ("bytes", "no text")],
)
@pytest.mark.parametrize("option", [["--pin"], ["--pin-file", "-"]])
def test_a_pin_from_a_stdin_that_has_none_is_refused(tmp_path: Path, stdin: str, why: str, option: list[str]) -> None:
    (tmp_path / "bytes").write_bytes(b"25\xff80\n")
    source = {"closed": "<&-", "endless": "</dev/zero", "bytes": "<bytes"}[stdin]
    command = [sys.executable, "-m", "inkgate", "users", "add", "Ada", "--from", "x.npz", "--roster", "r", *option]
    environment = {**os.environ, "INKGATE_ROSTER_KEYS": str(tmp_path / "keys"), "PYTHONIOENCODING": "utf8:strict"}
    done = subprocess.run(
        f"{shlex.join(command)} {source}", shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert (why if option != ["--pin"] else "there is no terminal") in done.stderr
    assert "0xff" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "says"), [("2580", "x.npz: no such file"), ("25\udcff80", "what was typed is no text")]
)
@pytest.mark.parametrize("option", [["--pin"], ["--pin-file", "-"]])
def test_what_is_typed_for_a_pin_is_not_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, says: str, option: list[str]
) -> None:
    monkeypatch.setenv("INKGATE_ROSTER_KEYS", str(tmp_path / "keys"))
    command = [sys.executable, "-X", "utf8", "-m", "inkgate", "users", "add", "Ada", "--from", str(tmp_path / "x.npz")]
    command += ["--roster", str(tmp_path / "r"), *option]
    code, screen = answer_on_a_terminal(command, [typed, typed])
    assert code == 2, screen
    assert says in screen
    assert "80" not in screen


def test_visitors_of_whom_nobody_wrote_enough_are_not_done(bundle: Bundle, tmp_path: Path) -> None:
    source = save(tmp_path / "set.npz", ("Ada", ["1111"]))
    result = invoke(calibrate, "--bundle", bundle.path, "--from", source)
    assert isinstance(result.exception, EnrolmentError)
    assert result.exception.exit_code == 1
