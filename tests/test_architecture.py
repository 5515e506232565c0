"""The files have the structure that docs/architecture.md describes."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_bridge.errors import ExitCode, InkgateError

ROOT = Path(__file__).parents[1]
PACKAGES = ("train", "quantize", "edge", "firmware_bridge")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
FOLDERS = sorted({path.parent for path in SOURCES})


def name_of(node: ast.AST) -> str:
    """Return the last part of a name, e.g. `exit` of `sys.exit`; "" if the node is none."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def bare_exits(source: str) -> list[int]:
    """Return the lines that end a process, or give an error its exit code, by a constant and not by its name."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        given: list[ast.expr | None] = []
        if isinstance(node, ast.Call) and name_of(node.func) in ("exit", "_exit", "quit", "SystemExit"):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            given = [node.value] if "exit_code" in map(name_of, targets) else []
        lines += [node.lineno] if any(isinstance(value, ast.Constant) for value in given) else []
    return lines


def test_the_layers_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_in_its_first_sentence_what_becomes_of_what(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, "no module docstring"


@pytest.mark.parametrize("path", [*SOURCES, ROOT / "inkgate.py"], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_command_ends_with_a_bare_number(path: Path) -> None:
    assert bare_exits(path.read_text()) == [], "name it with firmware_bridge.errors.ExitCode"


@pytest.mark.parametrize(
    "line",
    [
        "sys.exit(1)",
        "os._exit(4)",
        "context.exit(code=3)",
        "raise SystemExit(2)",
        "exit(1)",
        "quit(0)",
        "exit_code = 3",
        "exit_code: int = 3",
        "self.exit_code = 3",
    ],
)
def test_every_way_to_end_with_a_bare_number_is_found(line: str) -> None:
    assert bare_exits(line) == [1]
    assert bare_exits(re.sub(r"\d", "ExitCode.USAGE", line)) == []


def test_every_error_of_inkgate_has_one_root_and_an_exit_code() -> None:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in SOURCES if path.name == "errors.py"]
    found = [each for name in names for each in vars(importlib.import_module(name)).values() if isinstance(each, type)]
    errors = {each for each in found if issubclass(each, Exception)}
    assert len(errors) > 60
    assert [each.__name__ for each in errors if not issubclass(each, InkgateError)] == []
    assert {each.exit_code for each in errors if issubclass(each, InkgateError)} <= set(ExitCode)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_room_has_more_files_than_one_takes_in_at_a_glance(folder: Path) -> None:
    files = [path.name for path in folder.glob("*.py")]
    assert len(files) <= 14, sorted(files)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_first_line_of_a_docstring_is_under_100_characters(path: Path) -> None:
    told = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, DOCUMENTED)]
    first_lines = [(ast.get_docstring(node) or "").partition("\n")[0] for node in told]
    assert [line for line in first_lines if len(line) >= 100] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_outgrows_a_head(path: Path) -> None:
    if path.name == "messages.py":
        return  # generated
    assert len(path.read_text().splitlines()) <= 400


def test_what_runs_at_the_edge_loads_where_tensorflow_is_not_installed() -> None:
    code = (
        "import sys, importlib.abc\n"
        "class Block(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('tensorflow', 'tf_keras', 'keras', 'matplotlib'):\n"
        "            raise ImportError(f'{name} is not installed here')\n"
        "sys.meta_path.insert(0, Block())\n"
        "sys.argv = ['inkgate', 'run', '--port', 'x', '--bundle', 'nowhere']\n"
        "import edge.cli.run, edge.gate.loop, edge.bundle.engine, firmware_bridge.link.link\n"
        "import inkgate\n"
        "inkgate.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "inkgate quantize" in done.stderr


def taken_for_markup(source: str) -> list[int]:
    """Return the lines that show a text to people in a way that takes brackets in it for markup."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        plain = isinstance(given.get("markup"), ast.Constant) and getattr(given["markup"], "value", None) is False
        text = ast.unparse(node.args[0]) if node.args else ""
        wrong = (
            (name_of(node.func) == "Console" and not plain)
            or (name_of(node.func) == "status" and text and not text.startswith(("Text(", "Timed(")))
            or (name_of(node.func) == "TextColumn" and re.search("description|fields", text) and not plain)
        )
        lines += [node.lineno] if wrong else []
    return lines


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_shown_where_brackets_in_a_name_are_markup(path: Path) -> None:
    assert taken_for_markup(path.read_text()) == [], "take firmware_bridge.cli.options.plain_console, and Text"


@pytest.mark.parametrize(
    "line", ["Console(stderr=True)", "console.status(f'reading {name}')", "TextColumn('{task.description}')"]
)
def test_every_way_to_show_a_name_as_markup_is_found(line: str) -> None:
    assert taken_for_markup(line) == [1]
