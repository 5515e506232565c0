"""Manual pages: one for each command, every option named, no text that roff takes for a request."""

import importlib.util
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

import inkgate

_SPEC = importlib.util.spec_from_file_location("man_pages", Path(__file__).parents[1] / ".ci" / "man_pages.py")
assert _SPEC is not None
assert _SPEC.loader is not None
man_pages: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(man_pages)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return dict(man_pages.pages(inkgate.cli, "inkgate"))


def test_every_command_has_a_page(pages: dict[str, str]) -> None:
    assert {f"inkgate-{name}.1" for name in inkgate.COMMANDS} <= set(pages)
    assert "inkgate-users-add.1" in pages
    assert "(rsfB" not in "".join(pages.values()), "a font is escaped text"


def test_every_option_is_on_its_page(pages: dict[str, str]) -> None:
    run = inkgate.cli.get_command(click.Context(inkgate.cli), "run")
    assert run is not None
    options = [option for each in run.params for option in each.opts if option.startswith("--")]
    assert len(options) > 5
    assert [option for option in options if option.replace("-", r"\-") not in pages["inkgate-run.1"]] == []


def test_hidden_commands_and_options_have_no_page() -> None:
    group = click.Group("g", commands=[click.Command("secret", hidden=True), click.Command("shown", help="Show it.")])
    assert [name for name, _ in man_pages.pages(group, "g")] == ["g.1", "g-shown.1"]


@given(st.text(st.sampled_from("a .'\\-`^~\"\n")))
def test_no_line_of_text_is_a_request_and_every_escape_is_ours(text: str) -> None:
    escaped = man_pages.escape(text)
    assert not any(line.startswith((".", "'")) for line in escaped.split("\n"))
    left = escaped.replace(r"\&", "")
    for character, name in man_pages._SPECIAL.items():
        left = left.replace(name, "\0" if character == "\\" else character)
    assert left.replace("\0", "\\") == text
