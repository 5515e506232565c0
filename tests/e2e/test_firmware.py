"""Strokes or a picture -> real firmware in an emulator -> `inkgate run` -> the journal."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from emulated import Pixels, hang, needs_tools, powered, symbol_ends, word_on, words_of

from edge.bundle.bundle import Bundle
from edge.bundle.engine import Engine
from edge.decision.rule import decide
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import FragmentSet
from firmware_bridge.emulate.emulated_board import EmulatedBoard, packets
from firmware_bridge.emulate.qemu import Emulator
from inkgate import cli
from train.synthetic.board_input import photograph, write_word
from train.synthetic.digitiser import Samples, board_words
from train.synthetic.writers import style_of

pytestmark = [needs_tools, pytest.mark.slow("trains and quantises a network, and runs firmware on emulated boards")]

HANDS_SEED = 5
"""Seed of the invented writers in conftest.py."""
PATIENCE_S = 60
JOURNAL = "journal.sqlite"
Line = dict[str, Any]
Word = Samples | Pixels


@dataclass(frozen=True)
class Gate:
    """The bundle, its engine, the run's test set, a user and a stranger."""

    bundle: Bundle
    engine: Engine
    test: FragmentSet
    user: int
    stranger: int

    def decides(self, word: Pixels) -> tuple[str, str | None, float | None]:
        """Return the final decision on a word uint8 [T, 33, 33], without board, wire or loop."""
        manifest = self.bundle.manifest
        logits = self.engine.run_words(to_int8(word)[None]).logits[0]
        decision = decide(logits, manifest.thresholds, manifest.users, final=True)
        return decision.verdict.name, decision.user, decision.score


@pytest.fixture(scope="module")
def gate(run_and_bundle: tuple[Path, Path]) -> Gate:
    run, path = run_and_bundle
    bundle, test = Bundle.open(path), FragmentSet.load(run / "test.npz")
    enrolled = {test.name_of(int(writer)): int(writer) for writer in test.writers}
    users = [enrolled[name] for name in bundle.manifest.users]
    strangers = [writer for writer in enrolled.values() if writer not in users]
    return Gate(bundle, bundle.engine(), test, users[0], strangers[0])


class Pen:
    """Writing on the digitiser of an STM32F405."""

    board, app, noise = "stm32f405", "pen", 0.0

    def word(self, writer: int, text: str, seed: int = 1) -> Word:
        return write_word(style_of(writer, HANDS_SEED), text, np.random.default_rng(seed))

    def begin(self, board: EmulatedBoard, word: Word) -> None:
        """Write three symbols and go on with the fourth."""
        board.touch(packets(word[: symbol_ends(word)[2]]))

    def end(self, board: EmulatedBoard, word: Word) -> None:
        board.touch(packets(word[symbol_ends(word)[2] :]))

    def write(self, board: EmulatedBoard, word: Word) -> None:
        board.touch(packets(word))

    def fragments(self, word: Word) -> Pixels:
        """Return the fragments that the Python twins make of the word."""
        (fragments,) = words_of(word)
        return fragments


class Camera:
    """Pictures before the camera of an MPS2.

    A camera board sends all symbols at once; the noisy line makes that take long enough to interrupt it.
    """

    board, app, noise = "mps2-an386", "camera", 0.4

    def word(self, writer: int, text: str, seed: int = 1) -> Word:
        ((*fragments,),) = board_words(Pen().word(writer, text, seed))
        (picture,) = photograph([np.stack(fragments)], np.random.default_rng(seed))
        return picture

    def begin(self, board: EmulatedBoard, word: Word) -> None:
        board.show(word)

    def end(self, board: EmulatedBoard, word: Word) -> None:
        """Do nothing: the picture was taken at `begin`."""

    def write(self, board: EmulatedBoard, word: Word) -> None:
        board.show(word)

    def fragments(self, word: Word) -> Pixels:
        return word_on(word)


kinds = pytest.mark.parametrize("kind", [Pen(), Camera()], ids=["pen", "camera"])


