"""More of `inkgate users`: what is refused, what is told, and PINs."""

import contextlib
import json
import os
import pty
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from tiny_networks import DIGITS, TinyNetwork, TinyReader, word

import inkgate
from edge.bundle.bundle import Bundle
from edge.cli import calibrate as calibrate_module
from edge.cli import roster as roster_module
from edge.cli import users as users_module
from edge.cli.calibrate import calibrate
from edge.cli.roster import Networks
from edge.cli.users import users
from edge.errors import (
    ForeignRosterError,
    NamesError,
    RosterKeyError,
    TooFewWordsError,
    UserError,
)
from edge.ink.fragment_set import FragmentSet
from edge.ink.symbols import code_of
from edge.roster.roster import Roster
from edge.roster.roster_file import RosterFile, roster_beside
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.session.events import Event

NETWORK = bytes(32)


WORDS = ["2580"] * 5


class FakeLink:
    """A link to a list of events."""

    def __init__(self, events: list[Event]) -> None:
        self.said, self.options = events, dict[str, Any]()

    def __call__(self, port: str, **options: Any) -> "FakeLink":
        self.options = {"port": port, **options}
        return self

    def __enter__(self) -> "FakeLink":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def events(self) -> Iterator[Event]:
        yield from self.said


@pytest.fixture(autouse=True)
def networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tiny bundle have a reader, and networks that need no interpreter."""
    monkeypatch.setattr(roster_module, "networks_sha256", lambda _: NETWORK)
    monkeypatch.setattr(users_module, "reader_alphabet", lambda _: DIGITS)
    for module in (users_module, calibrate_module):
        monkeypatch.setattr(module, "open_networks", lambda _: Networks(TinyNetwork(), TinyReader()))


@pytest.fixture
def writes(board: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that puts words on the line."""

    def put(*texts: str, extra: list[Event] | None = None) -> FakeLink:
        link = FakeLink([*board.writes([word(text, hand) for hand, text in enumerate(texts)]), *(extra or [])])
        monkeypatch.setattr(users_module, "open_link", link)
        monkeypatch.setattr(calibrate_module, "open_link", link)
        return link

    return put


def invoke(command: Any, *arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], input=stdin)


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def stored(bundle: Bundle) -> Roster:
    return RosterFile(roster_beside(bundle.path), NETWORK).load()


def save(path: Path, *people: tuple[str, list[str]], session: bool = True, symbols: bool = True, kind: int = 2) -> Path:
    """Write a set: each person's name and words."""
    pixels, writer, symbol, order, sessions = [], [], [], [], []
    for number, (_, texts) in enumerate(people):
        count = 0
        for place, text in enumerate(texts):
            pixels.append(word(text, hand=100 * number + place))
            writer += [number] * len(text)
            symbol += map(code_of, text) if symbols else [-1] * len(text)
            order += range(count, count + len(text))
            sessions += [place if session else -1] * len(text)
            count += len(text)
    columns = [np.asarray(column, np.int32) for column in (writer, symbol, order)]
    kinds = np.full(len(writer), kind, np.int8)
    names = tuple(name for name, _ in people)
    made = FragmentSet(np.concatenate(pixels), *columns, names, session=np.asarray(sessions, np.int32), kind=kinds)
    made.save(path)
    return path


@pytest.fixture
def pin_file(tmp_path: Path) -> Path:
    path = tmp_path / "pin"
    path.write_text("2580\n")
    path.chmod(0o600)
    return path


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


@pytest.fixture
def enrolled(bundle: Bundle, tmp_path: Path, pin_file: Path) -> Bundle:
    source = save(tmp_path / "both.npz", ("Ada", WORDS), ("Ben", ["0123456789"] * 2))
    arguments = ["--bundle", bundle.path, "--from", source]
    assert invoke(users, "add", "Ada", *arguments, "--pin-file", pin_file).exit_code == 0
    assert invoke(users, "add", "Ben", *arguments).exit_code == 0
    return bundle


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
    assert isinstance(short.exception, TooFewWordsError)
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


ASKED = """
import sys
sys.path[:0] = {paths!r}
import inkgate
from edge.cli import roster, users
from edge.cli.roster import Networks
from tiny_networks import TinyNetwork, TinyReader
roster.networks_sha256 = lambda _: bytes(32)
users.open_networks = lambda _: Networks(TinyNetwork(), TinyReader())
inkgate.main()
"""


def answer_on_a_terminal(command: list[str], answers: list[str]) -> tuple[int, str]:
    """Run a command on a terminal of its own; give an answer each time that it asks. Return its end and the screen."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    screen = b""
    with contextlib.suppress(OSError):  # the terminal is gone with the command
        while piece := os.read(terminal, 4096):
            screen += piece
            if answers and piece.rstrip().endswith(b":"):
                os.write(terminal, f"{answers.pop(0)}\n".encode())
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), screen.decode()


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
