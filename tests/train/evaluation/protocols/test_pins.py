from dataclasses import replace

import numpy as np
import pytest
from invented_hands import make_task, make_written

from train.errors import TooFewWritersError
from train.evaluation.protocols.figures import Answer
from train.evaluation.protocols.pins import Entered, Job, draw_pin, enter, independent_entries, pin
from train.evaluation.protocols.task import Task


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(make_written(14, 10), users=7)


@pytest.fixture(scope="module")
def answer(task: Task) -> Answer:
    return pin(task, (4,))


def test_whoever_wrote_the_pin_gets_in_and_whoever_knows_it_writes_it_otherwise(answer: Answer) -> None:
    row = answer.rows[0]
    assert (row["digits"], row["written"], row["users"]) == (4, 5, 7)
    assert row["refused"]["value"] < 20
    assert row["knows it: accepted"]["value"] < 20


def test_what_was_not_seen_is_labelled_as_calculated(answer: Answer) -> None:
    row = answer.rows[0]
    known = row["knows it: accepted"]
    assert row["does not know it: counted x guessing"] == pytest.approx(known["value"] * 1e-4)
    assert row["does not know it: upper bound x guessing"] == pytest.approx(known["high"] * 1e-4)
    assert row["knows it: in 5"] == pytest.approx(100 * (1 - (1 - known["value"] / 100) ** 5), abs=1e-3)
    assert row["does not know it: counted"]["value"] >= round(300 / row["guesses"], 3), "never below 3/n"
    assert any("was not seen" in note for note in answer.notes)


def test_no_fragment_enrols_and_enters(task: Task) -> None:
    """Give every fragment features of its own: the ones that are entered are none of those enrolled."""
    written = task.written
    marks = np.arange(len(written.features))
    own = np.stack([marks // 128, marks % 128, *([marks * 0] * 4)], axis=1).astype(np.int8)
    common = replace(task.common, written=replace(written, features=own))
    seen: list[set[bytes]] = []
    kept = type(written).enrolment

    def enrolment(self: object, name: str, chosen: np.ndarray, *rest: object) -> object:
        seen.append({row.tobytes() for row in own[chosen]})
        assert len(seen[-1]) == len(chosen) == 20
        return kept(self, name, chosen, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(written), "enrolment", enrolment)
        entered: list[bytes] = []
        real = type(written).seen
        patch.setattr(
            type(written), "seen", lambda self, word: entered.extend(map(bytes, own[word])) or real(self, word)
        )
        assert enter(common, Job(task.draws[0], 4, 5, (1,))) is not None
    assert len(entered) > 100
    assert not set(entered[: 7 * 4]) & set().union(*seen)


@pytest.mark.parametrize("length", [4, 6, 12])
def test_a_pin_has_three_different_symbols_each_written_often_enough(length: int) -> None:
    counts = np.array([12, 0, 7, 6, 30, 5, 18, 6, 6, 12])
    for seed in range(20):
        drawn = draw_pin(counts, 6, length, np.random.default_rng(seed))
        assert drawn is not None
        assert len(drawn) == length
        assert len(set(drawn.tolist())) >= 3
        assert (np.bincount(drawn, minlength=10) * 6 <= counts).all()


def test_there_is_no_pin_of_symbols_that_were_not_written() -> None:
    assert draw_pin(np.array([60, 60, 5]), 6, 4, np.random.default_rng(0)) is None


def test_so_many_entries_are_independent_as_share_no_fragment(task: Task) -> None:
    """Let two strangers with 100 fragments each enter many PINs: one for 7 users, one for 2, some of them twice."""
    writers, users = np.repeat([3, 4], [14, 3]), np.array([*range(7), *range(7), 0, 1, 1])
    entered = Entered(np.zeros(17), writers, users, np.zeros(17, np.bool_))
    wanted = {4: 7 + 2, 20: 5 + 2, 60: 1 + 1, 200: 1 + 1}
    assert {length: independent_entries(task.written, entered, length) for length in wanted} == wanted


def test_a_pin_that_nobody_wrote_often_enough_is_named(task: Task) -> None:
    with pytest.raises(TooFewWritersError, match="4 digits written 20 times"):
        pin(replace(task, writings=(20,)), (4,))
    both = pin(replace(task, writings=(3, 20)), (4,))
    assert [row["written"] for row in both.rows] == [3]
    assert any("written 20 times" in note for note in both.notes)
