"""Commands after a decision: once, told what was decided, never for long, never late, and without a shell."""

import json
import sys
import time
from pathlib import Path

import pytest

from edge.decision.rule import Decision, Verdict, unavailable
from edge.errors import HookError
from edge.gate.hooks import STALE_S, Hooks, parse_command
from edge.gate.loop import Outcome

WRITE = """
import json, os, sys, time
with open(sys.argv[1], "a") as file:
    told = {name: value for name, value in os.environ.items() if name.startswith("INKGATE_")}
    file.write(json.dumps([sys.argv[2:], told]) + "\\n")
time.sleep(float(os.environ.get("SLEEP", "0")))
sys.exit(int(os.environ.get("END", "0")))
"""


def outcome(decision: Decision, word: int = 3) -> Outcome:
    return Outcome("2026-01-01T00:00:00.000+00:00", "desk-pen", 7, word, decision, 1.0, True)


ACCEPT = Decision(Verdict.ACCEPT, "anna $(id)", 4.25, 6, True, "score above the threshold")
REJECT = Decision(Verdict.REJECT, None, -1.0, 6, True, "score below the threshold")
LEANING = Decision(Verdict.LEANING, "anna", 4.25, 6, False, "score above the threshold")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def command(log: Path, *more: str) -> tuple[str, ...]:
    return (sys.executable, "-c", WRITE, str(log), *more)


def written(log: Path) -> list[tuple[list[str], dict[str, str]]]:
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []


def test_a_command_is_told_what_was_decided_and_runs_for_its_verdict_only(log: Path) -> None:
    told: list[str] = []
    with Hooks({Verdict.ACCEPT: command(log, "; touch x", "$HOME")}, told.append) as hooks:
        for decision in (LEANING, ACCEPT, REJECT, unavailable("link lost", 3)):
            hooks.follow(outcome(decision))
    [(arguments, environment)] = written(log)
    assert arguments == ["; touch x", "$HOME"]  # no shell reads them
    wanted = {"VERDICT": "ACCEPT", "USER": "anna $(id)", "SCORE": "4.25", "BOARD": "desk-pen", "WORD": "3"}
    assert {name: environment[f"INKGATE_{name}"] for name in wanted} == wanted
    assert told == []


def test_the_gate_does_not_wait_and_commands_run_one_after_another(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLEEP", "0.3")
    with Hooks({Verdict.REJECT: command(log)}, lambda _: None) as hooks:
        began_s = time.monotonic()
        for word in range(3):
            hooks.follow(outcome(REJECT, word))
        assert time.monotonic() - began_s < 0.2
    assert [environment["INKGATE_WORD"] for _, environment in written(log)] == ["0", "1", "2"]


def test_a_command_that_does_not_end_is_killed_with_its_children(log: Path, tmp_path: Path) -> None:
    told: list[str] = []
    alive = tmp_path / "alive"
    child = f"import time\nwhile True:\n open({str(alive)!r}, 'a').write('.'); time.sleep(0.02)"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]).wait()"
    with Hooks({Verdict.REJECT: (sys.executable, "-c", parent)}, told.append, timeout_s=1.0) as hooks:
        hooks.follow(outcome(REJECT))
    assert told == [f"{sys.executable} was killed: it ran longer than 1 s"]
    size = alive.stat().st_size
    time.sleep(0.2)
    assert alive.stat().st_size == size > 0


def test_a_command_that_would_open_for_nobody_any_more_does_not_run(log: Path) -> None:
    told: list[str] = []
    now_s = 0.0
    hooks = Hooks({Verdict.ACCEPT: command(log)}, told.append, clock=lambda: now_s)
    hooks.follow(outcome(ACCEPT))
    now_s = STALE_S + 1.0
    with hooks:
        pass
    assert written(log) == []
    assert told == [f"{sys.executable} was not run: its decision was 11 s ago"]


@pytest.mark.parametrize(("program", "said"), [("/nowhere/open", "No such file"), ("/", "Permission denied")])
def test_a_command_that_cannot_be_started_is_told(program: str, said: str) -> None:
    told: list[str] = []
    with Hooks({Verdict.ACCEPT: (program,)}, told.append) as hooks:
        hooks.follow(outcome(ACCEPT))
    assert said in told[0]


def test_a_command_that_fails_is_told_and_the_next_runs(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setenv("END", "3")
    with Hooks({Verdict.ACCEPT: command(log)}, told.append) as hooks:
        hooks.follow(outcome(ACCEPT, 1))
        hooks.follow(outcome(ACCEPT, 2))
    assert told == [f"{sys.executable} ended with 3"] * 2
    assert len(written(log)) == 2


def test_a_line_is_parted_as_a_shell_would_and_what_is_no_command_is_refused() -> None:
    assert parse_command("open --door 'the front one' $HOME") == ("open", "--door", "the front one", "$HOME")
    for text in ("", "   ", "open 'the door"):
        with pytest.raises(HookError, match="program and its arguments"):
            parse_command(text)


def test_without_a_thread_for_commands_no_gate_is_opened(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("threading.Thread.start", start)
    with pytest.raises(HookError, match="can't start new thread"), Hooks({Verdict.ACCEPT: command(log)}, print):
        pass
