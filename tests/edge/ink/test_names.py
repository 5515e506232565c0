"""The claims of edge.ink.names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import NamesError
from edge.ink.names import LONGEST, check_name, check_names, look_of


@pytest.mark.parametrize(
    "name",
    ["Ada", "7", "[b]", "Łukasz Żółw", "Ольга", "Αθηνά", "山田 太郎", "山田 はな", "김 金", "مريم", "x" * LONGEST],
)
def test_names_of_one_language_are_taken(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "printable"),
        ("  ", "printable"),
        ("a\nb", "printable"),
        ("a\x1b[2J", "printable"),
        ("a\u202eb", "printable"),  # what follows is shown from right to left
        ("a\u200bb", "printable"),  # a blank of no width
        (" Ada", "begins nor ends with a blank"),
        ("Ada ", "begins nor ends with a blank"),
        ("Ada  B", "two in a row"),
        ("Jose\u0301", "NFC"),
        ("\u0410da", "several scripts .cyrillic, latin."),
        ("P\u0430blo", "several scripts .cyrillic, latin."),
        ("\uff21da", "several scripts .fullwidth, latin."),
        ("x" * (LONGEST + 1), "at most 64 characters, this has 65"),
        ("x" * 50_000, "this has 50,000"),
    ],
)
def test_a_name_that_hides_what_it_is_is_refused(name: str, says: str) -> None:
    with pytest.raises(NamesError, match=says) as refused:
        check_name(name)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


def test_equal_names_are_refused_with_their_number() -> None:
    check_names(["Ada", "Ben", "ada"])
    with pytest.raises(NamesError, match="2 writers are called 'Ben'"):
        check_names(["Ada", "Ben", "Ben"])


# RUF001 finds letters that look alike: they are what is tested.
LOOKS = {
    "Cyrillic": ("scope", "ѕсоре"),  # noqa: RUF001
    "Cyrillic capitals": ("ABEKMHOPCTXY", "АВЕКМНОРСТХУ"),  # noqa: RUF001
    "Greek": ("NIKO", "ΝΙΚΟ"),  # noqa: RUF001
    "Armenian": ("hnuo", "հոսօ"),  # noqa: RUF001
    "wide": ("Ada", "\uff21\uff44\uff41"),
    "mathematical": ("Ada", "\U0001d400\U0001d41d\U0001d41a"),
}


@pytest.mark.parametrize("script", LOOKS)
def test_two_names_that_look_the_same_are_refused_and_each_alone_is_not(script: str) -> None:
    latin, other = LOOKS[script]
    assert look_of(other) == look_of(latin) == latin != other
    check_names([latin, "Ben"])
    check_names([other, "Ben"])
    with pytest.raises(NamesError, match=r"two writers are called .*, which look the same"):
        check_names([latin, "Ben", other])


def refusal_of(name: str) -> str | None:
    try:
        check_name(name)
    except NamesError as refused:
        return str(refused)
    return None


@given(st.text(max_size=80))
def test_any_text_is_taken_or_refused_in_one_printable_sentence(name: str) -> None:
    refusal = refusal_of(name)
    if refusal is not None:
        assert refusal.isprintable()
    else:
        assert name.isprintable()
        assert name == name.strip() != ""
