"""Which texts are PINs, and that no message shows one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import PinError
from edge.roster.pin import LEAST_DIFFERENT, check_pin, places

DIGITS = "0123456789"


@pytest.mark.parametrize(
    ("pin", "why"),
    [
        ("", "has 0 symbols, at least 4"),
        ("258", "has 3 symbols, at least 4"),
        ("2525", "PIN too plain: it needs at least 3 different symbols"),
        ("1111", "PIN too plain"),
        ("25A0", "cannot read; it reads 0123456789"),
        ("25 80", "cannot read"),
        ("٢٥٨٠", "cannot read"),
    ],
)
def test_what_is_no_pin_is_refused_with_the_reason_and_not_shown(pin: str, why: str) -> None:
    with pytest.raises(PinError, match=why) as caught:
        check_pin(pin, DIGITS, 4)
    assert caught.value.exit_code == 2
    assert not pin or pin not in str(caught.value)


@given(st.text(DIGITS + "A", max_size=12), st.integers(1, 8))
def test_a_pin_is_of_the_alphabet_long_enough_and_of_three_different_symbols(text: str, least: int) -> None:
    fit = set(text) <= set(DIGITS) and len(text) >= least and len(set(text)) >= LEAST_DIFFERENT
    if fit:
        assert check_pin(text, DIGITS, least) == text
        assert "".join(DIGITS[place] for place in places(text, DIGITS)) == text
    else:
        with pytest.raises(PinError):
            check_pin(text, DIGITS, least)
