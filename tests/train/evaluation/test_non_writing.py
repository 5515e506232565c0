"""The claims of train.evaluation.non_writing: what is counted, and how sure it is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import scipy.stats

from edge.ink.quality import Quality, assess
from train.evaluation.non_writing import BATCH, NonWriting, as_lines, measure_non_writing
from train.synthetic.not_writing import PATHS, Kind, Word, kinds_of, words_of


def everything(words: Sequence[Word]) -> list[bool]:
    return [True] * len(words)


def with_dark_first(words: Sequence[Word]) -> list[bool]:
    return [bool(word.fragments[0].mean() > 128) for word in words]


def test_what_accepts_everything_accepts_each_word_that_a_board_makes() -> None:
    (found,) = measure_non_writing(everything, 40, ways=[("pen", Kind.TAPS)], seed=5, processes=1)
    words = sum(word is not None for word in words_of(Kind.TAPS, "pen", 40, seed=5))
    assert 0 < words < 40
    assert (found.attempts, found.words, found.accepted) == (40, words, words)
    assert found.share == words / 40


def test_words_are_judged_as_they_are_and_the_number_of_processes_changes_nothing() -> None:
    count = 2 * BATCH + 7
    expected = sum(with_dark_first([word for word in words_of(Kind.NOISE, "wire", count, (1, 3)) if word is not None]))
    for processes in (1, 2):
        (found,) = measure_non_writing(
            with_dark_first, count, ways=[("wire", Kind.NOISE)], symbols=(1, 3), processes=processes
        )
        assert (found.words, found.accepted) == (count, expected)
    assert 0 < expected < count


def test_every_kind_has_a_row_for_each_path_it_can_come_and_most_is_told_by_its_quality_alone() -> None:
    def good(words: Sequence[Word]) -> list[bool]:
        return [
            len(word.fragments) > 3 and assess(word.fragments, durations_ms=word.durations_ms).quality is Quality.GOOD
            for word in words
        ]

    told: list[tuple[str, int, int]] = []

    def progress(what: str, done: int, total: int, loss: float | None = None) -> None:
        told.append((what, done, total))

    found = measure_non_writing(good, 8, processes=1, progress=progress)
    assert [(row.path, row.kind) for row in found] == [(path, kind.value) for path in PATHS for kind in kinds_of(path)]
    assert told == [(f"{row.path} {row.kind}", 8, 8) for row in found]
    never = {"taps", "dots", "discs", "blank"}
    assert {row.accepted for row in found if row.kind in never or row.path == "wire"} == {0}
    lines = list(as_lines(found))
    assert len(lines) == len(found) + 2
    assert "| pen | taps | 8 | 8 | 0 | 32 % |" in lines


@pytest.mark.parametrize(("accepted", "attempts"), [(0, 10_000), (3, 10_000), (7, 7), (12, 300)])
def test_the_bound_is_clopper_and_pearsons_and_is_printed_rounded_up(accepted: int, attempts: int) -> None:
    row = NonWriting("pen", "bars", attempts, attempts, accepted)
    exact = 1.0 if accepted == attempts else scipy.stats.beta.ppf(0.95, accepted + 1, attempts - accepted)
    assert row.bound == pytest.approx(exact, rel=1e-9)
    (printed,) = [line.split("|")[-2].strip(" %") for line in as_lines([row]) if "bars" in line]
    assert row.bound <= float(printed) / 100 + 1e-12 <= 1.1 * row.bound + 1e-12


@pytest.mark.parametrize("answer", [lambda words: [1] * len(words), lambda words: [True], lambda words: True])
def test_an_answer_that_is_not_one_bool_a_word_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError, match="not one bool a word"):
        measure_non_writing(answer, 5, ways=[("wire", Kind.FULL)], processes=1)


def test_without_an_attempt_there_is_no_table() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        measure_non_writing(everything, 0, processes=1)


def test_what_a_camera_does_not_see_is_an_attempt_all_the_same() -> None:
    (found,) = measure_non_writing(everything, 6, ways=[("camera", Kind.BLANK)], processes=1)
    assert (found.words, found.accepted) == (0, 0)
    assert found.bound == pytest.approx(1 - 0.05 ** (1 / 6))
    assert np.isclose(found.share, 0)
