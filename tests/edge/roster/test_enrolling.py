"""Stages of an enrolment: what counts, what is to be written again, and that it always ends."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge.decision.enrolment import Material
from edge.roster.enrolling import Enrolling, Plan, Stage, reads_as_pin
from edge.roster.writing import UNKNOWN, Int8s, Writing

DIGITS = "0123456789"


def write(text: str, known: str = "", blank: int = 0) -> Writing:
    """Return a writing that is read as `text`; known: what is said of it, "?" for nothing."""
    count = len(text)
    readings = np.full((count, len(DIGITS)), -9.0, np.float32)
    readings[np.arange(count), [DIGITS.index(character) for character in text]] = 0.0
    said = known or "?" * count
    symbols = np.asarray([UNKNOWN if c == "?" else DIGITS.index(c) for c in said], np.int8)
    features = np.arange(count * 3, dtype=np.int8).reshape(count, 3)
    pixels = np.ones((count, 33, 33), np.uint8)
    pixels[:blank] = 0
    return Writing(features, readings, symbols, pixels)


def offer(enrolling: Enrolling, *texts: str) -> tuple[Enrolling, list[str]]:
    reasons = []
    for text in texts:
        enrolling, answer = enrolling.offer(write(text))
        reasons.append(answer.reason)
    return enrolling, reasons


def test_five_writings_of_a_pin_enrol() -> None:
    enrolling, reasons = offer(Enrolling(Plan(DIGITS, "2580")), *["2580"] * 5)
    assert (reasons, enrolling.done, enrolling.fragments) == ([""] * 5, True, 20)
    material = Material(kind="pen", **enrolling.arrays())
    assert (len(material), material.writings) == (20, 5)
    assert material.symbols.tolist() == [2, 5, 8, 0] * 5
    with pytest.raises(ValueError, match="ended"):
        enrolling.offer(write("2580"))


@pytest.mark.parametrize(
    ("writing", "reason"),
    [
        (write(""), "nothing written: again?"),
        (write("2580", blank=4), "nothing written: again?"),
        (write("2580", blank=1), "nothing written in 1 of 4 fragments: again?"),
        (write("258"), "too few symbols: 3 of at least 4: again?"),
        (write("25800"), "unlike the PIN: again? (5 symbols came where the PIN has 4)"),
        (write("2311"), "unlike the PIN: again? (3 of 4 symbols are read as others than the PIN's)"),
        (write("2511"), "unlike the PIN: again? (2 of 4 symbols are read as others than the PIN's)"),
        (write("2580", known="2311"), "unlike the PIN: again? (3 of 4 symbols are read as others than the PIN's)"),
        (write("2581"), ""),
        (write("1111", known="2580"), ""),
    ],
)
def test_a_writing_is_compared_with_the_pin(writing: Writing, reason: str) -> None:
    after, answer = Enrolling(Plan(DIGITS, "2580")).offer(writing)
    assert answer.reason == reason
    assert answer.stage is (Stage.RETRY if reason else Stage.PASSED)
    assert (len(after.taken), after.retried) == ((0, 1) if reason else (1, 0))


def test_a_symbol_that_is_misread_counts_as_the_pins_and_its_reading_is_kept() -> None:
    enrolling, _ = offer(Enrolling(Plan(DIGITS, "2580", writings=3)), "2580", "2581", "2580")
    arrays = enrolling.arrays()
    assert arrays["symbols"].tolist() == [2, 5, 8, 0] * 3
    assert arrays["readings"].argmax(axis=1).tolist() == [2, 5, 8, 0, 2, 5, 8, 1, 2, 5, 8, 0]


def test_without_a_pin_any_symbols_will_do_but_not_few_different_ones() -> None:
    plan = Plan(DIGITS, writings=3, min_fragments=20)
    enrolling, reasons = offer(Enrolling(plan), "1111", "1212", "1234", "567890", "98765")
    assert reasons == ["too plain: fewer than 3 different symbols: again?"] * 2 + [""] * 3
    assert (enrolling.fragments, enrolling.done, enrolling.enough) == (15, False, False)
    with pytest.raises(ValueError, match="not done"):
        enrolling.arrays()
    enrolling, _ = offer(enrolling, "24680")
    assert enrolling.done
    assert enrolling.arrays()["symbols"].tolist() == [int(c) for c in "1234567890" + "98765" + "24680"]


def test_what_somebody_said_of_a_symbol_goes_before_what_is_read() -> None:
    enrolling, _ = Enrolling(Plan(DIGITS, writings=1)).offer(write("1234", known="?9?8"))
    assert enrolling.arrays()["symbols"].tolist() == [1, 9, 3, 8]


def test_another_consistency_can_be_given() -> None:
    def fussy(taken: Sequence[Writing], writing: Writing, pin: Int8s | None) -> str:
        return "slanted" if taken else ""

    enrolling = Enrolling(Plan(DIGITS), fussy)
    enrolling, reasons = offer(enrolling, "1234", "1234")
    assert reasons == ["", "unlike your other writings: again? (slanted)"]


def test_with_too_many_retries_it_fails() -> None:
    enrolling, reasons = offer(Enrolling(Plan(DIGITS, retries=2)), "1", "1", "1")
    assert enrolling.failed
    assert not enrolling.enough
    with pytest.raises(ValueError, match="ended"):
        enrolling.offer(write("1234"))
    assert len(reasons) == 3


def test_the_plan_does_not_show_the_pin() -> None:
    assert "2580" not in repr(Enrolling(Plan(DIGITS, "2580")))


@given(st.text(DIGITS, min_size=1, max_size=8), st.text(DIGITS, min_size=1, max_size=8))
def test_a_writing_is_the_pin_if_most_places_are_read_as_it(pin: str, text: str) -> None:
    codes = np.asarray([DIGITS.index(c) for c in pin], np.int8)
    same = sum(a == b for a, b in zip(pin, text, strict=False))
    like = len(pin) == len(text) and 2 * same > len(pin)
    assert (reads_as_pin((), write(text), codes) == "") == like
    assert reads_as_pin((), write(text), None) == ""


class AnyOrder(RuleBasedStateMachine):
    """Whatever is written: what was taken stays, the enrolment ends, and enrols only with enough of it."""

    @initialize(
        pin=st.sampled_from([None, "2580", "314159"]),
        writings=st.integers(1, 6),
        least=st.integers(1, 30),
        retries=st.integers(0, 4),
    )
    def begin(self, pin: str | None, writings: int, least: int, retries: int) -> None:
        self.plan = Plan(DIGITS, pin, writings, 3, 4, least, retries)
        self.enrolling, self.texts, self.offered = Enrolling(self.plan), list[str](), 0

    @precondition(lambda self: not (self.enrolling.done or self.enrolling.failed))
    @rule(text=st.one_of(st.just("2580"), st.just("314159"), st.text(DIGITS, max_size=7)), blank=st.integers(0, 1))
    def write_word(self, text: str, blank: int) -> None:
        before = self.enrolling
        self.enrolling, answer = before.offer(write(text, blank=min(blank, len(text))))
        self.offered += 1
        if answer.stage is Stage.PASSED:
            self.texts.append(text)
            assert self.enrolling.taken[:-1] == before.taken
            assert (answer.reason, blank) == ("", 0)
            assert len(text) >= 4
            assert self.plan.pin is None or len(text) == len(self.plan.pin)
        else:
            assert self.enrolling.taken == before.taken
            assert answer.reason.partition(" (")[0].endswith("again?")
        assert (answer.writings, answer.fragments) == (len(self.texts), sum(map(len, self.texts)))

    @precondition(lambda self: self.enrolling.done or self.enrolling.failed)
    @rule()
    def write_after_the_end(self) -> None:
        with pytest.raises(ValueError, match="ended"):
            self.enrolling.offer(write("2580"))

    @invariant()
    def counts_agree(self) -> None:
        if not hasattr(self, "plan"):
            return
        enrolling, fragments = self.enrolling, sum(map(len, self.texts))
        assert (len(enrolling.taken), enrolling.fragments) == (len(self.texts), fragments)
        assert len(enrolling.taken) + enrolling.retried == self.offered
        assert enrolling.done == (len(self.texts) >= self.plan.writings and fragments >= self.plan.min_fragments)
        assert not enrolling.done or enrolling.enough
        assert not (enrolling.done and enrolling.failed)
        assert enrolling.retried <= self.plan.retries + 1
        assert len(self.texts) <= max(self.plan.writings, self.plan.min_fragments)
        if enrolling.enough:
            material = Material(kind="pen", **enrolling.arrays())
            assert (len(material), material.writings) == (fragments, len(self.texts))
            wanted = self.texts if self.plan.pin is None else [self.plan.pin] * len(self.texts)
            assert material.symbols.tolist() == [int(c) for c in "".join(wanted)]


TestAnyOrder = AnyOrder.TestCase
