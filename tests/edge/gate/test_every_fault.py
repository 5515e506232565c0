"""Each call of a gate that can fail fails once; all faults at all of them: tests/benchmarks/every_fault.py."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from call_sites import all_files, kind_of, sites_of
from fault_kinds import FAULTS
from fault_table import TABLE, Runner, cell_of, listed, one_each, orders, wrong_with

from edge.bundle.places import MANIFEST, SHIPPED

pytestmark = [
    pytest.mark.skipif(not (SHIPPED / MANIFEST).is_file(), reason="this inkgate comes without a ready bundle"),
    pytest.mark.slow("enrols two users and runs a gate twice"),
]


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with Runner(tmp_path_factory.mktemp("gate")) as process:
        yield process


@pytest.fixture(scope="module")
def recorded(runner: Runner) -> dict[str, Any]:
    """Return a run without a fault."""
    return runner.run()


def test_without_a_fault_the_owner_enters_twice_and_the_stranger_does_not(recorded: dict[str, Any]) -> None:
    assert recorded["ends"] == [0, 0]
    assert wrong_with({}, recorded) == []
    finals = [(word, verdict) for word, _, verdict, final in recorded["rows"] if final]
    assert finals == [(1, "ACCEPT"), (2, "REJECT"), (3, "ACCEPT")]
    assert recorded["door"] == ["1 ACCEPT", "3 ACCEPT"]


def test_every_call_that_a_gate_reaches_and_that_can_fail_is_in_the_table(
    runner: Runner, recorded: dict[str, Any]
) -> None:
    there = listed(TABLE.read_text())
    again = runner.run()["sites"]  # what is reached by chance, on a busy machine, is not reached each time
    unlisted = sorted(site for site in recorded["sites"] if cell_of(site) not in there and site in again)
    assert unlisted == [], "run `make faults`"


def test_every_call_in_the_table_stands_in_its_file() -> None:
    standing = {cell_of("|".join(site)) for path in all_files() for site in sites_of(path)}
    there = listed(TABLE.read_text())
    assert len(there) > 400
    assert sorted(there - standing) == [], "run `make faults`"


@pytest.mark.slow("two hundred gates, each with a fault of its own")
def test_one_fault_at_every_call_lets_no_stranger_in_and_shows_nothing_that_is_not_recorded(
    runner: Runner, recorded: dict[str, Any], record_property: Any
) -> None:
    wrong, hit, tried = [], 0, 0
    for order in one_each(recorded["sites"]):
        result = runner.run(order)
        tried, hit = tried + 1, hit + bool(result["hits"])
        if found := wrong_with(order, result):
            wrong.append((order, found))
    record_property("measured", f"faults: {hit} of {tried} call sites failed, 0 strangers accepted")
    assert wrong == []
    assert hit > 0.95 * tried


ACCEPTED = {
    "ends": [0, 0], "rows": [[1, 6, "ACCEPT", True], [2, 6, "REJECT", True], [3, 6, "ACCEPT", True]], "shown": [],
    "acknowledged": [1, 2, 3], "door": ["1 ACCEPT"], "fault": None, "hits": 1,
}  # fmt: skip
HARM = {
    "a traceback": {"ends": ["ValueError: no", 0]},
    "a hang": {"ends": ["hangs"]},
    "an exit code without a sentence": {"ends": [1, 70]},
    "a stranger accepted": {"shown": [[2, 6, "ACCEPT", True]]},
    "a door opened for him": {"door": ["2 ACCEPT"]},
    "shown, not recorded": {"shown": [[3, 6, "REJECT", True]]},
    "a command for what is not recorded": {"door": ["3 REJECT"]},
    "a command that ran twice": {"door": ["1 ACCEPT", "1 ACCEPT"]},
    "a journal that does not verify": {"fault": "row 1 is missing"},
    "a word lost": {"rows": [[1, 6, "ACCEPT", True], [2, 6, "REJECT", True]]},
}


@pytest.mark.parametrize("harm", HARM)
def test_every_harm_is_found(harm: str) -> None:
    assert wrong_with({}, ACCEPTED) == []
    assert wrong_with({}, {**ACCEPTED, **HARM[harm]}) != []


def test_every_fault_of_a_kind_is_tried_at_every_call_of_it(recorded: dict[str, Any]) -> None:
    tried = {(order["kind"], order["fault"]) for order in orders(recorded["sites"])}
    assert {(kind, fault.name) for kind, faults in FAULTS.items() for fault in faults} - tried == set()


def test_calls_of_the_system_are_told_from_those_of_the_language() -> None:
    assert kind_of(Path("/").exists) == kind_of(open) == "system"
    assert kind_of(Path("/").with_name) is None
    assert kind_of(len) is kind_of("".join) is kind_of(wrong_with) is None
