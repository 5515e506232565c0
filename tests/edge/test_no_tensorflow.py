"""The edge runs where nothing of the training side is installed."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.bundle.bundle import Bundle
from firmware_bridge.installing import install_package

FORBIDDEN = ["tensorflow", "tf_keras", "keras", "matplotlib", "scipy", "sklearn", "train", "quantize"]
MODULES = sorted(found.name for found in pkgutil.walk_packages(importlib.import_module("edge").__path__, "edge."))

BLOCK = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed", name=name)
sys.meta_path.insert(0, Blocker())
"""

USE = """
import importlib
for name in {modules!r}:
    importlib.import_module(name)
import numpy as np
from edge.bundle.bundle import Bundle
from edge.decision.rule import decide
from edge.ink.fragment import to_int8
from edge.journal.journal import Journal
from edge.gate.judging import Rule
from edge.gate.loop import Gate
bundle = Bundle.open({bundle!r})
"""

DECIDE = """
engine = bundle.engine()
word = np.zeros((4, 33, 33), np.uint8)
logits = engine.run_words(to_int8(word)[np.newaxis]).logits[0]
print(decide(logits, bundle.manifest.thresholds, bundle.manifest.users, final=True).verdict.name)
"""

NO_RUNTIME = """
from edge.errors import RuntimeMissingError
try:
    bundle.engine()
except RuntimeMissingError as error:
    print("missing:", error)
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_edge_decides_without_any_package_of_the_training_side(bundle: Bundle) -> None:
    use = USE.format(modules=MODULES, bundle=str(bundle.path))
    done = python(BLOCK.format(blocked=FORBIDDEN) + use + DECIDE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("ACCEPT", "REJECT")


def test_without_an_interpreter_everything_else_still_works_and_the_error_is_named(bundle: Bundle) -> None:
    use = USE.format(modules=MODULES, bundle=str(bundle.path))
    done = python(BLOCK.format(blocked=[*FORBIDDEN, "ai_edge_litert", "tflite_runtime"]) + use + NO_RUNTIME)
    assert done.returncode == 0, done.stderr
    assert "missing: no TFLite interpreter" in done.stdout
    assert install_package("ai-edge-litert") in done.stdout


def test_importing_the_command_lines_loads_neither_tensorflow_nor_an_interpreter() -> None:
    done = python("import edge.cli.run, sys; print(*sys.modules)")
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "edge" in loaded, done.stderr
    assert not loaded & {*FORBIDDEN, "ai_edge_litert", "tflite_runtime"}


@pytest.mark.parametrize("module", MODULES)
def test_no_module_of_the_edge_names_the_training_side_in_an_import(module: str) -> None:
    tree = ast.parse(Path(importlib.import_module(module).__file__ or "").read_text())
    names = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    names += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert not {name.partition(".")[0] for name in names} & set(FORBIDDEN)
