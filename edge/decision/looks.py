"""A word's number of symbols -> the share of a FAR that a look at the word may spend.

A word may be accepted at its end, and before it at looks after every fourth symbol from the first that a policy allows.
Each look lets in some strangers, so the FAR is spent over them: a look before the end takes its own share, and the end
takes what the looks before it have left. For a word of any length T

    share_of_look(first) + ... + share_of_look(T - 1) + share_of_end(T) = 1

so that by the union bound the looks together accept no more strangers' words than the FAR allows. A look after the last
symbol costs nothing: it sees what the end sees, and asks for more.

How many looks there are and what they take was chosen by counting on development writers. Shares that fall or rise
from look to look, looks after every symbol, and a bound on the likelihood ratio at any time (Wald 1945) let fewer users
in early at the same FRR; a larger share refuses more at the end.
"""

from typing import Final

from edge.decision.evidence import MAX_SYMBOLS

EARLY: Final = 0.25
"""The share of the FAR that all looks before the end of a word take together, however long it is."""
STEP: Final = 4
"""Symbols from one look to the next."""


def share_of_look(symbols: int, first: int) -> float:
    """Return the share of the FAR that a look after `symbols` symbols may spend while the word goes on.

    It is 0 where there is no look: before `first`, between two looks, and where no evidence is calibrated any more.
    """
    looks = first <= symbols <= MAX_SYMBOLS and (symbols - first) % STEP == 0
    return EARLY / _looks_until(MAX_SYMBOLS, first) if looks else 0.0


def share_of_end(symbols: int, first: int) -> float:
    """Return the share of the FAR that is left at the end of a word of `symbols` symbols.

    At least 1 - EARLY.
    """
    before = _looks_until(min(symbols - 1, MAX_SYMBOLS), first)
    return 1.0 - EARLY * before / _looks_until(MAX_SYMBOLS, first) if before else 1.0


def _looks_until(symbols: int, first: int) -> int:
    return max((symbols - first) // STEP + 1, 0)
