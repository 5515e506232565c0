"""`make mutants` makes the mutants that it says, and lists none that is made no more."""

from pathlib import Path

import pytest
import source_mutants
from source_mutants import ROOT, mutants, names

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

TABLE = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())

SMALL = """
LIMIT = 3


def first(values, limit=2):
    found = []
    for value in values:
        if value < 0 or not value:
            continue
        found.append(value * 2)
        if len(found) == limit:
            break
    return found
"""
CHANGES = {
    "2 -> 3", "2 -> 1", "2 -> 3 #2", "2 -> 1 #2", "value < 0 or not value -> value < 0 and (not value)",
    "value < 0 -> value <= 0", "0 -> 1", "0 -> -1", "not value -> value", "value * 2 -> value + 2",
    "continue -> break", "break -> continue", "len(found) == limit -> len(found) != limit",
    "found.append(value * 2) -> pass", "return found -> return None",
    "if value < 0 or not value: -> if True:", "if value < 0 or not value: -> if False:",
    "if len(found) == limit: -> if True:", "if len(found) == limit: -> if False:",
}  # fmt: skip


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(source_mutants, "ROOT", tmp_path)
    (tmp_path / "small.py").write_text(SMALL)
    return tmp_path / "small.py"


def test_every_small_change_is_made_once_and_is_a_program(small: Path) -> None:
    made = mutants(small)
    assert [mutant.name for mutant, _ in made] == names(small)
    assert sorted(mutant.change for mutant, _ in made) == sorted(CHANGES)
    sources = [source for _, source in made]
    assert len(set(sources)) == len(sources)
    for source in sources:
        compile(source, "small.py", "exec")
    assert {mutant.function for mutant, _ in made} == {"first"}


def test_each_of_them_is_noticed_by_whoever_asks_the_right_thing(small: Path) -> None:
    def answers(source: str) -> object:
        space: dict[str, object] = {}
        exec(source, space)
        first = space["first"]
        asked = ([1, 2, 3], [-1, 0, 4, 5], [0, 7], [], [-2, 0.5, 2, 3])
        try:
            return [first(values) for values in asked], first([1, 2, 3, 4], 3)  # type: ignore[operator]
        except Exception as error:
            return type(error)

    right = answers(small.read_text())
    unnoticed = [mutant.change for mutant, source in mutants(small) if answers(source) == right]
    assert unnoticed == ["value < 0 -> value <= 0"], "equivalent: nought is passed over by the other half"


@pytest.mark.parametrize("room", TABLE["rooms"])
def test_every_room_has_files_and_tests(room: str) -> None:
    for kind in ("files", "tests"):
        assert all(list(ROOT.glob(pattern)) for pattern in TABLE["rooms"][room][kind])


def test_every_mutant_that_is_listed_as_equivalent_is_one_that_is_made_and_has_a_reason() -> None:
    listed = TABLE.get("equivalent", [])
    there = {name for file in {entry["file"] for entry in listed} for name in names(ROOT / file)}
    assert [e for e in listed if f"{e['file']}: {e['function']}: {e['change']}" not in there] == []
    assert [e for e in listed if len(e["reason"].split()) < 3] == []
