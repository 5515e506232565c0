"""`inkgate run --early` at a board on a real line: accepted before the word's end, once, also after a kill."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from edge.bundle.places import MANIFEST, SHIPPED
from edge.errors import NoUsersError
from edge.gate.journal import Journal
from edge.ink.fragment_set import FragmentSet
from edge.ink.symbols import DIGITS, code_of
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.trust.board_keys import KeyStore
from inkgate import cli
from train.demo.hands import InventedHands

USERS, BOARD = 6, "early-board"

pytestmark = [
    pytest.mark.slow("enrols six users, and runs a gate three times"),
    pytest.mark.skipif(not (SHIPPED / MANIFEST).is_file(), reason="this inkgate comes without a ready bundle"),
]


class Site:
    """A bundle with users, their words, and a gate's command."""

    def __init__(self, folder: Path, users: int = USERS) -> None:
        self.folder, self.bundle, self.journal = folder, folder / "bundle", folder / "journal"
        shutil.copytree(SHIPPED, self.bundle)
        hands, rng = InventedHands(DIGITS, 1), np.random.default_rng(2)
        people = hands.people(users, len(DIGITS), 10)
        for person in people:
            self.enrol(f"user {person}", [hands.write(person, DIGITS).fragments for _ in range(5)])
        texts = ["".join(map(str, rng.permutation(10))) + "314159" for _ in people]
        self.words = [hands.write(person, text) for person, text in zip(people, texts, strict=True)]

    def enrol(self, name: str, writings: list[np.ndarray], text: str = DIGITS, pin: bool = False) -> None:
        symbols = np.array([code_of(symbol) for symbol in text] * len(writings), np.int32)
        pixels, order = np.concatenate(writings), np.arange(len(symbols), dtype=np.int32)
        file = self.folder / "writings.npz"
        FragmentSet(pixels, 0 * order, symbols, order, (name,)).of_kind("pen").save(file)
        with_pin = ["--pin-file", "-"] if pin else []
        command = ["users", "add", name, "--bundle", self.bundle, "--from", file, *with_pin]
        result = CliRunner().invoke(cli, [str(word) for word in command], input=text, catch_exceptions=False)
        assert result.exit_code == 0, result.stderr

    def board(self) -> VirtualBoard:
        return VirtualBoard(
            [word.fragments for word in self.words],
            times=[word.times for word in self.words],
            link=self.folder / "pen",
            board=BOARD,
            memory=SelfProvisioned(KeyStore(), BOARD),
        )

    def run(self, *more: object) -> "subprocess.Popen[str]":
        command = ["run", "--port", self.folder / "pen", "--bundle", self.bundle, "--journal", self.journal]
        command += ["--early", "--json", *more]
        return subprocess.Popen(
            [sys.executable, "-m", "inkgate", *map(str, command)], stdout=subprocess.PIPE, text=True
        )

    def length(self, word: int) -> int:
        return len(self.words[word - 1].fragments)

    def finals(self) -> list[tuple[int, str, int]]:
        with Journal(self.journal, read_only=True) as journal:
            assert journal.verify().fault is None
            return [(entry.word, entry.decision, entry.symbols) for _, entry, _ in journal.rows() if entry.final]


def records(gate: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
    assert gate.stdout is not None
    for line in gate.stdout:
        yield json.loads(line)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.parametrize("claim", [[], ["--claim", "Ada"]], ids=["nobody named", "name claimed"])
def test_where_whoever_may_enter_has_a_pin_nobody_can_be_let_in_early(tmp_path: Path, claim: list[str]) -> None:
    site = Site(tmp_path, users=1 if claim else 0)
    hands = InventedHands(DIGITS, 1)
    site.enrol("Ada", [hands.write(9, "2580").fragments for _ in range(5)], "2580", pin=True)
    command = ["run", "--port", "nowhere", "--bundle", site.bundle, "--early", *claim]
    refused = CliRunner().invoke(cli, [*map(str, command), "--journal", str(site.journal)])
    assert isinstance(refused.exception, NoUsersError)
    assert refused.exception.exit_code == 2
    assert f"{'Ada' if claim else 'everybody'} has one" in str(refused.exception)
    assert not site.journal.exists()


def test_words_are_accepted_before_their_end_and_journalled_once_though_the_gate_is_killed(site: Site) -> None:
    with site.board() as board:
        first = site.run()
        told = []
        for record in records(first):
            told.append(record)
            if record["decision"] == "ACCEPT" and record["symbols"] < site.length(record["word"]):
                first.kill()
                break
        first.wait()
        early = told[-1]
        assert (early["decision"], early["final"], early["authenticated"]) == ("ACCEPT", True, True)
        assert early["user"] == f"user {early['word'] - 1}"
        assert "before the end of the word" in early["reason"]
        before = site.finals()
        assert before[-1] == (early["word"], "ACCEPT", early["symbols"])

        left = USERS - len(before)
        second = site.run("--words", left)
        after = list(records(second))
        assert second.wait() == 0
        assert [record["word"] for record in after if record["final"]] == list(range(early["word"] + 1, USERS + 1))
        assert all(record["word"] > early["word"] for record in after)

        third = site.run("--idle-timeout", 2)
        assert list(records(third)) == []
        assert third.wait() == 0
        assert board.wait(5.0)
    finals = site.finals()
    assert [word for word, _, _ in finals] == list(range(1, USERS + 1))
    assert sum(verdict == "ACCEPT" and symbols < site.length(word) for word, verdict, symbols in finals) >= 2
    for record in after:
        assert record["decision"] != "ACCEPT" or record["user"] == f"user {record['word'] - 1}"
        assert record["decision"] in ("LEANING", "ACCEPT", "REJECT")
