from collections import Counter

import numpy as np
import pytest

from edge.ink.symbols import DIGITS
from edge.roster.enrolling import WRITINGS
from train.demo.hands import InventedHands
from train.demo.scenario import ENTRIES, SPARE, STRANGERS, Role, Scenario, make_scenario
from train.synthetic.not_writing import Word


class Telling(InventedHands):
    """Invented people who do not write but note what they were asked to."""

    def __init__(self) -> None:
        super().__init__(DIGITS, 1)
        self.asked: list[tuple[int, str]] = []

    def write(self, person: int, text: str) -> Word:
        self.asked.append((person, text))
        blank = np.zeros((len(text), 33, 33), np.uint8)
        return Word(blank, ((None, None),) * len(text))


@pytest.fixture(scope="module")
def hands() -> Telling:
    return Telling()


@pytest.fixture(scope="module")
def scenario(hands: Telling) -> Scenario:
    return make_scenario(hands, users=4, digits=6, bits=1, seed=3)


def test_every_user_writes_his_own_pin_and_nothing_else(scenario: Scenario, hands: Telling) -> None:
    for number, user in enumerate(scenario.users):
        written = [text for person, text in hands.asked if person == number]
        after = 1 if user.name == scenario.removed else 0
        assert written == [user.pin] * (WRITINGS + SPARE + ENTRIES + after)
        assert len(user.writings) == WRITINGS + SPARE
        assert len(set(user.pin)) == len(user.pin) == 6


def test_strangers_are_no_users_and_know_a_pin_or_write_nobodys(scenario: Scenario, hands: Telling) -> None:
    pins = {user.pin for user in scenario.users}
    strange = [(person, text) for person, text in hands.asked if person >= len(scenario.users)]
    assert [text in pins for _, text in strange] == [True] * STRANGERS + [False] * STRANGERS
    assert len({person for person, _ in strange}) == 2 * STRANGERS
    assert {len(text) for _, text in strange} == {6}
    knowing = [attempt for attempt in scenario.door if attempt.role is Role.KNOWS]
    of = {user.name: user.pin for user in scenario.users}
    assert [of[attempt.user] for attempt in knowing] == [text for _, text in strange[:STRANGERS]]


def test_at_the_door_are_all_who_shall_come_and_the_removed_user_comes_after(scenario: Scenario) -> None:
    roles = Counter(attempt.role for attempt in scenario.door)
    assert roles[Role.USER] == ENTRIES * len(scenario.users)
    assert roles[Role.KNOWS] == roles[Role.GUESSES] == STRANGERS
    assert {attempt.who for attempt in scenario.door if attempt.role is Role.NOTHING} >= {"scribble"}
    assert [(attempt.role, attempt.user) for attempt in scenario.after] == [(Role.REMOVED, scenario.removed)]


def test_the_same_seed_gives_the_same_pins_and_another_one_others(scenario: Scenario) -> None:
    def pins(seed: int) -> list[str]:
        return [user.pin for user in make_scenario(Telling(), 4, 6, 1, seed).users]

    assert pins(3) == [user.pin for user in scenario.users]
    assert pins(4) != pins(3)


def test_no_pin_is_shown_of_a_user(scenario: Scenario) -> None:
    assert all(user.pin not in repr(user) for user in scenario.users)
