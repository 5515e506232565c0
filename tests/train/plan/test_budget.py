"""A budget gives every structure that satisfies it, or a refusal that names a budget that works."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.errors import BudgetError
from train.plan.architecture import adapt
from train.plan.budget import Budget, candidates, resources, solve

limit = st.none() | st.integers(1, 400_000)
budgets = st.builds(Budget, flash=limit, ram=st.none() | st.integers(1, 6000), macs=limit)


def test_the_seven_stages_are_built_whenever_they_fit() -> None:
    assert solve(10, Budget())[0] == adapt(10)
    assert solve(10, Budget(flash=84_567, ram=2_616, macs=242_823))[0] == adapt(10)
    assert solve(10, Budget(flash=96 * 1024, ram=128 * 1024, macs=250_000))[0] == adapt(10)


@pytest.mark.parametrize("tight", [Budget(flash=84_566), Budget(ram=2_615), Budget(macs=242_822)])
def test_one_unit_less_makes_another_structure(tight: Budget) -> None:
    assert solve(10, tight)[0] != adapt(10)


@given(st.integers(1, 100), budgets)
def test_what_is_listed_is_exactly_what_satisfies_the_budget(users: int, budget: Budget) -> None:
    satisfying = {
        plan for plan in candidates(users) if all(resources(plan)[name] <= most for name, most in budget.limits.items())
    }
    try:
        assert set(solve(users, budget)) == satisfying
    except BudgetError:
        assert not satisfying


@given(st.integers(1, 100), budgets)
def test_an_impossible_budget_is_refused_with_one_that_works(users: int, budget: Budget) -> None:
    if any(budget.allows(plan) for plan in candidates(users)):
        return
    with pytest.raises(BudgetError) as refusal:
        solve(users, budget)
    offered = {name: int(n) for name, n in re.findall(r"--max-(\w+) (\d+)", str(refusal.value))}
    assert offered.keys() == budget.limits.keys()
    assert solve(users, Budget(**offered))
    assert refusal.value.exit_code == 2


@given(st.integers(1, 100))
def test_every_candidate_is_a_network_of_its_own_for_the_same_fragments(users: int) -> None:
    every = candidates(users)
    assert len(set(every)) == len(every) == 42
    assert all(plan.side == 33 and plan.outputs == users + 1 for plan in every)
    # Principle 4: kernel 5 and stride 2 leave no row over at any side that occurs.
    assert all((side - plan.kernel) % plan.stride == 0 for plan in every for side in (plan.side, *plan.sides[:-1]))
    assert all(plan.hidden >= 2 * plan.maps[-1] + plan.outputs for plan in every)


def test_the_choice_keeps_more_principles_before_more_parameters() -> None:
    best = solve(10, Budget(flash=50_000))[0]
    assert (len(best.maps), best.maps[0]) == (2, 6)
    assert any(plan.parameters > best.parameters for plan in solve(10, Budget(flash=50_000)))


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(BudgetError, match="at least 1"):
        solve(10, Budget(flash=0))


def test_the_network_that_is_built_has_the_parameters_of_its_plan() -> None:
    pytest.importorskip("tf_keras", reason="needs TensorFlow, which is in the extra `train`")
    from train.network.keras_model import build

    for plan in (adapt(10), *solve(3, Budget(macs=100_000))[:2], solve(3, Budget(flash=40_000))[-1]):
        assert build(plan).count_params() == plan.parameters
