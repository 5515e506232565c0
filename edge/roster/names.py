"""A text -> a user's name, or the reason why it is none."""

import unicodedata
from typing import Final

from edge.errors import UserNameError

LONGEST: Final = 64

_TOGETHER: Final = (
    frozenset({"CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"CJK", "HANGUL"}),
    frozenset({"CJK", "BOPOMOFO"}),
)
"""Scripts that one name is written in together; any other name has letters of one script only."""


def check_name(name: str) -> str:
    """Return the name. UserNameError unless it is printable, in form NFC, of one script and 1 to 64 characters.

    A blank at either end is refused as well: names are told apart by eye.
    """
    if not name.strip():
        raise UserNameError("a name must not be blank")
    if len(name) > LONGEST:
        raise UserNameError(f"a name has at most {LONGEST} characters, this one has {len(name)}")
    if not name.isprintable():
        raise UserNameError(f"the name {name!a} must be printable text")
    if name != name.strip():
        raise UserNameError(f"the name {name!r} begins or ends with a blank")
    if not unicodedata.is_normalized("NFC", name):
        raise UserNameError(f"the name {name!a} is not in Unicode's form NFC: type its letters as single characters")
    scripts = {script_of(character) for character in name if character.isalpha()}
    if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
        told = " and ".join(sorted(script.capitalize() for script in scripts))
        raise UserNameError(f"the name {name!a} mixes scripts, {told}, so it can look like another one")
    return name


def script_of(letter: str) -> str:
    """Return the first word of the letter's Unicode name, which is its script, such as LATIN."""
    return unicodedata.name(letter, "UNKNOWN").split()[0]


def alike(one: str, other: str) -> bool:
    """Return whether two names differ in capitals at most."""
    return unicodedata.normalize("NFKC", one).casefold() == unicodedata.normalize("NFKC", other).casefold()
