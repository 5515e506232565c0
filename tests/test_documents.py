"""Files, functions, links, rooms and floors that the documents name exist."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_bridge.boards import FIRMWARE

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "tests/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
PACKAGES = ("train", "quantize", "edge", "firmware_bridge")
KINDS = "py|c|h|S|ld|toml|md|rules"

SPAN = re.compile(r"`([^`]+)`")
FILE = re.compile(rf"^([\w./*-]+\.(?:{KINDS}))(?:: ([\w., ]+))?$")
FOLDER = re.compile(r"^[\w.-]+(?:/[\w.-]+)*/$")
SCRIPT = re.compile(r"^tests/[\w/]+\.py$")
LINK = re.compile(r"\]\(([^)#:]+)\)")
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]+\b")
"""A name to be filled in, as in `boards/NAME/board.toml`."""

MADE = ("runs/", "build/")
"""Folders that commands make, which are not in the tree."""


def prose(document: Path) -> str:
    """Return the document without code blocks, each row of a table and each paragraph in one line."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\n(?![\n|]) *", " ", text)


def named(document: Path) -> Iterator[tuple[str, list[str], list[Path]]]:
    """Yield every file or folder in backticks: its text, the names behind its colon, where it may lie."""
    for line in prose(document).splitlines():
        spans = SPAN.findall(line)
        first = spans[0] if line.startswith("|") and spans and FOLDER.match(spans[0]) else None
        places = [ROOT, FIRMWARE, document.parent, *([ROOT / first] if first else [])]
        for span in spans:
            file = FILE.match(span)
            if file and not span.startswith("/"):  # such a file is of the machine, not of the tree
                yield file[1], [name.strip() for name in (file[2] or "").split(",") if name.strip()], places
            elif FOLDER.match(span) and not span.startswith(MADE):
                yield span, [], places
            else:
                yield from ((word, [], [ROOT]) for word in span.split() if SCRIPT.match(word))


def matches(path: str, places: list[Path]) -> list[Path]:
    pattern = PLACEHOLDER.sub("*", path).rstrip("/")
    return [found for place in places for found in place.glob(pattern)]


@functools.cache
def names_in_python(path: Path) -> frozenset[str]:
    """Return a module's functions, classes and constants, and `Class.member` of each class."""

    def targets(node: ast.stmt) -> list[str]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            return [node.name]
        given = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        return [target.id for target in given if isinstance(target, ast.Name)]

    body = ast.parse(path.read_text()).body
    members = [(node.name, inner) for node in body if isinstance(node, ast.ClassDef) for inner in node.body]
    top = {name for node in body for name in targets(node)}
    return frozenset(top | {f"{owner}.{name}" for owner, inner in members for name in targets(inner)})


def defines(path: Path, name: str) -> bool:
    """Return whether the file defines a name; in C, an unindented line with it that is no #include."""
    if path.suffix == ".py":
        return name in names_in_python(path)
    return bool(re.search(rf"^(?:\w[^;\n]*?\b|#define ){re.escape(name)}\b[^;\n]*$", path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_and_function_that_a_document_names_exists(document: Path) -> None:
    wrong = []
    for path, names, places in named(document):
        found = matches(path, places)
        wrong += [path] if not found else []
        wrong += [f"{path}: {name}" for name in names if found and not any(defines(file, name) for file in found)]
    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_to_a_file(document: Path) -> None:
    assert [link for link in LINK.findall(prose(document)) if not (document.parent / link).exists()] == []


def test_a_function_that_is_not_there_is_found_missing() -> None:
    assert sum(len(names) for _, names, _ in named(ARCHITECTURE)) > 100
    session, rule = FIRMWARE / "core" / "line" / "session.c", ROOT / "edge" / "decision" / "rule.py"
    assert defines(session, "take_hello")
    assert not defines(session, "ink_decode_hello"), "it is called there, and defined in wire.c"
    assert defines(rule, "Verdict.ACCEPT")
    assert not defines(rule, "word_scores"), "it is imported there"
    assert matches("core/line/session.c", [ROOT]) == []


def test_every_room_has_its_line_in_the_tree() -> None:
    rooms = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    lines = re.findall(r"^\| `([\w/]+/)` \|", ARCHITECTURE.read_text(), re.MULTILINE)
    unnamed = {f"{room.relative_to(ROOT)}/" for room in rooms} - {*lines, "edge/"}  # nothing but errors at edge's root
    assert sorted(unnamed) == []


def test_the_floors_are_those_that_import_linter_holds() -> None:
    written = re.findall(r"^(\w+) {2,}(\w.* > .*)$", ARCHITECTURE.read_text(), re.MULTILINE)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = [
        (*contract.get("containers", ["packages"]), " > ".join(contract["layers"]))
        for contract in contracts
        if contract["type"] == "layers"
    ]
    assert written == held
