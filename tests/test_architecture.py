"""The structure that DESIGN gives the project, held against the files."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("train", "quantize", "edge", "firmware_bridge")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).glob("*.py"))


def test_the_layers_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_module_says_in_its_first_sentence_what_becomes_of_what(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))
    assert docstring, "no module docstring"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_nothing_below_the_command_lines_prints(path: Path) -> None:
    if path.name.startswith(("cli", "demo", "display", "simulate", "bench", "generate")):
        return
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_file_outgrows_a_head(path: Path) -> None:
    if path.name == "wire.py":
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
        "import edge.cli, edge.runtime, edge.engine, firmware_bridge.link\n"
        "import inkgate\n"
        "inkgate.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "inkgate quantize" in done.stderr
