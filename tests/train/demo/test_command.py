from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge.bundle.run_directory import Run
from edge.bundle.run_files import TEST
from inkgate import cli
from train.demo import command
from train.demo.command import assign_writers
from train.demo.outcome import Result, WrittenWord, pair
from train.errors import DemoError, TrainError


def final(decision: str, user: str | None = None, word: int = 1, session: int = 7) -> dict[str, Any]:
    return {"final": True, "decision": decision, "user": user, "word": word, "session": session, "score": None}


def running(word: int, session: int = 7) -> dict[str, Any]:
    return {**final("LEANING", None, word, session), "final": False}


@pytest.mark.parametrize(
    ("writer", "enrolled", "decision", "user", "kind"),
    [
        ("Ada", True, "ACCEPT", "Ada", "right"),
        ("Ada", True, "ACCEPT", "Ben", "wrong"),
        ("Ada", True, "REJECT", None, "refused"),
        ("Ada", True, "UNAVAILABLE", None, "unavailable"),
        ("Eve", False, "ACCEPT", "Ada", "wrong"),
        ("Ada", False, "ACCEPT", "Ada", "wrong"),  # a stranger of the same name is no user
        ("Eve", False, "REJECT", None, "refused"),
        ("Eve", False, "UNAVAILABLE", None, "unavailable"),
    ],
)
def test_a_result_is_right_only_for_an_enrolled_user_accepted_as_himself(
    writer: str, enrolled: bool, decision: str, user: str | None, kind: str
) -> None:
    assert Result(WrittenWord(writer, enrolled, [0]), final(decision, user), []).kind == kind


def test_what_was_sent_meets_what_was_decided_by_session_and_word() -> None:
    told = [
        {"event": "word", "session": 7, "word": 2, "writer": "Eve", "fragments": [4, 5]},
        {"event": "word", "session": 7, "word": 1, "writer": "Ada", "fragments": [1]},
        {"event": "word", "session": 8, "word": 1, "writer": "Ada", "fragments": [2]},
        {"event": "word", "session": 8, "word": 2, "writer": "Eve", "fragments": [3]},
        {"event": "done", "words": 4},
    ]
    decisions = [
        running(1), final("ACCEPT", "Ada", 1),
        running(2), running(2), final("REJECT", None, 2),
        final("UNAVAILABLE", None, 1, 8),
        running(2, 8),
    ]  # fmt: skip
    results = pair(told, decisions, {"Ada": True, "Eve": False})
    assert [(r.word.writer, r.word.enrolled, list(r.word.fragments)) for r in results] == [
        ("Eve", False, [4, 5]),
        ("Ada", True, [1]),
        ("Ada", True, [2]),  # the last word was never decided
    ]
    assert [r.kind for r in results] == ["refused", "right", "unavailable"]
    assert [len(r.running) for r in results] == [2, 1, 0]


@pytest.mark.parametrize("words", [2, 7, 40])
def test_half_the_words_are_by_users_and_half_by_strangers_each_in_turn(run: Run, words: int) -> None:
    chosen = assign_writers(run.path, words)
    test = run.fragments(TEST)
    names = {test.name_of(int(writer)) for writer in test.writers}
    assert len(chosen) == words
    assert Counter(enrolled for _, enrolled in chosen)[True] == (words + 1) // 2
    assert all((name in run.config.users) == enrolled for name, enrolled in chosen)
    assert {name for name, _ in chosen} <= names
    by_users = Counter(name for name, enrolled in chosen if enrolled)
    assert max(by_users.values()) - min(by_users.values()) <= 1


@pytest.mark.parametrize("failing", ["train", "quantize", "verify", "evaluate", "run", "journal"])
@pytest.mark.parametrize("exit_code", [1, 2, 4])
def test_an_error_in_a_step_ends_the_demo_with_that_steps_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, failing: str, exit_code: int
) -> None:
    """Replace every command of inkgate by one that ends as told; `simulate` prints a port first."""

    def stand_in(arguments: Any) -> list[str]:
        if arguments[0] == "simulate":
            return ["echo", json.dumps({"event": "port", "path": "nowhere"})]
        return ["sh", "-c", f"exit {exit_code if arguments[0] == failing else 0}"]

    monkeypatch.setattr(command, "_command", stand_in)
    monkeypatch.setattr(command, "assign_writers", lambda *_: [("Ada", True), ("Eve", False)])
    outcome = CliRunner().invoke(cli, ["demo", "--out", str(tmp_path / "demo"), "--words", "2"])
    error = outcome.exception
    assert isinstance(error, DemoError)
    assert isinstance(error, TrainError)
    assert error.exit_code == exit_code
    assert f"inkgate {failing}" in str(error)
    # Every step was shown as the command that a person would type.
    assert "$ inkgate train --dataset synthetic --users 10" in outcome.stderr
