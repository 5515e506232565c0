"""The table of held-out devices counts what the gate said; a FAR that may be over twice what was set is not kept."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from invented_hands import make_task, make_written

from edge.decision.identify import NEAR, Policy
from train.evaluation.protocols.asking import Gate
from train.evaluation.protocols.task import Task, enrol
from train.evaluation.protocols.words import hear_draws, independent_trials

PATH = Path(__file__).with_name("left_out_devices.py")
FAR = 0.3  # high, so that few words show false accepts too


@pytest.fixture(scope="module")
def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location(PATH.stem, PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PATH.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def task() -> Task:
    made = make_task(make_written(14, 8), users=NEAR + 1)
    written = replace(made.written, kind="unknown")
    return replace(made, common=replace(made.common, written=written, policy=Policy(far=FAR)))


@pytest.fixture(scope="module")
def rows(table: ModuleType, task: Task) -> list:
    return table.rows_of("scan", "invented", task, task)


def test_every_gate_has_a_row_for_every_number_of_symbols(table: ModuleType, task: Task, rows: list) -> None:
    gates = (table.ALONE, table.CLAIMED, table.ANYONE)
    assert [(row.gate, row.symbols) for row in rows] == [(gate, length) for gate in gates for length in task.lengths]
    assert {row.judged_as for row in rows} == {"scan"}


def test_a_user_alone_is_judged_by_the_strict_threshold_of_an_unknown_device(table: ModuleType, task: Task) -> None:
    users, _ = enrol(task.written, task.draws[0].users)
    word = task.written.of_writer(task.draws[0].users[0])[:4]
    strict = Gate(task.common.evidence, users[:1], (), task.common.policy)
    assert "FAR unknown on this device" in strict.hear(task.written.seen(word)).reason
    opinion = strict.opinions(task.written.features[word], task.written.readings[word])[0]
    assert not opinion.far_known
    known = hear_draws(replace(task, lengths=(4,)), "words")[4][0]
    for gate in table.hear_alone(task)[4][0]:
        assert gate.claim > known.claim
        assert gate.claim == opinion.threshold


def test_false_accepts_and_false_rejects_are_counted_word_by_word(table: ModuleType, task: Task) -> None:
    draws = [[replace(gate, claim=float(np.median(gate.theirs.ratios))) for gate in table.hear_alone(task)[4][0]]]
    accepted = [float((gate.theirs.ratios >= gate.claim).mean()) for gate in draws[0]]
    refused = [float((gate.own < gate.claim).mean()) for gate in draws[0]]
    figures = table.claimed(draws, 5)
    assert figures["gate FAR"]["value"] == pytest.approx(100 * np.mean(accepted), abs=1e-3)
    assert figures["gate FRR"]["value"] == pytest.approx(100 * np.mean(refused), abs=1e-3)
    assert figures["independent trials"] == independent_trials(draws[0][:1])


@pytest.mark.parametrize(("high", "kept"), [(1.9, True), (2.0, True), (2.1, False)])
def test_a_far_is_kept_if_its_upper_bound_is_at_most_twice_what_was_set(
    table: ModuleType, rows: list, high: float, kept: bool
) -> None:
    figures = dict(rows[0].figures, **{"gate FAR": {"value": 0.5, "low": 0.1, "high": high}})
    row = replace(rows[0], far_set=0.01, figures=figures)
    assert row.kept is kept
    assert row.to_dict()["kept"] is kept
    assert ("| yes |" in table.markdown([row])) is kept


def test_markdown_has_a_line_for_every_row_and_as_many_cells_in_each(table: ModuleType, rows: list) -> None:
    lines = table.markdown(rows).splitlines()
    assert len(lines) == 2 + len(rows)
    assert len({line.count("|") for line in lines}) == 1


def test_the_sets_of_a_held_out_source_are_not_fitted_to(table: ModuleType) -> None:
    sets = dict.fromkeys(("scan-background", "scan-development", "pen-background", "pen-development"))
    assert list(table.without("scan", sets)) == ["pen-background", "pen-development"]
    assert table.without("pendigits", sets) == sets
