"""Impostors by kind, later writing, numbers of users, and what is no writing."""

from dataclasses import replace

import numpy as np
import pytest
from invented_hands import make_task, make_written

from edge.decision.calibration import Calibration
from edge.decision.identify import Policy
from train.errors import TooFewWritersError
from train.evaluation.protocols.asking import REFUSED, Gate
from train.evaluation.protocols.impostors import impostors
from train.evaluation.protocols.later import another_day, later
from train.evaluation.protocols.many import users
from train.evaluation.protocols.no_writing import not_writing, opens
from train.evaluation.protocols.task import Task, draw_from, enrol
from train.evaluation.protocols.words import hear_draws
from train.synthetic.not_writing import Kind, Word


class Network:
    """Sees the same in every fragment, and counts how many it was shown."""

    def __init__(self, features: np.ndarray) -> None:
        self.own, self.shown = features, 0

    def features(self, fragments: np.ndarray) -> np.ndarray:
        self.shown += len(fragments)
        return np.repeat(self.own[None], len(fragments), 0)


class Reader:
    """Reads 0, 1, 2, ... whatever is shown."""

    alphabet = "0123456789"

    def read(self, fragments: np.ndarray) -> np.ndarray:
        found = np.full((len(fragments), 10), -20.0)
        found[np.arange(len(fragments)), np.arange(len(fragments)) % 10] = -1e-7
        return found


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task(make_written(12, 12), users=6, lengths=(8,))


def test_plain_words_never_open_and_he_who_chooses_tries_more_than_once(task: Task) -> None:
    rows = {row["what is written"]: row for row in impostors(task, hear_draws(task, "words")).rows}
    strangers = len(task.draws[0].strangers)
    for name in (
        "one symbol, written anew",
        "the best of his own symbols, written anew",
        "one sample, again and again",
    ):
        row = rows.pop(name)
        assert row["accepted, nobody named"]["low"] == 0.0
        assert row["accepted, nobody named"]["value"] == pytest.approx(300 / strangers, abs=1e-3)
        assert row["independent trials"] == strangers
    others = rows["other users, random words"]["independent trials"]
    _, rest = enrol(task.written, task.draws[0].users)
    assert others == sum(min(task.per_user, len(places) // 8) for places in rest.values())
    assert set(rows) == {
        "random words",
        "other users, random words",
        "three symbols he chooses, best of 20 words",
    }


def test_strangers_whom_every_threshold_lets_in_are_counted(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Calibration, "threshold", lambda *_: REFUSED + 1.0)
    rows = {row.pop("what is written"): row for row in map(dict, impostors(task, hear_draws(task, "words")).rows)}
    entered = {"random words", "other users, random words", "three symbols he chooses, best of 20 words"}
    for name, row in rows.items():
        assert row["accepted, name claimed"]["low"] == (100.0 if name in entered else 0.0)


def test_a_hand_that_drifts_is_refused_later_in_the_sitting() -> None:
    written = make_written(12, 18, seed=2)
    moved = written.features.astype(np.int64) + (written.order >= 120)[:, None] * 40
    drifted = replace(written, features=np.clip(moved, -128, 127).astype(np.int8))
    answer = later(make_task(drifted, users=6, lengths=(8,)))
    early, late = answer.rows
    assert [row["tried on"] for row in answer.rows] == ["fragments 61 to 120", "fragments 121 to 180"]
    assert early["gate FRR, name claimed"]["value"] < 20 < late["gate FRR, name claimed"]["value"]


def test_a_short_sitting_and_one_day_are_refused() -> None:
    short = make_task(make_written(12, 8), users=6)
    with pytest.raises(TooFewWritersError, match="wrote 120 fragments in a sitting"):
        later(short)
    with pytest.raises(TooFewWritersError, match="wrote on two days"):
        another_day(short)


def test_another_day_says_how_little_it_rests_on() -> None:
    answer = another_day(make_task(make_written(12, 6, days=3), users=6))
    assert [row["symbols"] for row in answer.rows] == [4, 8]
    assert "1 to 2 days after the first" in answer.notes[0]
    assert "20 to 20 symbols" in answer.notes[1]
    assert "12 people wrote on two days or more" in answer.question


def test_days_too_short_for_every_word_asked_for_are_refused() -> None:
    with pytest.raises(TooFewWritersError, match=r"people wrote 40 symbols on later days.*take fewer --symbols"):
        another_day(make_task(make_written(12, 6, days=3), users=6, lengths=(41, 50)))


def test_errors_are_told_for_each_number_of_users_that_leaves_strangers() -> None:
    answer = users(make_task(make_written(32, 4), lengths=(8,)))
    assert [row["users"] for row in answer.rows] == [1, 10]
    assert [row["strangers"] for row in answer.rows] == [31, 22]
    assert answer.rows[1]["ms a word"] > 0
    with pytest.raises(TooFewWritersError, match="12 writers can be enrolled"):
        users(make_task(make_written(12, 4), users=6))


def test_draws_share_no_user_and_name_who_is_too_few() -> None:
    counts = dict.fromkeys(range(25), 50) | {25: 10}
    draws = draw_from(counts, 10, 5, seed=1)
    assert len(draws) == 2
    assert not set(draws[0].users) & set(draws[1].users)
    for draw in draws:
        assert set(draw.users) | set(draw.strangers) == set(range(26))
        assert 25 in draw.strangers
    assert draw_from(counts, 10, 5, seed=1) == draws != draw_from(counts, 10, 5, seed=2)
    with pytest.raises(TooFewWritersError, match="26 users cannot be drawn from 25 writers with 40 fragments"):
        draw_from(counts, 26, 1, seed=1)


def test_what_is_refused_for_its_ink_is_not_shown_to_the_networks(task: Task) -> None:
    enrolled, _ = enrol(task.written, task.draws[0].users)
    gate = Gate(task.common.evidence, enrolled, (), Policy(far=0.999999))
    network = Network(task.written.features[0])
    blank = Word(np.zeros((6, 33, 33), np.uint8), ((None, None),) * 6)
    assert not opens([gate], network, Reader(), blank)
    assert network.shown == 0


def test_a_word_that_passes_for_a_users_opens(task: Task) -> None:
    """Show a user's own features for a word of good quality: only then does `opens` say yes."""
    written = task.written
    enrolled, rest = enrol(written, task.draws[0].users)
    gate = Gate(task.common.evidence, enrolled, (), Policy())
    places = next(iter(rest.values()))
    word_places = np.array([places[written.symbols[places] == digit][0] for digit in range(8)])
    word = Word(written.pixels[word_places], ((900, 200),) * 8)
    network = Network(written.features[0])
    network.features = lambda fragments: written.features[word_places]  # type: ignore[method-assign]
    assert opens([gate], network, Reader(), word)
    hasty = replace(word, times=((5, 5),) * 8)
    assert not opens([gate], network, Reader(), hasty)


def test_non_writing_is_told_kind_by_kind_with_an_exact_bound(task: Task) -> None:
    ways = [("pen", Kind.TAPS), ("camera", Kind.BLANK)]
    answer = not_writing(task, Network(task.written.features[0]), Reader(), ways)
    assert [(row["board"], row["what"]) for row in answer.rows] == [("pen", "taps"), ("camera", "blank")]
    for row in answer.rows:
        assert (row["attempts"], row["accepted"]) == (20, 0)
        assert row["accepted %"]["high"] == pytest.approx(100 * (1 - 0.05 ** (1 / 20)), abs=1e-3)
