"""The demo from one end to the other, with few users, where nothing of TensorFlow is there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edge.bundle.places import MANIFEST, SHIPPED
from edge.roster.enrolling import WRITINGS
from firmware_bridge.errors import UnwritableError
from inkgate import cli
from train.demo import command, steps
from train.demo.outcome import Result
from train.demo.scenario import Attempt
from train.errors import DemoError

BLOCKED = ("tensorflow", "tf_keras", "keras", "matplotlib")

pytestmark = pytest.mark.skipif(not (SHIPPED / MANIFEST).is_file(), reason="this inkgate comes without a ready bundle")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """Return what the demo says on stdout and on stderr; nothing of it can import a training framework."""
    folder = tmp_path_factory.mktemp("demo")
    for name in BLOCKED:
        (folder / "blocked" / name).mkdir(parents=True)
        (folder / "blocked" / name / "__init__.py").write_text("raise SystemExit('a training framework is loaded')\n")
    states = {name: str(folder / name) for name in ("INKGATE_KEYS", "INKGATE_ROSTER_KEYS", "INKGATE_STATE")}
    paths = os.pathsep.join([str(folder / "blocked"), str(Path(command.__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-m", "inkgate", "demo", "--users", "3", "--out", str(folder / "out"), "--json"],
        env={**os.environ, **states, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.mark.slow("enrols three users at a board and verifies the bundle")
def test_users_are_enrolled_at_a_board_by_commands_that_a_person_could_type(told: tuple[dict[str, Any], str]) -> None:
    record, printed = told
    assert [person["by"] for person in record["enrolled"]] == ["board"] * 3
    assert [person["writings"] for person in record["enrolled"]] == [WRITINGS] * 3
    assert printed.count("$ inkgate users add") == 3
    assert printed.count("$ inkgate users remove") == 1
    assert printed.count("$ inkgate run --port") == 2


@pytest.mark.slow("as above")
def test_nobody_enters_but_users_and_whoever_knows_a_pin(told: tuple[dict[str, Any], str]) -> None:
    counts = told[0]["counts"]
    assert counts.keys() == {
        "user", "stranger who knows the PIN", "stranger without the PIN", "not writing", "removed user"
    }  # fmt: skip
    for role in ("stranger without the PIN", "not writing", "removed user"):
        assert set(counts[role]) == {"kept out"}, role
    assert set(counts["user"]) <= {"entered", "refused"}
    assert counts["user"].get("entered", 0) >= 1
    assert told[0]["passed"] is True


@pytest.mark.slow("as above")
def test_the_page_shows_all_words_and_the_bundle_is_proved(told: tuple[dict[str, Any], str]) -> None:
    record = told[0]
    page = Path(record["page"]).read_text()
    assert page.count("<img alt=") == len(record["words"]) == sum(sum(c.values()) for c in record["counts"].values())
    assert "C_llr" in page
    assert record["verify"]["mismatches"] == 0
    assert record["verify"]["values"] > 0


def demo(tmp_path: Path, *more: str) -> Any:
    return CliRunner().invoke(cli, ["demo", "--users", "1", "--out", str(tmp_path / "demo"), *more])


@pytest.mark.parametrize("failing", ["users", "run", "journal", "verify"])
@pytest.mark.parametrize("exit_code", [1, 2, 4])
def test_an_error_in_a_step_ends_the_demo_with_that_steps_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, exit_code: int
) -> None:
    """Replace every command of inkgate by one that ends as told."""

    def stand_in(arguments: Any) -> list[str]:
        says = '{"event": "enroll-completed", "writings": 5}'
        return ["sh", "-c", f"echo '{says}'; exit {exit_code if arguments[0] == failing else 0}"]

    monkeypatch.setattr(steps, "_command", stand_in)
    monkeypatch.setattr(steps.VirtualBoard, "wait", lambda *_: True)
    monkeypatch.setattr(steps, "pair", lambda attempts, *_: [Result(one, None) for one in attempts])
    outcome = demo(tmp_path)
    assert isinstance(outcome.exception, DemoError)
    assert outcome.exception.exit_code == exit_code
    assert f"inkgate {failing}" in str(outcome.exception)


@pytest.mark.parametrize("role", ["GUESSES", "NOTHING", "REMOVED"])
def test_one_word_let_in_that_must_not_be_is_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    def decide(gate: steps.Gate, attempts: list[Attempt]) -> list[Result]:
        accepted = {"decision": "ACCEPT", "user": "Ada"}
        return [
            Result(one, accepted if one.role.name in (role, "USER") else {"decision": "REJECT"}) for one in attempts
        ]

    proof = {"passed": True, "values": 1, "mismatches": 0, "words": 1}
    monkeypatch.setattr(steps.Gate, "enrol", lambda *_: {"writings": 5, "by": "board"})
    monkeypatch.setattr(steps.Gate, "remove", lambda *_: None)
    monkeypatch.setattr(steps.Gate, "decide", decide)
    monkeypatch.setattr(steps.Gate, "check", lambda _: proof)
    outcome = demo(tmp_path, "--json")
    assert outcome.exit_code == 1
    assert json.loads(outcome.stdout)["passed"] is False


def test_a_place_that_cannot_be_written_is_refused_before_anybody_enrols(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    outcome = demo(tmp_path, "--out", str(tmp_path / "demo" / "in-a-file"))
    assert isinstance(outcome.exception, UnwritableError)
    assert "--out" in str(outcome.exception)
