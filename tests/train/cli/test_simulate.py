"""`inkgate simulate` in a process of its own, on small datasets."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import subprocess
import sys
import time
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest
from click.testing import CliRunner
from emulated import needs_tools

from edge.ink.fragment_set import FragmentSet
from firmware_bridge.build.errors import SettingError
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link.errors import TerminalMissingError
from firmware_bridge.link.link import open_link
from firmware_bridge.session.errors import UnprovisionedError
from firmware_bridge.session.events import Connected, FragmentReceived, LinkLost, Statistics, WordEnded, WordStarted
from firmware_bridge.wire.messages import Kind
from train.cli.simulate import choose_writers, draw_words, parse_symbols, simulate, users_of
from train.synthetic.not_writing import Kind as NotWriting
from train.synthetic.not_writing import words_of

PER_WRITER = 15


@pytest.fixture
def fragments() -> FragmentSet:
    """Return fragments of three writers, those of writer w a square of grey 43 * w, to recognise the writer."""
    writer = np.repeat(np.array([3, 4, 5], np.int32), PER_WRITER)
    pixels = np.zeros((len(writer), 33, 33), np.uint8)
    pixels[:, 11:22, 11:22] = 43 * writer[:, None, None]
    order = np.tile(np.arange(PER_WRITER, dtype=np.int32), 3)
    return FragmentSet(pixels, writer, np.full_like(writer, -1), order, ("ada", "bob", "eve"))


def test_words_are_their_writers_and_as_long_as_asked(fragments: FragmentSet) -> None:
    rng = np.random.default_rng(0)
    writing = [3, 5] * 50
    words = draw_words(fragments, writing, (4, 7), rng)
    assert {len(word) for word in words} == {4, 5, 6, 7}
    assert all((fragments.writer[word] == writer).all() for word, writer in zip(words, writing, strict=True))


def test_writers_go_by_name_or_id_or_come_by_seed(fragments: FragmentSet) -> None:
    rng = np.random.default_rng(0)
    assert choose_writers(fragments, ["eve", "3"], rng) == [5, 3]
    assert choose_writers(fragments, [], rng) == [3, 4, 5]
    with pytest.raises(click.BadParameter, match="'mallory' wrote nothing here; writers are 3, 4, 5, ada"):
        choose_writers(fragments, ["ada", "mallory"], rng)


def test_of_a_runs_test_set_users_and_strangers_write_by_turns(fragments: FragmentSet) -> None:
    for seed in range(5):
        chosen = choose_writers(fragments, [], np.random.default_rng(seed), frozenset({3, 4}))
        assert [writer in {3, 4} for writer in chosen] == [True, False]
    everybody = frozenset({3, 4, 5})
    assert choose_writers(fragments, [], np.random.default_rng(0), everybody) == [3, 4, 5]


def test_users_are_known_by_name_where_the_set_lies_in_a_run(
    fragments: FragmentSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fragments.save(tmp_path / "test.npz")
    assert users_of(tmp_path / "test.npz", fragments) == frozenset()
    (tmp_path / "config.json").write_text("{}")
    enrolled = SimpleNamespace(config=SimpleNamespace(users=("eve", "ada")))
    monkeypatch.setattr("edge.bundle.run_directory.Run.open", lambda path: enrolled)
    assert users_of(tmp_path / "test.npz", fragments) == frozenset({3, 5})


def on_a_terminal(fragments: FragmentSet, folder: Path, background: bool) -> str:
    """Return what `inkgate simulate` shows on its terminal as a job of a shell with job control."""
    fragments.save(folder / "set.npz")
    simulate = [sys.executable, "-m", "inkgate", "simulate", "--dataset", str(folder / "set.npz"), "--words", "2"]
    order = shlex.join([*simulate, "--symbols", "2", "--fast", "--link", str(folder / "pen"), "--writer", "bob"])
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("bash", ["bash", "-c", f"set -m; {order} & wait" if background else order])
    wait_for(folder / "pen")
    with open_link(str(folder / "pen"), idle_timeout_s=20.0) as link:
        for event in link.events():
            if isinstance(event, LinkLost):
                break
    shown = b""
    with contextlib.suppress(OSError):  # a pseudo-terminal whose other end is closed
        while part := os.read(terminal, 4096):
            shown += part
    os.waitpid(pid, 0)
    os.close(terminal)
    return shown.decode()


def wait_for(path: Path) -> None:
    end_s = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end_s
        time.sleep(0.05)


@pytest.mark.parametrize("background", [False, True])
def test_a_bar_is_drawn_in_the_foreground_only(background: bool, fragments: FragmentSet, tmp_path: Path) -> None:
    shown = on_a_terminal(fragments, tmp_path, background)
    assert ("\x1b[" in shown) is not background
    assert "words by: 1 bob, 2 bob" in shown
    assert "2 of 2 words acknowledged" in shown


def test_what_a_board_counted_is_told_to_programs_too(fragments: FragmentSet, tmp_path: Path) -> None:
    fragments.save(tmp_path / "set.npz")
    order = ["simulate", "--dataset", str(tmp_path / "set.npz"), "--words", "1", "--fast", "--json", "--writer", "bob"]
    link = tmp_path / "pen"
    with subprocess.Popen(
        [sys.executable, "-m", "inkgate", *order, "--link", str(link)], stdout=subprocess.PIPE, text=True
    ) as board:
        wait_for(link)
        with open_link(str(link), idle_timeout_s=20.0) as host:
            for event in host.events():
                if isinstance(event, Statistics):
                    host.remember(b"\x5a" * 16)
                if isinstance(event, LinkLost):
                    break
        assert board.stdout is not None
        done = json.loads(board.stdout.readlines()[-1])
    assert (board.returncode, done["event"], done["words"]) == (0, "done", 1)
    assert done["statistics"]["head"] == "5a" * 16


@pytest.mark.parametrize(
    ("text", "expected"), [("8", (8, 8)), ("4-12", (4, 12)), ("0", None), ("9-4", None), ("x", None), ("4-1025", None)]
)
def test_the_number_of_symbols_is_a_length_or_a_range(text: str, expected: tuple[int, int] | None) -> None:
    parameter = simulate.params[0]
    context = click.Context(simulate)
    if expected is None:
        with pytest.raises(click.BadParameter, match=r"4-12|at most 1024"):
            parse_symbols(context, parameter, text)
    else:
        assert parse_symbols(context, parameter, text) == expected


@pytest.mark.parametrize(("kind", "grey"), [("pen", False), ("camera", True)])
def test_the_command_prints_its_port_streams_its_words_and_ends(
    kind: str, grey: bool, fragments: FragmentSet, tmp_path: Path
) -> None:
    fragments.save(tmp_path / "set.npz")
    command = [sys.executable, "-m", "inkgate", "simulate", kind, "--dataset", str(tmp_path / "set.npz"), "--json"]
    command += ["--words", "6", "--symbols", "3", "--fast", "--corrupt", "0.05", "--writer", "bob", "--writer", "5"]
    command += ["--link", str(tmp_path / "board"), *(["--grey"] if grey else [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"event": "port", "path": str(tmp_path / "board")}
        seen: list[set[int]] = []
        with open_link(str(tmp_path / "board"), idle_timeout_s=20.0) as link:
            for event in link.events():
                if isinstance(event, Connected):
                    assert event.info.authenticated
                    assert event.info.kind is Kind[kind.upper()]
                    assert event.info.board == f"virtual-{kind}"
                    assert event.info.pixel_bits == (8 if grey else 1)
                if isinstance(event, WordStarted):
                    seen.append(set())
                if isinstance(event, FragmentReceived):
                    seen[-1] |= set(event.pixels.reshape(-1).tolist())
                if isinstance(event, WordEnded):
                    assert event.count == 3
                if isinstance(event, LinkLost):
                    break  # its last word was acknowledged, and the board is gone
        *told, done = [json.loads(line) for line in process.stdout.read().splitlines()]
    assert process.returncode == 0
    assert [word["writer"] for word in told] == ["bob", "eve"] * 3
    assert done["words"] == 6
    assert seen == ([{0, 172}, {0, 215}] if grey else [{0, 255}, {0, 255}]) * 3


def test_a_virtual_board_can_be_one_that_nobody_provisioned_and_have_any_name(
    fragments: FragmentSet, tmp_path: Path
) -> None:
    fragments.save(tmp_path / "set.npz")
    command = [sys.executable, "-m", "inkgate", "simulate", "pen", "--dataset", str(tmp_path / "set.npz"), "--no-key"]
    with subprocess.Popen([*command, "--board", "desk"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            with open_link(port) as link, pytest.raises(UnprovisionedError, match="board desk has no key"):
                list(link.events())
        finally:
            process.kill()


@needs_tools
def test_a_boards_real_firmware_is_built_for_grey_where_that_is_asked_for(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "inkgate", "simulate", "pen", "--firmware", "mps2-an386", "--grey", "--fast"]
    command += ["--words", "1", "--symbols", "2", "--link", str(tmp_path / "pen")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == f"{tmp_path / 'pen'}\n"
            with open_link(str(tmp_path / "pen"), pixel_bits=8, idle_timeout_s=20.0) as link:
                said = takewhile(lambda event: not isinstance(event, LinkLost), link.events())
                sent = [event.pixels for event in said if isinstance(event, FragmentReceived)]
            assert process.wait(20.0) == 0
        finally:
            process.kill()
    assert [len(np.unique(pixels)) > 10 for pixels in sent] == [True, True]


def test_a_board_without_memory_for_grey_is_not_simulated_with_it() -> None:
    result = CliRunner().invoke(simulate, ["pen", "--firmware", "nrf51", "--grey", "--words", "1"])
    assert isinstance(result.exception, SettingError)
    assert "nrf51 has no memory" in str(result.exception)


@needs_tools
def test_an_emulated_boards_last_counters_count_its_last_word(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "inkgate", "simulate", "pen", "--firmware", "nrf51", "--fast", "--json"]
    command += ["--words", "2", "--symbols", "2", "--link", str(tmp_path / "pen")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["path"] == str(tmp_path / "pen")
            with open_link(str(tmp_path / "pen"), idle_timeout_s=20.0) as link:
                words = (event for event in link.events() if isinstance(event, WordEnded))
                assert [next(words).word for _ in range(2)] == [1, 2]
            done = json.loads(process.stdout.read().splitlines()[-1])
            assert process.wait(20.0) == 0
        finally:
            process.kill()
    assert (done["event"], done["words"], done["statistics"]["words"]) == ("done", 2, 2)


@pytest.mark.parametrize(
    ("kind", "writing", "path", "firmware"),
    [
        ("pen", "taps", "pen", None),
        ("camera", "discs", "camera", None),
        ("pen", "blank", "wire", None),
        pytest.param("pen", "circles", "pen", "mps2-an386", marks=needs_tools),
    ],
)
def test_what_is_no_writing_arrives_as_a_board_delivers_it(
    kind: str, writing: str, path: str, firmware: str | None, tmp_path: Path
) -> None:
    expected = {
        place: word
        for place, word in enumerate(words_of(NotWriting(writing), path, 4, (3, 6), seed=8))
        if word is not None
    }
    command = [sys.executable, "-m", "inkgate", "simulate", kind, "--writing", writing, "--fast", "--json"]
    command += ["--words", "4", "--symbols", "3-6", "--seed", "8", "--link", str(tmp_path / "board")]
    command += ["--firmware", firmware] if firmware else []
    words: list[list[FragmentReceived]] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["path"] == str(tmp_path / "board")
            with open_link(str(tmp_path / "board"), idle_timeout_s=20.0) as link:
                for event in takewhile(lambda event: not isinstance(event, LinkLost), link.events()):
                    words += [[]] if isinstance(event, WordStarted) else []
                    if isinstance(event, FragmentReceived):
                        words[-1].append(event)
            *told, done = [json.loads(line) for line in process.stdout.read().splitlines()]
            assert process.wait(20.0) == 0
        finally:
            process.kill()
    assert [(word["writer"], word["attempt"]) for word in told] == [(writing, place) for place in expected]
    assert done["words"] == len(expected)
    for word, sent in zip(words, expected.values(), strict=True):
        assert np.array_equal([fragment.pixels for fragment in word], sent.fragments)
        assert tuple((fragment.duration_ms, fragment.pause_ms) for fragment in word) == sent.times


def test_where_no_board_makes_a_word_of_it_the_simulation_says_so_and_ends() -> None:
    command = [sys.executable, "-m", "inkgate", "simulate", "camera", "--writing", "blank", "--words", "5", "--no-key"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "words that a camera board makes of 5 attempts at blank: 0" in done.stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--writer", "3"], "nobody writes"),
        (["--dataset", "qmnist"], "nobody writes"),
        (["--firmware", "nrf51"], "a pen sees no blank"),
    ],
)
def test_what_nobody_writes_has_no_writer_and_what_no_sensor_sees_no_firmware(
    options: list[str], complaint: str
) -> None:
    result = CliRunner().invoke(simulate, ["pen", "--writing", "blank", *options])
    assert result.exit_code == 2
    assert complaint in result.output


def test_without_a_pseudo_terminal_a_virtual_board_says_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError("out of pty devices")

    monkeypatch.setattr("pty.openpty", none_left)
    with pytest.raises(TerminalMissingError, match=r"out of pty devices.*/dev/pts") as failure:
        VirtualBoard([]).start()
    assert failure.value.exit_code == 3
