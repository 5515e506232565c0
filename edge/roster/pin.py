"""A text -> a PIN that can be written and read, or the reason why it is none."""

from typing import Final

import numpy as np
import numpy.typing as npt

from edge.errors import PinError

LEAST_DIFFERENT: Final = 3
"""A PIN, or a word, of fewer different symbols is too plain: repeats of a symbol say little of who writes."""


def check_pin(pin: str, alphabet: str, min_symbols: int) -> str:
    """Return the PIN.

    PinError if it is short, plain, or holds what is not in the alphabet. No message shows it.
    """
    if not all(character in alphabet for character in pin):
        raise PinError(f"the PIN holds what the bundle's reader cannot read; it reads {alphabet}")
    if len(pin) < min_symbols:
        raise PinError(f"the PIN has {len(pin)} symbols, at least {min_symbols} are needed")
    if len(set(pin)) < LEAST_DIFFERENT:
        raise PinError(f"PIN too plain: it needs at least {LEAST_DIFFERENT} different symbols")
    return pin


def places(text: str, alphabet: str) -> npt.NDArray[np.int8]:
    """Return the places int8 [n] of the text's symbols in the alphabet, -1 for any that is not there."""
    return np.asarray([alphabet.find(character) for character in text], np.int8)
