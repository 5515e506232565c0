"""A desk at which users are enrolled: a line with words on it, networks that need no interpreter, files."""

import contextlib
import json
import os
import pty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from tiny_networks import DIGITS, TinyNetwork, TinyReader, word

from edge.bundle.bundle import Bundle
from edge.cli.people import calibrate as calibrate_module
from edge.cli.people import roster as roster_module
from edge.cli.people import users as users_module
from edge.cli.people.roster import Networks
from edge.cli.people.users import users
from edge.ink.fragment_set import FragmentSet
from edge.ink.symbols import code_of
from edge.roster.roster import Roster
from edge.roster.roster_file import RosterFile, roster_beside
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


@pytest.fixture
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


@pytest.fixture
def enrolled(bundle: Bundle, tmp_path: Path, pin_file: Path) -> Bundle:
    source = save(tmp_path / "both.npz", ("Ada", WORDS), ("Ben", ["0123456789"] * 2))
    arguments = ["--bundle", bundle.path, "--from", source]
    assert invoke(users, "add", "Ada", *arguments, "--pin-file", pin_file).exit_code == 0
    assert invoke(users, "add", "Ben", *arguments).exit_code == 0
    return bundle


ASKED = """
import sys
sys.path[:0] = {paths!r}
import inkgate
from edge.cli.people import roster, users
from edge.cli.people.roster import Networks
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
            if answers and piece.rstrip().endswith((b"PIN:", b"confirmation:")):
                os.write(terminal, f"{answers.pop(0)}\n".encode(errors="surrogateescape"))
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), screen.decode()
