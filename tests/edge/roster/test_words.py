"""Which fragments of a set are a writer's words."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_networks import DIGITS, TinyNetwork, TinyReader, word

from edge.errors import EnrolmentError, UserError
from edge.ink.fragment_set import KINDS, FragmentSet
from edge.ink.symbols import code_of
from edge.roster.words import handwriting_of, writer_of
from edge.roster.writing import UNKNOWN, recognise


def make_set(text: str, session: list[int] | None = None, kind: int | list[int] = 2, order: int = 1) -> FragmentSet:
    """Return what two people wrote, each the whole text; the first one's order runs by `order`."""
    count = len(text)
    codes = [code_of(character) for character in text]
    pixels = word("".join(character if character in DIGITS else "0" for character in text))
    return FragmentSet(
        np.concatenate([pixels[::order], pixels]),
        np.repeat(np.asarray([4, 9], np.int32), count),
        np.asarray(codes[::order] + codes, np.int32),
        np.asarray([*[*range(count)][::order], *range(count)], np.int32),
        ("Ada", "Ben"),
        session=np.asarray((session or [-1] * count)[::order] + (session or [-1] * count), np.int32),
        kind=np.asarray((kind if isinstance(kind, list) else [kind] * count) * 2, np.int8),
    )


def texts(fragments: FragmentSet, length: int | None = None) -> list[str]:
    found = handwriting_of(fragments, 4, DIGITS, length)
    return ["".join(DIGITS[place] for place in one.symbols) for one in found.words]


@pytest.mark.parametrize(
    ("session", "length", "expected"),
    [
        (None, None, ["25801347"]),
        (None, 4, ["2580", "1347"]),
        (None, 3, ["25801347"]),
        ([0] * 4 + [1] * 4, None, ["2580", "1347"]),
        ([0] * 4 + [1] * 4, 2, ["25", "80", "13", "47"]),
        ([0] * 3 + [2] * 5, 3, ["258", "01347"]),
        ([1] * 4 + [0] * 2 + [1] * 2, None, ["2580", "13", "47"]),
    ],
)
def test_words_are_runs_of_a_session_cut_by_the_length_of_the_pin(
    session: list[int] | None, length: int | None, expected: list[str]
) -> None:
    assert texts(make_set("25801347", session), length) == expected


def test_fragments_are_taken_in_the_order_of_writing() -> None:
    assert texts(make_set("25801347", order=-1), 4) == ["2580", "1347"]


def test_symbols_are_the_sets_where_it_knows_them_and_foreign_ones_are_left_out() -> None:
    found = handwriting_of(make_set("12a3Z"), 4, DIGITS)
    assert ([DIGITS[place] for place in found.words[0].symbols], found.left_out) == (["1", "2", "3"], 2)
    unknown = handwriting_of(make_set("12?3"), 4, DIGITS).words[0]
    assert unknown.symbols.tolist() == [1, 2, UNKNOWN, 3]
    with pytest.raises(EnrolmentError, match="nothing that the reader reads"):
        handwriting_of(make_set("abc"), 4, DIGITS)


def test_the_kind_of_input_is_that_of_all_fragments() -> None:
    assert handwriting_of(make_set("123", kind=3), 4, DIGITS).kind == KINDS[3] == "camera"
    with pytest.raises(EnrolmentError, match="come from pen and scan"):
        handwriting_of(make_set("123", kind=[1, 2, 1]), 4, DIGITS)


def test_a_writer_is_found_by_name_or_those_there_are_are_named() -> None:
    assert writer_of(make_set("123"), "Ben") == 9
    with pytest.raises(UserError, match="nobody in the set is called 'Eve'; --writer names one of Ada, Ben"):
        writer_of(make_set("123"), "Eve")


@given(st.text(DIGITS, min_size=1, max_size=9), st.integers(0, 3))
def test_a_writing_is_what_the_networks_say_of_its_fragments(text: str, blank: int) -> None:
    pixels = word(text)
    pixels[:blank] = 0
    writing = recognise(pixels, TinyNetwork(), TinyReader())
    assert len(writing) == len(writing.features) == len(writing.readings) == len(text)
    assert writing.blank == min(blank, len(text))
    assert writing.symbols[blank:].tolist() == [int(digit) for digit in text[blank:]]
    assert (writing.features.dtype, writing.readings.dtype, writing.symbols.dtype) == (np.int8, np.float32, np.int8)
    known = np.asarray([9] + [UNKNOWN] * (len(text) - 1), np.int8)
    said = recognise(pixels, TinyNetwork(), TinyReader(), known)
    assert said.symbols.tolist() == [9, *writing.symbols[1:].tolist()]
