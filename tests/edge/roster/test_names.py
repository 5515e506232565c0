"""Which texts are names of users."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import UserNameError
from edge.roster.names import LONGEST, alike, check_name


@pytest.mark.parametrize(
    "name", ["Ada", "Ada Lovelace", "Жанна", "José", "O'Neill-2", "山田 はな", "김 金", "x" * LONGEST]
)
def test_names_of_people_are_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "blank"),
        ("   ", "blank"),
        (" Ada", "begins or ends"),
        ("Ada ", "begins or ends"),
        ("A\nda", "printable"),
        ("A\x1b[2Jda", "printable"),
        ("\u202eadA", "printable"),
        ("A\u00a0da", "printable"),
        ("Jose\u0301", "NFC"),
        ("\u0410da", "scripts, Cyrillic and Latin"),
        ("\u0391da", "Greek and Latin"),
        ("\uff21da", "scripts"),
        ("x" * (LONGEST + 1), "64 characters"),
    ],
)
def test_a_name_that_can_hide_or_look_like_another_is_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(UserNameError, match=why) as caught:
        check_name(name)
    assert caught.value.exit_code == 2
    assert str(caught.value).isprintable()


@given(st.text(max_size=80))
def test_what_is_taken_for_a_name_is_shown_as_it_is_on_one_line(text: str) -> None:
    try:
        name = check_name(text)
    except UserNameError as refused:
        error = refused
    else:
        assert name.isprintable()
        assert name == name.strip() == unicodedata.normalize("NFC", name)
        assert 1 <= len(name) <= LONGEST
        return
    assert str(error).isprintable()


def test_names_that_differ_in_capitals_alone_are_alike() -> None:
    assert alike("Ada", "aDA")
    assert alike("STRASSE", "straße")
    assert not alike("Ada", "Ida")
