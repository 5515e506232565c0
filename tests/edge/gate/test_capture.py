"""The claims of edge.gate.capture."""

from typing import Any

import numpy as np
import pytest

from edge.errors import CaptureError
from edge.gate.capture import CapturedWord, add_word, next_session, whole_words
from edge.gate.loop import Notice
from edge.ink.fragment_set import KINDS
from firmware_bridge.session.events import BoardFault, Event, FragmentReceived, LinkLost, WordEnded, WordStarted


def pen(pixels: np.ndarray) -> CapturedWord:
    return CapturedWord(1, pixels, "pen")


def captured(events: list[Event]) -> list[CapturedWord]:
    return [item for item in whole_words(events) if isinstance(item, CapturedWord)]


def test_every_whole_word_comes_out_as_it_was_written(board: Any, words: list[np.ndarray]) -> None:
    found = captured(board.writes(words))
    assert [c.word for c in found] == list(range(1, len(words) + 1))
    assert {c.kind for c in found} == {"pen"}
    for c, word in zip(found, words, strict=True):
        np.testing.assert_array_equal(c.pixels, word)


@pytest.mark.parametrize("interruption", [LinkLost("unplugged"), BoardFault("sensor_failed", "", 7, 1), None])
def test_a_word_that_is_not_whole_is_left_out_and_said_so(
    board: Any, words: list[np.ndarray], interruption: Event | None
) -> None:
    events = board.writes(words[:2])
    broken = events[:3] + ([interruption] if interruption else []) + events[4:]
    assert [c.word for c in captured(broken)] == [2]
    assert any(
        isinstance(i, Notice) and ("lost" in i.text or "fault" in i.text or "incomplete" in i.text)
        for i in whole_words(broken)
    )


def test_a_new_name_gets_the_next_id_and_an_old_one_goes_on_counting(words: list[np.ndarray]) -> None:
    fragments = add_word(None, "Ada", pen(words[0]), None, 0)
    fragments = add_word(fragments, "Ben", pen(words[1]), None, 0)
    fragments = add_word(fragments, "Ada", pen(words[2]), "1zA?" + "x" * (len(words[2]) - 4), 0)
    a, b, c = (len(word) for word in words[:3])
    assert fragments.writer.tolist() == [0] * a + [1] * b + [0] * c
    assert fragments.order.tolist() == [*range(a), *range(b), *range(a, a + c)]
    assert fragments.symbol.tolist()[a + b : a + b + 4] == [1, 61, 10, -1]
    assert set(fragments.symbol.tolist()[: a + b]) == {-1}
    assert [fragments.name_of(w) for w in (0, 1)] == ["Ada", "Ben"]
    np.testing.assert_array_equal(fragments.pixels[a : a + b], words[1])


def test_a_word_is_of_the_board_s_kind_and_of_its_writer_s_session(words: list[np.ndarray]) -> None:
    assert next_session(None, "Ada") == 0
    fragments = add_word(None, "Ada", pen(words[0]), None, 0)
    assert (next_session(fragments, "Ada"), next_session(fragments, "Ben")) == (1, 0)
    fragments = add_word(fragments, "Ada", CapturedWord(2, words[1], "camera"), None, 1)
    a, b = len(words[0]), len(words[1])
    assert fragments.session.tolist() == [0] * a + [1] * b
    assert [KINDS[code] for code in fragments.kind] == ["pen"] * a + ["camera"] * b
    assert next_session(fragments, "Ada") == 2


def timed(times: list[tuple[int | None, int | None]], word: int = 1) -> list[Event]:
    pixels = np.zeros((33, 33), np.uint8)
    pixels[8:25, 15:18] = 255
    written = [FragmentReceived(7, word, index, pixels, *time) for index, time in enumerate(times)]
    return [WordStarted(7, word), *written, WordEnded(7, word, len(times))]


def test_a_symbol_s_time_is_when_it_was_begun_since_the_writer_s_first() -> None:
    clock = iter([5000, 9000])
    events = [*timed([(300, None), (250, 120), (400, 80)]), *timed([(100, None), (100, 200)], word=2)]
    first, second = (item for item in whole_words(events, lambda: next(clock)) if isinstance(item, CapturedWord))
    assert first.begun_ms == (5000, 5420, 5750)
    fragments = add_word(None, "Ada", first, None, 0, 5000)
    fragments = add_word(fragments, "Ada", second, None, 0, 5000)
    assert fragments.time.tolist() == [0, 420, 750, 4000, 4300]
    assert set(add_word(None, "Ada", first, None, 1).time.tolist()) == {-1}, "a later session's beginning is not known"


@pytest.mark.parametrize(
    ("times", "begun"),
    [
        ([(None, None), (None, None)], (None, None)),  # a camera's
        ([(300, None), (None, 100), (300, 100)], (5000, None, None)),
        ([(300, None), (300, None), (300, 100)], (5000, None, None)),
    ],
)
def test_behind_what_took_too_long_to_tell_no_time_is_known(
    times: list[tuple[int | None, int | None]], begun: tuple[int | None, ...]
) -> None:
    (word,) = captured_at(timed(times), 5000)
    assert word.begun_ms == begun
    expected = [-1 if at is None else at - 4000 for at in begun]
    assert add_word(None, "Ada", word, None, 0, 4000).time.tolist() == expected


def captured_at(events: list[Event], now_ms: int) -> list[CapturedWord]:
    return [item for item in whole_words(events, lambda: now_ms) if isinstance(item, CapturedWord)]


@pytest.mark.parametrize("wrong", [lambda pixels: 255 - pixels, lambda pixels: pixels // 255])
def test_a_word_that_is_not_dark_on_light_is_written_again(wrong: Any) -> None:
    dark = np.zeros((4, 33, 33), np.uint8)
    dark[:, 8:25, 14:18] = 255
    assert len(add_word(None, "Ada", pen(dark), None, 0)) == 4
    with pytest.raises(CaptureError, match="no dark writing on light paper"):
        add_word(None, "Ada", pen(wrong(dark)), None, 0)


def test_another_number_of_symbols_or_another_depth_is_refused(words: list[np.ndarray]) -> None:
    fragments = add_word(None, "Ada", pen(words[0]), None, 0)
    with pytest.raises(CaptureError, match="write the word again"):
        add_word(fragments, "Ada", pen(words[1]), "1", 0)
    with pytest.raises(CaptureError, match="1 bit a pixel and the board sends 8"):
        add_word(fragments, "Ada", pen(words[1] // 255 * 200), None, 0)
