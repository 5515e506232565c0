"""Nothing but this package -> handwriting that nobody wrote, for what goes into bundles."""

from pathlib import Path
from typing import Final

from edge.ink.fragment_set import FragmentSet

INVENTED: Final = Path(__file__).with_suffix(".npz")
"""Made by `inkgate data export synthetic --seed 7 --writers 30 --per-writer 20 --out quantize/model/invented.npz`."""


def invented_writing() -> FragmentSet:
    """Return grey digits of 30 invented writers, 20 each. FragmentSetError if the file is damaged.

    A bundle goes to places where nobody's handwriting must: golden words are of this. It is neither the default set
    `synthetic` nor any part of it.
    """
    return FragmentSet.load(INVENTED)
