"""Commands of inkgate, run as a person would type them, with a virtual board on the line."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge.cli.settings import unconfigured
from edge.ink.fragment_set import FragmentSet
from edge.ink.symbols import UNKNOWN
from edge.roster.enrolling import WRITINGS
from firmware_bridge.cli.options import plain_console
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link.transport import BAUD_RATE
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.wire.messages import Kind
from train.demo.outcome import Result, pair
from train.demo.scenario import Attempt, User
from train.errors import DemoError
from train.synthetic.not_writing import Word

BOARD = "demo-board"
IDLE_S = 60
VERIFY_WORDS = 20


@dataclass(frozen=True)
class Gate:
    """A gate in a folder: its bundle, roster and journal, and the board that people write at.

    kind: their kind of input; what no board tells of itself is enrolled from a file. bits: 1 or 8 bits a pixel.
    unsigned: whether its bundle may be one that nobody signed.
    """

    folder: Path
    kind: str
    bits: int
    unsigned: bool = False

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.sqlite"

    @property
    def enrols_at_board(self) -> bool:
        """Return whether people enrol at the board, which tells what kind of input it is."""
        return self.kind in (Kind.PEN.name.lower(), Kind.CAMERA.name.lower())

    def enrol(self, user: User) -> dict[str, Any]:
        """Enrol a user from his writings; return what `users add --json` says at the end.

        Raises DemoError with the command's exit code if he is not enrolled.
        """
        began_s = time.monotonic()
        add = ["users", "add", user.name, *self._its_bundle, "--pin-file", "-", "--json"]
        if self.enrols_at_board:
            with self._board(user.writings):
                told = inkgate(*add, "--port", str(self._link), "--idle-timeout", str(IDLE_S), stdin=user.pin)
        else:
            file = self.folder / "writings.npz"
            _as_set(user.name, user.writings[:WRITINGS], self.kind).save(file)
            told = inkgate(*add, "--from", str(file), stdin=user.pin)
            file.unlink()
        took_s = round(time.monotonic() - began_s, 3)
        by = "board" if self.enrols_at_board else "file"
        return {**_lines(told)[-1], "by": by, "command_seconds": took_s}

    def remove(self, name: str) -> None:
        """Remove a user. Raises DemoError if that fails."""
        inkgate("users", "remove", name, *self._its_bundle)

    def decide(self, attempts: Sequence[Attempt]) -> list[Result]:
        """Let `inkgate run` decide on words that come over the line at a real board's pace.

        Raises DemoError when `inkgate run` does not end well or a word is not acknowledged.
        """
        run = ["run", "--port", str(self._link), *self._its_bundle, "--journal", str(self.journal)]
        # Strangers come one after another here, to be told what became of each: nobody is locked out.
        run += ["--words", str(len(attempts)), "--idle-timeout", str(IDLE_S), "--uncounted", "--json"]
        with self._board([attempt.word for attempt in attempts], fast=False) as board:
            decided = inkgate(*run)
            if not board.wait(IDLE_S):
                raise DemoError(f"{board.pending} of {len(attempts)} words were not acknowledged")
            return pair(attempts, board.acknowledged, _lines(decided))

    def check(self) -> dict[str, Any]:
        """Verify journal and bundle; return what `verify --json` says.

        Raises DemoError if one of them is not sound.
        """
        inkgate("journal", "verify", str(self.journal))
        found: dict[str, Any] = json.loads(inkgate("verify", str(self.bundle), "--words", str(VERIFY_WORDS), "--json"))
        return found

    @property
    def _its_bundle(self) -> list[str]:
        return ["--bundle", str(self.bundle), *(["--unsigned"] if self.unsigned else [])]

    @property
    def _link(self) -> Path:
        return self.folder / "board"

    def _board(self, words: Sequence[Word], fast: bool = True) -> VirtualBoard:
        return VirtualBoard(
            [word.fragments for word in words],
            times=[word.times for word in words],
            kind=Kind.CAMERA if self.kind == Kind.CAMERA.name.lower() else Kind.PEN,
            pixel_bits=self.bits,
            board=BOARD,
            link=self._link,
            memory=SelfProvisioned(KeyStore(), BOARD),
            baud_rate=None if fast else BAUD_RATE,
        )


def inkgate(*arguments: str, stdin: str | None = None) -> str:
    """Print a command of inkgate and run it; return its stdout.

    stdin: a line that it reads; it is not printed. Raises DemoError with the command's exit code if that is not 0.
    """
    typed = f"inkgate {shlex.join(arguments)}"
    plain_console().print(f"\n$ {typed}", style="bold cyan", highlight=False, markup=False, soft_wrap=True)
    line = "" if stdin is None else f"{stdin}\n"
    done = subprocess.run(
        _command(arguments),
        input=line,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=1800,
        env=unconfigured(),  # nobody's door opens, and no setting makes it another demonstration
    )
    if done.returncode != 0:
        raise DemoError(f"`{typed}` ended with exit code {done.returncode}", done.returncode)
    return done.stdout


def _command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "inkgate", *arguments]


def _lines(told: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.splitlines()]


def _as_set(name: str, writings: Sequence[Word], kind: str) -> FragmentSet:
    """Return writings as a set: one session each, what was written unknown."""
    pixels = np.concatenate([word.fragments for word in writings])
    count = len(pixels)
    sessions = np.repeat(np.arange(len(writings), dtype=np.int32), [len(word.fragments) for word in writings])
    return FragmentSet(
        pixels,
        np.zeros(count, np.int32),
        np.full(count, UNKNOWN, np.int32),
        np.arange(count, dtype=np.int32),
        (name,),
        session=sessions,
    ).of_kind(kind)
