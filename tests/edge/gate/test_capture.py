"""The claims of edge.gate.capture."""

from typing import Any

import numpy as np
import pytest

from edge.errors import CaptureError
from edge.gate.capture import CapturedWord, add_word, next_session, whole_words
from edge.gate.loop import Notice
from edge.ink.fragment_set import KINDS
from firmware_bridge.session.events import BoardFault, Event, LinkLost


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
