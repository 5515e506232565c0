"""The suite counts what it did not check, does common work once, and has no long file."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import needs
import once
import pytest

TESTS = Path(__file__).parent
FILES = sorted(TESTS.rglob("*.py"))

WITHOUT = """
import needs, pytest
needs.NEEDS["left-handed hammer"] = needs.Need(lambda: False, "apt-get install hammer")
needs.NEEDS["nail"] = needs.Need(lambda: True, "")
pytestmark = pytest.mark.needs("left-handed hammer")
@pytest.mark.parametrize("number", range(5))
def test_many(number): assert False
@pytest.mark.needs("nail")
def test_one(): assert False
"""
OTHERWISE = """
import needs, pytest
@pytest.mark.needs("gcc")
def test_is_there(): pass
def test_in_its_midst(): pytest.skip("another day")
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    for name, content in (("test_without.py", WITHOUT), ("test_otherwise.py", OTHERWISE)):
        (tmp_path / name).write_text(content)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = needs\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gcc").touch(mode=0o755)
    return tmp_path


def run(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "xdist.plugin", "-p", "needs", *options]
    path = f"{Path(needs.__file__).parent}:{os.environ.get('PYTHONPATH', '')}"
    environment = os.environ | {
        "PYTHONPATH": path,
        "PATH": str(folder / "bin"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # the others take seconds to load
    }
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["one-process", "two-workers"])
def test_the_summary_counts_the_promises_that_were_not_checked_and_says_what_each_wants(
    suite: Path, options: list[str]
) -> None:
    said = run(suite, *options)
    assert "not checked here: 7 promises" in said
    assert "    6  needs left-handed hammer (apt-get install hammer)\n" in said
    assert "    1  another day\n" in said
    assert "1 passed, 7 skipped" in said


def test_where_all_was_checked_the_summary_says_nothing_of_it(suite: Path) -> None:
    said = run(suite, "-k", "test_is_there")
    assert "1 passed" in said
    assert "not checked" not in said


def test_a_need_that_nobody_knows_is_an_error_and_no_skip(suite: Path) -> None:
    (suite / "test_more.py").write_text('import pytest\n@pytest.mark.needs("gc")\ndef test_it(): pass\n')
    assert "1 error" in run(suite, "test_more.py")


def calls_of_the_head(path: Path) -> set[str]:
    """Return the names of the functions called at the file's import."""
    head = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Expr | ast.Assign | ast.If)]
    calls = [call.func for node in head for call in ast.walk(node) if isinstance(call, ast.Call)]
    return {ast.unparse(function).rpartition(".")[2] for function in calls}


def test_no_file_skips_itself_as_a_whole_for_then_its_promises_are_not_counted() -> None:
    assert [path.name for path in FILES if calls_of_the_head(path) & {"importorskip", "skip", "require"}] == []


def test_every_slow_test_says_why() -> None:
    reasons = [why for path in FILES for why in re.findall(r'mark\.slow\b(\(\s*"\w)?', path.read_text())]
    assert reasons
    assert all(reasons)


def test_no_file_outgrows_a_head() -> None:
    assert [path.name for path in FILES if len(path.read_text().splitlines()) > 400] == []


def test_common_work_is_done_once_by_whoever_comes_first_and_all_get_its_result(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys, time\n"
        "from once import once\n"
        "def make(folder):\n"
        "    assert list(folder.iterdir()) == []\n"
        "    with open(sys.argv[1], 'a') as calls: calls.write('called ')\n"
        "    time.sleep(0.3)\n"
        "    (folder / 'made').write_text('whole')\n"
        "    return folder / 'made', os.getpid()\n"
        "path, process = once('work', make)\n"
        "print(path.read_text(), process)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(once.__file__).parent), once.RUN_FOLDER: str(tmp_path)}
    command = [sys.executable, "-c", program, str(tmp_path / "calls")]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {process.communicate()[0] for process in processes}
    assert (tmp_path / "calls").read_text() == "called "
    assert len(said) == 1
    assert said.pop().startswith("whole ")


def test_work_that_failed_leaves_nothing_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "run_folder", lambda: tmp_path)

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        once.once("work", fail)
    assert once.once("work", lambda folder: list(folder.iterdir())) == []
    assert once.once("work", fail) == []
