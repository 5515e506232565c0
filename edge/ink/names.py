"""A writer's name -> refused where it cannot be shown, or looks like another."""

import unicodedata
from collections.abc import Sequence

from edge.errors import NamesError

LONGEST = 64
"""Largest number of characters of a name."""

_LATIN_LOOKS = str.maketrans(
    "АВЕЅІЈКМНОРСТХУаеорсухіјѕһԁԛԝԌӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧαγικνορυϲϳՏՕՍհոսօցզյıɑɡ",
    "ABESIJKMHOPCTXYaeopcyxijshdqwGlABEZHIKMNOPTYXayiKvopucjSOUhnuogqjiag",
)
"""Cyrillic, Greek, Armenian and other letters -> Latin ones that look the same."""

_WRITTEN_TOGETHER = (
    {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
    {"CJK", "HANGUL"},
    {"CJK", "BOPOMOFO"},
)


def check_name(name: str) -> None:
    """Raise NamesError unless the name is 1 to LONGEST printable characters that are what they look like.

    It has no blank at either end and no two in a row, its accents are composed (Unicode NFC), and its letters are of
    one script, or of scripts that one language mixes: a Cyrillic letter in a Latin name looks like another name.
    """
    reason = _fault(name)
    if reason:
        shown = name if len(name) <= LONGEST else name[:LONGEST] + "..."
        raise NamesError(f"a writer is called {shown!r}; {reason}")


def check_names(names: Sequence[str]) -> None:
    """Raise NamesError unless every name passes `check_name`, no two are equal, and no two look the same."""
    seen: dict[str, str] = {}
    for name in names:
        check_name(name)
        other = seen.setdefault(look_of(name), name)
        if name in seen.values() and other == name and names.count(name) > 1:
            raise NamesError(f"{names.count(name)} writers are called {name!r}; give each a name of its own")
        if other != name:
            raise NamesError(
                f"two writers are called {other!r} and {name!r}, which look the same: their letters are of different "
                "scripts; give each a name of its own"
            )


def look_of(name: str) -> str:
    """Return what a name looks like: letters of other scripts, and wide and bold ones, as Latin ones.

    Two names of which this is the same cannot be told apart on most screens (a subset of Unicode's UTS #39).
    """
    return unicodedata.normalize("NFKC", name).translate(_LATIN_LOOKS)


def _fault(name: str) -> str:
    if not name.strip() or not name.isprintable():
        return "a name must be printable text"
    if len(name) > LONGEST:
        return f"a name has at most {LONGEST} characters, this has {len(name):,}"
    if name != name.strip() or "  " in name:
        return "a name neither begins nor ends with a blank, and has no two in a row"
    if not unicodedata.is_normalized("NFC", name):
        return "a name's accents must be composed (Unicode NFC)"
    scripts = _scripts(name)
    if len(scripts) > 1 and not any(scripts <= together for together in _WRITTEN_TOGETHER):
        return f"its letters are of several scripts ({', '.join(sorted(scripts)).lower()}), so it looks like another"
    return ""


def _scripts(name: str) -> set[str]:
    """Return the first words of the Unicode names of the letters, which name their scripts."""
    letters = (character for character in name if unicodedata.category(character).startswith("L"))
    return {unicodedata.name(character, "unnamed").partition(" ")[0] for character in letters}