@contextmanager
def running(gate: Gate, link: Path, words: int, journal: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run `inkgate run` in a process of its own, which ends with the test."""
    options = ["--bundle", gate.bundle.path, "--words", words, "--journal", journal, "--idle-timeout", PATIENCE_S]
    command = [sys.executable, "-m", "inkgate", "run", "--port", link, *options, "--json"]
    with subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def in_use(
    gate: Gate, emulator: Emulator, folder: Path, words: int, noise: float = 0.0
) -> Iterator[tuple[EmulatedBoard, Iterator[Line]]]:
    """Yield a board on which nobody has written, and the list of decisions; `inkgate run` must succeed."""
    link = folder / "board"
    with (
        EmulatedBoard(emulator, [], fast=True, loss=noise, link=link) as board,
        running(gate, link, words, folder / JOURNAL) as process,
    ):
        assert board.wait_for_host()
        yield board, lines(process)
        assert process.wait(PATIENCE_S) == 0


def lines(process: "subprocess.Popen[str]") -> Iterator[Line]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def finals(decided: list[Line]) -> list[Line]:
    return [line for line in decided if line["final"]]


def told(line: Line) -> tuple[str, str | None, float | None]:
    return line["decision"], line["user"], line["score"]


def journalled(journal: Path) -> list[str]:
    """Check the journal's chain and return its verdicts."""
    result = CliRunner().invoke(cli, ["journal", "verify", str(journal)])
    assert result.exit_code == 0, result.output
    shown = CliRunner().invoke(cli, ["journal", "show", str(journal), "--json"])
    return [json.loads(line)["decision"] for line in shown.stdout.splitlines() if json.loads(line)["final"]]


@kinds
def test_users_are_accepted_and_strangers_rejected_as_the_fragments_say_over_a_spoiled_line(
    gate: Gate, tmp_path: Path, kind: Pen | Camera
) -> None:
    writing = [
        kind.word(gate.user, "27182818"),
        kind.word(gate.stranger, "27182818"),
        kind.word(gate.user, "31415926535897932384"),
    ]
    link, journal = tmp_path / "board", tmp_path / JOURNAL
    emulator = powered(kind.board, kind.app)
    with EmulatedBoard(emulator, writing, fast=True, loss=0.04, corrupt=0.04, seed=2, link=link) as board:
        with running(gate, link, len(writing), journal) as process:
            decided = list(lines(process))
            assert process.wait(PATIENCE_S) == 0
        assert sum(board.spoiled) > 0
    assert [told(line) for line in finals(decided)] == [gate.decides(kind.fragments(word)) for word in writing]
    assert [line["symbols"] for line in finals(decided)] == [8, 8, 20]
    assert journalled(journal) == [line["decision"] for line in finals(decided)]
    assert not any("unauthenticated" in str(line).lower() for line in decided)
    user, stranger, _ = finals(decided)
    assert (user["decision"], user["user"]) == ("ACCEPT", str(gate.user))
    assert stranger["decision"] == "REJECT"


def test_a_picture_that_comes_over_the_spi_of_a_pico_is_decided_as_its_fragments_say(
    gate: Gate, tmp_path: Path
) -> None:
    picture = Camera().word(gate.user, "271828")
    link, journal = tmp_path / "camera", tmp_path / JOURNAL
    with (
        EmulatedBoard(powered("rp2040", "camera"), [picture], fast=True, link=link),
        running(gate, link, 1, journal) as process,
    ):
        decided = list(lines(process))
        assert process.wait(PATIENCE_S) == 0
    assert [told(line) for line in finals(decided)] == [gate.decides(word_on(picture))]
    assert finals(decided)[0]["symbols"] == 6


@kinds
def test_a_board_reset_in_mid_word_makes_it_unavailable_and_what_is_written_then_is_decided_rightly(
    gate: Gate, tmp_path: Path, kind: Pen | Camera
) -> None:
    word, again = kind.word(gate.user, "27182818"), kind.word(gate.user, "141421", seed=2)
    emulator = powered(kind.board, kind.app)
    with in_use(gate, emulator, tmp_path, 2, kind.noise) as (board, decisions):
        kind.begin(board, word)
        decided = [next(decisions)]
        board.reset()
        assert board.wait_for_host()
        kind.write(board, again)
        decided += decisions
    lost, right = finals(decided)
    assert told(lost) == ("UNAVAILABLE", None, None)
    assert told(right) == gate.decides(kind.fragments(again))
    assert right["session"] == lost["session"] + 1
    assert journalled(tmp_path / JOURNAL) == ["UNAVAILABLE", right["decision"]]


def test_a_board_that_hangs_in_mid_word_makes_it_unavailable(gate: Gate, tmp_path: Path) -> None:
    pen = Pen()
    emulator = powered("mps2-an386", "pen")  # a board whose watchdog QEMU emulates: tests/firmware/test_watchdog.py
    with in_use(gate, emulator, tmp_path, 1) as (board, decisions):
        pen.begin(board, pen.word(gate.user, "271828"))
        decided = [next(decisions) for _ in range(3)]
        hang(emulator)
        decided += decisions
    assert [told(line) for line in finals(decided)] == [("UNAVAILABLE", None, None)]
    assert journalled(tmp_path / JOURNAL) == ["UNAVAILABLE"]


@kinds
def test_a_cable_pulled_in_mid_word_makes_it_unavailable_and_the_word_after_it_is_decided_rightly(
    gate: Gate, tmp_path: Path, kind: Pen | Camera
) -> None:
    word, after = kind.word(gate.user, "27182818"), kind.word(gate.stranger, "141421")
    emulator = powered(kind.board, kind.app)
    with in_use(gate, emulator, tmp_path, 2, kind.noise) as (board, decisions):
        kind.begin(board, word)
        decided = [next(decisions)]
        board.unplug()
        kind.end(board, word)
        board.start()
        kind.write(board, after)
        decided += decisions
    lost, right = finals(decided)
    assert told(lost) == ("UNAVAILABLE", None, None)
    assert told(right) == gate.decides(kind.fragments(after))
    assert (right["session"], right["word"]) == (lost["session"], lost["word"] + 1)


def test_simulate_runs_a_boards_real_firmware_for_everything_that_takes_a_port(gate: Gate, tmp_path: Path) -> None:
    link = tmp_path / "pen"
    command = [sys.executable, "-m", "inkgate", "simulate", "--firmware", "stm32f405", "--fast", "--words", "2"]
    options = ["--symbols", "3", "--seed", "4", "--link", str(link), "--json"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as board:
        try:
            said = lines(board)
            assert next(said) == {"event": "port", "path": str(link)}
            with running(gate, link, 2, tmp_path / JOURNAL) as process:
                decided = finals(list(lines(process)))
                assert process.wait(PATIENCE_S) == 0
            *sent, done = said
            assert board.wait(PATIENCE_S) == 0
        finally:
            board.kill()
    assert [(word["session"], word["word"]) for word in sent] == [(line["session"], line["word"]) for line in decided]
    assert [len(word["text"]) for word in sent] == [line["symbols"] for line in decided] == [3, 3]
    assert done["words"] == 2
