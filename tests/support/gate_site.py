"""A bundle, users and their words in a folder, and a gate in a process of its own at a board on a real line."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner

from edge.bundle.places import SHIPPED
from edge.ink.fragment_set import FragmentSet
from edge.ink.symbols import DIGITS, code_of
from edge.journal.journal import Journal
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.trust.board_keys import KeyStore
from inkgate import cli
from train.demo.hands import InventedHands

USERS, BOARD = 6, "site-board"


def _obey_ctrl_c() -> None:
    """Undo what a shell does to commands in its background, whatever runs the tests there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Site:
    """A bundle with users, their words, and a gate's command."""

    def __init__(self, folder: Path, users: int = USERS) -> None:
        self.folder, self.bundle, self.journal = folder, folder / "bundle", folder / "journal"
        self.gates: list[subprocess.Popen[str]] = []
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

    def board(self, **options: Any) -> VirtualBoard:
        return VirtualBoard(
            [word.fragments for word in self.words],
            times=[word.times for word in self.words],
            link=self.folder / "pen",
            board=BOARD,
            memory=SelfProvisioned(KeyStore(), BOARD),
            **options,
        )

    def run(self, *more: object) -> "subprocess.Popen[str]":
        command = ["run", "--port", self.folder / "pen", "--bundle", self.bundle, "--journal", self.journal]
        command = [sys.executable, "-m", "inkgate", *map(str, [*command, "--json", *more])]
        gate = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=_obey_ctrl_c)
        self.gates.append(gate)
        return gate

    def close(self) -> None:
        """End every gate that still runs."""
        for gate in self.gates:
            gate.kill()
            gate.wait()

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
