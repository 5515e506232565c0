"""A written character <-> its class code, as in the sets derived from NIST's forms."""

DIGITS = "0123456789"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SYMBOLS = DIGITS + CAPITALS + LETTERS
"""Characters by class code: 0 to 9 digits, 10 to 35 capitals, 36 to 61 small letters."""

UNKNOWN = -1
"""The class code of a fragment of which nobody knows what was written."""


def code_of(character: str) -> int:
    """Return the class code of a character, UNKNOWN if it has none."""
    return SYMBOLS.find(character) if len(character) == 1 else UNKNOWN


def name_of(code: int) -> str:
    """Return the character of a class code, "unknown" for UNKNOWN, the number of any other code."""
    if code == UNKNOWN:
        return "unknown"
    return SYMBOLS[code] if 0 <= code < len(SYMBOLS) else str(code)
