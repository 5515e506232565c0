"""Pen strokes or a picture -> an emulated board with its real firmware -> the wire -> `inkgate run` -> the journal."""

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
from emulated import Pixels, hang, needs_tools, power_on, symbol_ends, word_on, words_of

from edge.bundle import Bundle
from edge.decision import decide
from edge.engine import Engine
from edge.features import to_int8
from edge.fragments import FragmentSet
from firmware_bridge.emulated_board import EmulatedBoard, packets
from inkgate import cli
from train.digitiser import Samples
from train.hands import photograph, write_word
from train.synthetic import style_of

pytestmark = needs_tools

HANDS_SEED = 5
"""Of the invented hands in conftest.py."""
PATIENCE_S = 60
Line = dict[str, Any]


@dataclass(frozen=True)
class Gate:
    """The bundle, its engine, who is enrolled in it and who is not."""

    bundle: Bundle
    engine: Engine
    test: FragmentSet
    user: int
    stranger: int

    def decides(self, word: Pixels) -> tuple[str, str | None, float | None]:
        """The final decision about a word uint8 [T, 33, 33], scored directly: no board, no wire, no loop."""
        manifest = self.bundle.manifest
        logits = self.engine.run_words(to_int8(word)[None])[0]
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


def written(writer: int, text: str, seed: int = 1) -> Samples:
    return write_word(style_of(writer, HANDS_SEED), text, np.random.default_rng(seed))


@contextmanager
def running(gate: Gate, link: Path, words: int, journal: Path) -> Iterator["subprocess.Popen[str]"]:
    """`inkgate run` in a process of its own, ended however the test ends."""
    options = ["--bundle", gate.bundle.path, "--words", words, "--journal", journal, "--idle-timeout", PATIENCE_S]
    command = [sys.executable, "-m", "inkgate", "run", "--port", link, *options, "--json"]
    with subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: "subprocess.Popen[str]") -> Iterator[Line]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def finals(decided: list[Line]) -> list[Line]:
    return [line for line in decided if line["final"]]


def told(line: Line) -> tuple[str, str | None, float | None]:
    return line["decision"], line["user"], line["score"]


def journalled(journal: Path) -> list[str]:
    """The verdicts in the journal, whose chain is whole."""
    result = CliRunner().invoke(cli, ["journal", "verify", str(journal)])
    assert result.exit_code == 0, result.output
    shown = CliRunner().invoke(cli, ["journal", "show", str(journal), "--json"])
    return [json.loads(line)["decision"] for line in shown.stdout.splitlines() if json.loads(line)["final"]]


def test_what_a_user_a_stranger_and_a_patient_user_write_is_decided_as_the_fragments_say_over_a_spoiled_line(
    gate: Gate, tmp_path: Path
) -> None:
    writing = [
        written(gate.user, "27182818"),
        written(gate.stranger, "27182818"),
        written(gate.user, "31415926535897932384"),
    ]
    link, journal = tmp_path / "pen", tmp_path / "journal.sqlite"
    board = EmulatedBoard(power_on("stm32f405", "pen"), writing, fast=True, loss=0.04, corrupt=0.04, seed=2, link=link)
    with board:
        with running(gate, link, len(writing), journal) as process:
            decided = list(lines(process))
            assert process.wait(PATIENCE_S) == 0
        assert sum(board.spoiled) > 0
    words = [word for samples in writing for word in words_of(samples)]
    assert [len(word) for word in words] == [8, 8, 20]
    assert [told(line) for line in finals(decided)] == [gate.decides(word) for word in words]
    assert [line["symbols"] for line in finals(decided)] == [8, 8, 20]
    assert journalled(journal) == [line["decision"] for line in finals(decided)]
    assert not any("unauthenticated" in str(line).lower() for line in decided)


def test_a_picture_of_a_word_is_decided_as_its_fragments_say(gate: Gate, tmp_path: Path) -> None:
    mine = gate.test.pixels[gate.test.writer == gate.user][:6]
    (picture,) = photograph([mine], np.random.default_rng(4))
    link, journal = tmp_path / "camera", tmp_path / "journal.sqlite"
    with (
        EmulatedBoard(power_on("mps2-an386", "camera"), [picture], fast=True, link=link),
        running(gate, link, 1, journal) as process,
    ):
        decided = list(lines(process))
        assert process.wait(PATIENCE_S) == 0
    assert [told(line) for line in finals(decided)] == [gate.decides(word_on(picture))]
    assert finals(decided)[0]["symbols"] == 6


