"""A written character <-> its class code: digits, then small letters, then capitals."""

DIGITS = "0123456789"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SYMBOLS = DIGITS + LETTERS + CAPITALS
"""All characters that have a class code, in the order of their codes."""

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
