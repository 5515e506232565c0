"""The claims of edge.ink.symbols."""

import pytest

from edge.ink.symbols import SYMBOLS, UNKNOWN, code_of, name_of


def test_codes_are_those_of_nist_forms() -> None:
    assert [code_of(character) for character in "09AZaz é"] == [0, 9, 10, 35, 36, 61, UNKNOWN, UNKNOWN]


def test_a_code_names_the_character_that_has_it() -> None:
    assert "".join(name_of(code_of(character)) for character in SYMBOLS) == SYMBOLS


@pytest.mark.parametrize("text", ["", "12", "AB"])
def test_text_of_another_length_is_no_symbol(text: str) -> None:
    assert code_of(text) == UNKNOWN


def test_codes_that_no_character_has_are_named_as_numbers() -> None:
    assert [name_of(code) for code in (UNKNOWN, len(SYMBOLS), -2)] == ["unknown", "62", "-2"]
