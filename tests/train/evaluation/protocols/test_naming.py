from dataclasses import replace

import numpy as np
import pytest
from invented_hands import make_task, make_written

from edge.decision.identify import Policy
from train.evaluation.protocols.asking import Gate
from train.evaluation.protocols.figures import Answer, cycle, exact, told
from train.evaluation.protocols.naming import by_user, claim, identify
from train.evaluation.protocols.task import Task, enrol
from train.evaluation.protocols.words import Heard, hear_draws, independent_trials
from train.evaluation.protocols.written import draw_word

FAR = 0.3  # high, so that few words show false accepts too


@pytest.fixture(scope="module")
def task() -> Task:
    task = make_task(make_written(20, 8))
    return replace(task, common=replace(task.common, policy=Policy(far=FAR)))


@pytest.fixture(scope="module")
def heard(task: Task) -> dict[int, list[Heard]]:
    return hear_draws(task, "words")


def test_a_claim_is_judged_as_a_gate_judges_that_lets_in_this_user_alone(
    task: Task, heard: dict[int, list[Heard]]
) -> None:
    """Hear the same words at gates with --claim, one for each user: they must accept what `claim_accepted` does."""
    draw, found = task.draws[0], heard[4][0]
    written = task.written
    users, _ = enrol(written, draw.users)
    words = [draw_word(written.of_writer(w), written.symbols, 4, np.random.default_rng(w)) for w in range(20)]
    together = Gate(task.common.evidence, users, (), task.common.policy)
    ratios = np.stack([together.hear(written.seen(word)).ratios for word in words])
    agreed = []
    for k, user in enumerate(users):
        alone = Gate(task.common.evidence, users, (), replace(task.common.policy, claim=user.name))
        accepted = [alone.hear(written.seen(word)).user == k for word in words]
        assert accepted == (ratios[:, k] >= found.claim).tolist()
        agreed += accepted
    assert 0 < sum(agreed) < len(agreed)


def test_users_who_are_unlike_get_in_and_strangers_do_not(task: Task, heard: dict[int, list[Heard]]) -> None:
    for answer in (claim(task, heard), identify(task, heard)):
        assert [row["symbols"] for row in answer.rows] == [4, 8]
        for row in answer.rows:
            assert row["EER"]["value"] < 10
            assert row["gate FRR"]["value"] < 20


def test_no_far_is_stated_below_three_in_n(task: Task, heard: dict[int, list[Heard]]) -> None:
    for answer in (claim(task, heard), identify(task, heard)):
        for row in answer.rows:
            assert row["gate FAR"]["value"] >= round(300 / row["independent trials"], 3)
            assert row["gate FAR"]["high"] >= row["gate FAR"]["value"]


def test_a_word_under_ten_names_is_one_independent_trial(task: Task, heard: dict[int, list[Heard]]) -> None:
    for length, draws in heard.items():
        words = independent_trials(draws)
        strangers = set(np.concatenate([draw.theirs.writers for draw in draws]).tolist())
        assert words <= sum(len(task.written.of_writer(who)) // length or 1 for who in strangers)
        assert words <= sum(len(draw.theirs.writers) for draw in draws)
        assert independent_trials([*draws, *draws]) <= 2 * words
        for answer in (claim(task, {length: draws}), identify(task, {length: draws})):
            assert answer.rows[0]["independent trials"] == words


def test_identifying_counts_who_was_accepted_and_not_only_that_somebody_was(
    task: Task, heard: dict[int, list[Heard]]
) -> None:
    draw = heard[8][0]
    others = replace(draw, labels=(draw.labels + 1) % len(draw.users))
    row = identify(task, {8: [others]}).rows[0]
    assert row["gate FRR"]["value"] == 100.0
    assert row["taken for another"]["value"] > 80
    assert row["rank-1"]["value"] == 0.0


def test_the_worst_user_is_named(task: Task, heard: dict[int, list[Heard]]) -> None:
    draw = heard[8][0]
    ratios = draw.mine.ratios.copy()
    ratios[draw.labels == 2] = -100.0
    answer: Answer = by_user(task, {8: [replace(draw, mine=draw.mine._replace(ratios=ratios))]})
    row = answer.rows[0]
    assert (row["FRR: worst"], row["FRR: worst user"]) == (100.0, str(draw.users[2]))
    assert row["FRR: median"] < 50
    assert "taken for another's" in answer.notes[-1]


def test_processes_do_not_change_what_is_heard(task: Task, heard: dict[int, list[Heard]]) -> None:
    again = hear_draws(replace(task, processes=2, lengths=(4, 8)), "words")
    for length, draws in heard.items():
        np.testing.assert_array_equal(again[length][0].mine.ratios, draws[0].mine.ratios)
        np.testing.assert_array_equal(again[length][0].theirs.accepted, draws[0].theirs.accepted)


def test_a_user_is_tested_on_fragments_that_did_not_enrol_him(task: Task) -> None:
    written = task.written
    users, rest = enrol(written, task.draws[0].users)
    for user, places in zip(users, rest.values(), strict=True):
        enrolled = {row.tobytes() for row in user.features}
        assert len(user) + len(places) == 80
        assert written.order[places].min() == len(user)
        assert not enrolled & {row.tobytes() for row in written.features[places]} or len(enrolled) < len(user)


def test_a_share_of_exact_trials_has_an_exact_bound() -> None:
    assert exact(0, 10_000)["high"] == pytest.approx(0.03, abs=1e-4)
    assert exact(0, 10_000)["value"] == 0.0
    assert exact(10, 10)["high"] == 100.0


def test_a_cycle_of_attempts_is_likelier_than_one() -> None:
    assert cycle(10.0) == pytest.approx(100 * (1 - 0.9**5))
    assert cycle(1e-10) == pytest.approx(5e-10, rel=1e-6)
    assert cycle(0.0) == 0.0


def test_figures_are_told_with_digits_that_tell_something() -> None:
    assert told({"value": 2.71, "low": 1.9, "high": 12.0}) == "2.7 (1.9-12.0)"
    assert told(3.2e-7) == "3.2e-07"
    assert told(None) == "-"
    assert told(12345) == "12,345"


def test_rows_whose_figures_have_other_names_are_all_told() -> None:
    answer = Answer("claim", "?", ({"symbols": 4, "FRR at FAR 1 %": 2.0}, {"symbols": 8, "FRR at FAR 3 %": 1.0}))
    assert [list(row) for row in answer.rows] == [["symbols", "FRR at FAR 1 %", "FRR at FAR 3 %"]] * 2
    assert [told(row["FRR at FAR 1 %"]) for row in answer.rows] == [told(2.0), "-"]
