"""`inkgate attempts`, and what `inkgate run` does with them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.cli.attempts import attempts
from edge.errors import AttemptsError
from edge.gate.attempts import FREE, Attempts
from inkgate import cli


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(attempts, [str(a) for a in arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "counts"
    with Attempts(path, "anna") as opened:
        for _ in range(FREE):
            opened.begin("desk-pen")
    return path


def test_failures_are_listed_with_what_is_left_of_the_wait(file: Path) -> None:
    told = invoke("list", "--attempts", file).stderr
    assert "board desk-pen  5 failures in a row, 0 no writing, locked for 30 s" in told
    assert "user anna  5 failures" in told
    rows = [json.loads(line) for line in invoke("list", "--attempts", file, "--json").stdout.splitlines()]
    assert [(row["kind"], row["failures"], row["for_good"]) for row in rows] == [
        ("board", 5, False),
        ("user", 5, False),
    ]
    assert all(0 < row["wait_s"] <= 30 for row in rows)


def test_the_administrator_lets_one_or_all_try_again(file: Path) -> None:
    assert invoke("reset", "--attempts", file, "--user", "anna").exit_code == 0
    assert "user" not in invoke("list", "--attempts", file).stderr.replace("users", "")
    refused = invoke("reset", "--attempts", file, "--user", "bert")
    assert refused.exit_code == 2
    assert "nothing was counted of user bert; known are board desk-pen" in refused.stderr
    assert json.loads(invoke("reset", "--attempts", file, "--json").stdout)["reset"] == 1
    assert invoke("list", "--attempts", file, "--json").stdout == ""


def test_to_look_where_nobody_was_counted_makes_no_file(tmp_path: Path) -> None:
    result = invoke("list", "--attempts", tmp_path / "none")
    assert (result.exit_code, result.stderr.startswith("0 counts in ")) == (0, True)
    assert list(tmp_path.iterdir()) == []


def test_contradicting_options_and_another_file_are_sentences(file: Path, tmp_path: Path) -> None:
    assert invoke("reset", "--attempts", file, "--user", "a", "--board", "b").exit_code == 2
    (tmp_path / "text").write_text("no counts" * 100)
    assert isinstance(invoke("list", "--attempts", tmp_path / "text").exception, AttemptsError)
    both = CliRunner().invoke(cli, ["run", "--port", "x", "--bundle", "ready", "--uncounted", "--attempts", str(file)])
    assert both.exit_code == 2
    assert "--uncounted" in both.stderr
