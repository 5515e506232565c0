"""The seven stages give the published plan for ten users; resources add up; plans can be stored."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.errors import PlanError
from train.plan.architecture import ArchitecturePlan, adapt, structure
from train.plan.stages import PRINCIPLES, explain

users = st.integers(1, 500)


def test_ten_users_give_the_numbers_of_the_design() -> None:
    plan = adapt(10)
    assert (plan.inputs, plan.maps, plan.kernel, plan.stride, plan.padding) == (1089, (6, 24), 5, 2, 0)
    assert (plan.sides, plan.hidden, plan.lstm, plan.outputs) == ((15, 6), 59, 59, 11)
    assert (plan.parameters, plan.macs) == (83_559, 242_823)


@given(users)
def test_hidden_layers_follow_equations_3_and_5(count: int) -> None:
    plan = adapt(count)
    assert plan.hidden == plan.lstm == 49 + count == 2 * plan.maps[-1] + plan.outputs
    assert plan.outputs == count + 1


@given(users)
def test_resources_equal_a_count_written_out_by_hand(count: int) -> None:
    f = 49 + count
    weights = 25 * 6 + 25 * 6 * 24 + 864 * f + 8 * f * f + f * (count + 1)
    biases = 6 + 24 + f + 4 * f + count + 1
    plan = adapt(count)
    assert plan.parameters == weights + biases
    assert plan.weight_bytes == weights + 4 * biases
    assert plan.macs == 225 * 25 * 6 + 36 * 150 * 24 + 864 * f + 8 * f * f + f * (count + 1)
    # Input and first maps are the widest pair; the LSTM keeps f bytes of output and 2 f bytes of cell state.
    assert plan.activation_bytes == 1089 + 15 * 15 * 6 + 3 * f


@given(users, st.sampled_from([(6, 24), (4, 8), (10,), (6, 12, 24)]), st.integers(1, 3))
def test_a_plan_survives_json(count: int, maps: tuple[int, ...], widen: int) -> None:
    plan = structure(count, maps, widen)
    assert ArchitecturePlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@pytest.mark.parametrize(
    "change",
    [
        {"parameters": 83_560},
        {"sides": [15, 7]},
        {"outputs": 12},
        {"maps": [6, 25]},
        {"maps": 6},
        {"maps": []},
        {"hidden": 0},
        {"hidden": "59"},
        {"stride": 0},
        {"padding": -1},
        {"padding": 1},
        {"users": True},
        {"side": 5},
        {"extra": 1},
    ],
    ids=str,
)
def test_a_plan_whose_numbers_do_not_follow_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        ArchitecturePlan.from_dict({**adapt(10).to_dict(), **change})


def test_a_plan_that_lacks_a_number_is_refused() -> None:
    values = adapt(10).to_dict()
    del values["lstm"]
    with pytest.raises(PlanError, match="lstm"):
        ArchitecturePlan.from_dict(values)


@pytest.mark.parametrize("count", [0, -3])
def test_nobody_to_enrol_is_refused(count: int) -> None:
    with pytest.raises(PlanError, match="users"):
        adapt(count)


def test_a_side_that_vanishes_is_refused() -> None:
    with pytest.raises(PlanError, match="leave nothing"):
        replace(adapt(10), maps=(6, 24, 24, 24))


@given(users)
def test_seven_stages_explain_every_number(count: int) -> None:
    plan = adapt(count)
    stages = explain(plan)
    assert [stage.stage for stage in stages] == [1, 2, 3, 4, 5, 6, 7]
    told = {number.value for stage in stages for number in stage.numbers}
    assert {plan.outputs, plan.inputs, *plan.maps, plan.kernel, plan.stride, plan.padding, *plan.sides} <= told
    assert plan.hidden in told
    assert {stage.principle for stage in stages if stage.principle} == set(PRINCIPLES)
    assert {n.equation for stage in stages for n in stage.numbers if n.equation} == {1, 2, 3, 5}
