"""Pixels said to be handwriting -> refused where paper is not 0 or ink not 255."""

import numpy as np
import numpy.typing as npt

from edge.errors import FragmentSetError
from edge.ink.fragment import Pixels

INK = 128
"""A pixel is ink from this value on; what a board sends at one bit a pixel is cut here."""
PAPER = 96
"""Where fewer than a quarter of a fragment's border pixels are lighter than this, its paper is not 0."""

_FEWEST = 5  # odd fragments of one writer below this number are accidents
_EXPECTED = "a pixel is 0 where there is paper and 255 where there is ink"


def check_ink(pixels: Pixels, writer: npt.NDArray[np.integer]) -> None:
    """Raise FragmentSetError unless pixels uint8 [N, 33, 33] are dark writing on the value of paper.

    The set is refused if half of its fragments, or half of one writer's and at least five, have paper that is not 0 (as
    of black and white turned round), or no ink at all (as of pixels 0 and 1). Single odd fragments pass.
    """
    for fault, odd in (("paper", _lacks_paper(pixels)), ("ink", pixels.max(axis=(1, 2)) < INK)):
        if 2 * np.count_nonzero(odd) >= len(odd):
            raise FragmentSetError(_sentence(fault, pixels, odd, ""))
        if odd.any():
            _check_writers(fault, pixels, odd, writer)


def _check_writers(fault: str, pixels: Pixels, odd: npt.NDArray[np.bool_], writer: npt.NDArray[np.integer]) -> None:
    ids, place = np.unique(writer, return_inverse=True)
    all_of, odd_of = np.bincount(place), np.bincount(place[odd], minlength=len(ids))
    worst = np.flatnonzero((odd_of >= _FEWEST) & (2 * odd_of >= all_of))
    if worst.size:
        own = place == worst[0]
        raise FragmentSetError(_sentence(fault, pixels[own], odd[own], f" of writer {ids[worst[0]]}"))


def _lacks_paper(pixels: Pixels) -> npt.NDArray[np.bool_]:
    """Return whether hardly a pixel of the border is as light as paper, bool [N]."""
    border = np.concatenate([pixels[:, 0], pixels[:, -1], pixels[:, 1:-1, 0], pixels[:, 1:-1, -1]], axis=1)
    return np.asarray(4 * np.count_nonzero(border < PAPER, axis=1) < border.shape[1])


def _sentence(fault: str, pixels: Pixels, odd: npt.NDArray[np.bool_], whose: str) -> str:
    which = f"{np.count_nonzero(odd):,} of {len(odd):,} fragments{whose}"
    return f"{_EXPECTED}, but {_found(fault, pixels[odd], which)}"


def _found(fault: str, pixels: Pixels, which: str) -> str:
    """Return what the odd fragments hold instead, and how to mend it."""
    if fault == "paper":
        value = int(np.median(pixels[:, [0, -1]]))
        mend = "black and white are turned round: subtract every pixel from 255" if value >= INK else "make the paper 0"
        return f"the border of {which} has the value {value}; {mend}"
    highest = int(pixels.max())
    if highest == 0:
        return f"{which} are blank"
    mend = "multiply every pixel by 255" if highest == 1 else f"ink begins at {INK}: spread the greys to 0 .. 255"
    return f"the highest pixel of {which} is {highest}; {mend}"
