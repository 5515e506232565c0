"""Values in a file of settings: what can be meant is taken as it is, all else is refused with a reason."""

import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.kinds import command, number, path, switch, text

TOML = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@given(TOML)
def test_every_kind_takes_its_own_values_and_gives_a_printable_reason_against_others(value: Any) -> None:
    for kind, own in ((switch, bool), (number, (int, float)), (text, str), (path, str), (command, str)):
        found, reason = None, ""
        try:
            found = kind(value)
        except ValueError as error:
            reason = str(error)
        assert reason.isprintable()
        assert len(reason) < 200
        if not reason:
            assert isinstance(value, own)
            assert found == value or value != value
            assert not (kind is number and isinstance(value, bool))


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1))
def test_a_path_is_absolute_or_one_of_the_words(name: str) -> None:
    assert path(f"/{name}") == f"/{name}"
    assert path("ready", words=("ready",)) == "ready"
    relative = f"x{name}"
    with pytest.raises(ValueError, match="begin with /, or be ready"):
        path(relative, words=("ready",))
    with pytest.raises(ValueError, match="relative"):
        path("socket://door:1")
    assert path("socket://door:1", urls=True) == "socket://door:1"


@pytest.mark.parametrize("odd", ["~/pen", "./pen", "pen", "", " ", "/a\nb", "/a\x1b[2J", "/a\u202eb", "/a\0b"])
def test_what_hangs_on_a_folder_or_cannot_be_shown_is_no_path(odd: str) -> None:
    with pytest.raises(ValueError, match=r"relative|empty|cannot be shown"):
        path(odd)


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1))
def test_a_command_is_one_whose_program_is_found_from_any_folder(words: list[str]) -> None:
    line = shlex.join(words)
    assert command(line) == line
    assert command(f"/bin/{line}") == f"/bin/{line}"
    with pytest.raises(ValueError, match="relative"):
        command(f"./{line}")
    with pytest.raises(ValueError, match="No closing quotation"):
        command(f"{line} '")


@pytest.mark.parametrize("large", [10**400, 1 << 100_000], ids=["decimal", "binary"])
def test_a_number_that_no_float_holds_is_refused(large: int) -> None:
    with pytest.raises(ValueError, match="larger number"):
        number(large)


def test_a_number_is_no_switch_and_a_switch_no_number() -> None:
    for value, kind in ((1, switch), ("true", switch), (True, number), ("0.01", number), (1.5, text)):
        with pytest.raises(ValueError, match=r"neither|no number|no text"):
            kind(json.loads(json.dumps(value)))
