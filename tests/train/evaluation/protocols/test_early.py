"""Words that may be accepted before they end: counted as the gate decides, and beside the same words at their end."""

from dataclasses import replace

import numpy as np
import pytest
from invented_hands import make_task, make_written

from edge.decision.identify import Policy
from train.evaluation.protocols.asking import Gate
from train.evaluation.protocols.early import Bars, Found, bars_of, decide, early, follow, looks_at, row_of
from train.evaluation.protocols.figures import Answer
from train.evaluation.protocols.task import Task, enrol
from train.evaluation.protocols.words import make_job
from train.evaluation.protocols.written import draw_word

FAR, LENGTHS = 0.2, (5, 8)


@pytest.fixture(scope="module")
def task() -> Task:
    task = make_task(make_written(12, 8), early_lengths=LENGTHS, per_user=3, per_stranger=2)
    return replace(task, common=replace(task.common, policy=Policy(far=FAR)))


@pytest.fixture(scope="module")
def answer(task: Task) -> Answer:
    return early(task)


@pytest.fixture(scope="module")
def found(task: Task) -> Found:
    """Return words of users, who also come as strangers, so that strangers get in."""
    job = make_job(task, task.draws[0], 0, max(LENGTHS))
    return follow(task.common, replace(job, theirs=job.mine))


def test_words_are_accepted_early_and_the_far_over_all_looks_is_kept(answer: Answer) -> None:
    assert [row["symbols"] for row in answer.rows] == list(LENGTHS)
    for row in answer.rows:
        floor = round(300 / row["independent trials"], 3)  # three in n: fewer cannot be told
        for far in ("early: FAR", "claim, early: FAR"):
            assert floor <= row[far]["value"] <= max(100 * FAR, floor)
        assert 4 <= row["early: symbols until decided"] < row["symbols"]
        assert row["early: FRR"]["value"] < 20
    assert answer.rows[-1]["early: decided before the end"]["value"] > 50


def test_the_gate_decides_once_and_between_looks_it_decides_nothing(task: Task) -> None:
    """Follow words at every symbol, as a gate does, and at the looks only, as the protocol does."""
    written, draw = task.written, task.draws[0]
    users, _ = enrol(written, draw.users)
    policy = replace(task.common.policy, early=True)
    gate = Gate(task.common.evidence, users, (), policy)
    decided = []
    for writer in range(12):
        word = written.seen(draw_word(written.of_writer(writer), written.symbols, 9, np.random.default_rng(writer)))
        always, found = gate.follow(word, range(1, 10)), gate.follow(word, looks_at(9, policy))
        assert (always.user, always.symbols) == (found.user, found.symbols)
        np.testing.assert_array_equal(always.ratios[[3, 7, 8]], found.ratios[[3, 7, 8]])
        assert found.symbols in (4, 8, 9)
        decided.append(found)
    assert {found.user >= 0 for found in decided} == {True, False}
    assert any(found.symbols < 9 for found in decided)


def test_a_claim_is_judged_as_a_gate_judges_that_lets_in_this_user_alone(task: Task) -> None:
    job = make_job(task, task.draws[0], 0, 9)
    common, written = task.common, task.written
    policy = replace(common.policy, early=True, claim=job.users[0].name)
    words = [draw_word(written.of_writer(w), written.symbols, 9, np.random.default_rng(w)) for w in range(12)]
    together = Gate(common.evidence, job.users, (), replace(policy, claim=None))
    ratios = np.stack([together.follow(written.seen(word), range(1, 10)).ratios for word in words])
    accepted, symbols = decide(ratios, bars_of(common, job, policy))
    for k, user in enumerate(job.users[:3]):
        alone = Gate(common.evidence, job.users, (), replace(policy, claim=user.name))
        found = [alone.follow(written.seen(word), range(1, 10)) for word in words]
        assert [word.user == k for word in found] == accepted[:, k].tolist()
        assert [word.symbols for word in found] == symbols[:, k].tolist()
    assert 0 < accepted.sum() < accepted.size
    assert symbols.min() < 9


def test_the_first_look_that_is_reached_decides_and_else_the_end() -> None:
    bars = Bars(np.array([np.inf, 1.0, 1.0]), np.array([np.inf, 3.0, 4.0]))
    ratios = np.array([[9.0, 3.0, 0.0], [9.0, 2.9, 1.0], [9.0, 2.9, 0.9]])[..., None]
    accepted, symbols = decide(ratios, bars)
    assert accepted[:, 0].tolist() == [True, True, False]
    assert symbols[:, 0].tolist() == [2, 3, 3]


def test_strangers_who_get_in_early_are_counted(found: Found, task: Task) -> None:
    row = row_of(task, max(LENGTHS), [found])
    independent = row["independent trials"]
    for name, hits in (("early: FAR", found.theirs.early >= 0), ("claim, early: FAR", found.theirs.claim_early)):
        assert hits.mean() > 0.1
        assert row[name]["value"] == pytest.approx(100 * max(hits.mean(), 3 / independent), abs=1e-3)
    assert (found.theirs.symbols < max(LENGTHS)).any()