def test_a_board_reset_in_mid_word_makes_it_unavailable_and_what_is_written_then_is_decided_rightly(
    gate: Gate, tmp_path: Path
) -> None:
    word, again = written(gate.user, "271828"), written(gate.user, "141421", seed=2)
    begun = symbol_ends(word)[2]
    link, journal = tmp_path / "pen", tmp_path / "journal.sqlite"
    with (
        EmulatedBoard(power_on("stm32f405", "pen"), [], fast=True, link=link) as board,
        running(gate, link, 2, journal) as process,
    ):
        decisions = lines(process)
        assert board.wait_for_host()
        board.touch(packets(word[:begun]))
        decided = [next(decisions) for _ in range(3)]
        board.reset()
        assert board.wait_for_host()
        board.touch(packets(again))
        decided += decisions
        assert process.wait(PATIENCE_S) == 0
    lost, right = finals(decided)
    assert told(lost) == ("UNAVAILABLE", None, None)
    assert told(right) == gate.decides(*words_of(again))
    assert right["session"] == lost["session"] + 1
    assert journalled(journal) == ["UNAVAILABLE", right["decision"]]


def test_a_board_that_hangs_in_mid_word_makes_it_unavailable(gate: Gate, tmp_path: Path) -> None:
    word = written(gate.user, "271828")
    link, journal = tmp_path / "pen", tmp_path / "journal.sqlite"
    emulator = power_on("mps2-an386", "pen")  # whose watchdog QEMU has: tests/firmware/test_watchdog.py
    with (
        EmulatedBoard(emulator, [], fast=True, link=link) as board,
        running(gate, link, 1, journal) as process,
    ):
        decisions = lines(process)
        assert board.wait_for_host()
        board.touch(packets(word[: symbol_ends(word)[2]]))
        decided = [next(decisions) for _ in range(3)]
        hang(emulator)
        decided += decisions
        assert process.wait(PATIENCE_S) == 0
    assert [told(line) for line in finals(decided)] == [("UNAVAILABLE", None, None)]
    assert journalled(journal) == ["UNAVAILABLE"]


def test_a_cable_pulled_in_mid_word_makes_it_unavailable_and_the_word_after_it_is_decided_rightly(
    gate: Gate, tmp_path: Path
) -> None:
    word, after = written(gate.user, "271828"), written(gate.stranger, "141421")
    link, journal = tmp_path / "pen", tmp_path / "journal.sqlite"
    half = symbol_ends(word)[2]
    with (
        EmulatedBoard(power_on("stm32f405", "pen"), [], fast=True, link=link) as board,
        running(gate, link, 2, journal) as process,
    ):
        decisions = lines(process)
        assert board.wait_for_host()
        board.touch(packets(word[:half]))
        decided = [next(decisions)]
        board.unplug()
        board.touch(packets(word[half:]))
        board.start()
        board.touch(packets(after))
        decided += decisions
        assert process.wait(PATIENCE_S) == 0
    lost, right = finals(decided)
    assert told(lost) == ("UNAVAILABLE", None, None)
    assert told(right) == gate.decides(*words_of(after))
    assert (right["session"], right["word"]) == (lost["session"], lost["word"] + 1)


def test_simulate_runs_a_boards_real_firmware_for_everything_that_takes_a_port(gate: Gate, tmp_path: Path) -> None:
    link = tmp_path / "pen"
    command = [sys.executable, "-m", "inkgate", "simulate", "--firmware", "stm32f405", "--fast", "--words", "2"]
    options = ["--symbols", "3", "--seed", "4", "--link", str(link), "--json"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as board:
        try:
            said = lines(board)
            assert next(said) == {"event": "port", "path": str(link)}
            with running(gate, link, 2, tmp_path / "journal.sqlite") as process:
                decided = finals(list(lines(process)))
                assert process.wait(PATIENCE_S) == 0
            *sent, done = said
            assert board.wait(PATIENCE_S) == 0
        finally:
            board.kill()
    assert [(word["session"], word["word"]) for word in sent] == [(line["session"], line["word"]) for line in decided]
    assert [len(word["text"]) for word in sent] == [line["symbols"] for line in decided] == [3, 3]
    assert done["words"] == 2
