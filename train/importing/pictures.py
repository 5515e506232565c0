"""Pictures of single symbols of any size -> fragments, their paper and ink checked."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.ink.fragment import SIDE, Pixels
from edge.ink.plausible import INK, PAPER
from train.errors import ImportedFileError

LARGEST_SIDE = 4096
"""Largest side in pixels of a picture."""

_BOX = 25
_FAINTEST = 64  # difference of ink and paper below which a picture is blank
_EXPECTED = "a pixel is 0 where there is paper and 255 where there is ink"


def fragment_of(picture: NDArray[np.uint8], where: str, invert: bool) -> Pixels:
    """Return a picture uint8 [H, W] of a symbol as a fragment uint8 [33, 33].

    The ink is 25 pixels on its larger side, its mass lies in the middle, and a thin line is drawn darker rather than
    lost. The paper is the median of the picture's border. It must be dark (0), unless `invert`: then black on white is
    turned round. ImportedFileError, which begins with `where`, if it is light, or if nothing is written.
    """
    if min(picture.shape) < 2 or max(picture.shape) > LARGEST_SIDE:
        raise ImportedFileError(f"{where}: {picture.shape[1]} x {picture.shape[0]} pixels are no picture of a symbol")
    border = np.concatenate([picture[0], picture[-1], picture[1:-1, 0], picture[1:-1, -1]])
    paper = int(np.median(border))
    if paper >= INK and invert:
        picture, paper = 255 - picture, 255 - paper
    if paper >= PAPER:
        raise ImportedFileError(f"{where}: {_EXPECTED}, but the border has the value {paper}; {_mend(paper, invert)}")
    highest = int(picture.max())
    if highest - paper < _FAINTEST:
        raise ImportedFileError(f"{where}: {_EXPECTED}, but the highest pixel is {highest} and the paper {paper}")
    spread = (picture.astype(np.float64) - paper) * 255 / (highest - paper)
    return _framed(np.clip(np.rint(spread), 0, 255).astype(np.uint8))


def _mend(paper: int, invert: bool) -> str:
    if paper >= INK:
        return "give --invert if these are pictures of dark writing on light paper"
    return "make the paper white and the ink black" if invert else "make the paper black and the ink white"


def _framed(ink: NDArray[np.uint8]) -> Pixels:
    """Return the ink, 25 pixels on its larger side, with its mass in the middle of a fragment."""
    rows, columns = np.flatnonzero((ink >= INK).any(axis=1)), np.flatnonzero((ink >= INK).any(axis=0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = _BOX / max(box.shape)
    size = max(1, round(box.shape[1] * scale)), max(1, round(box.shape[0] * scale))
    small = np.asarray(Image.fromarray(box).resize(size, Image.Resampling.BICUBIC), np.float64)
    line = small[small >= small.max() / 4]
    drawn = np.clip(np.rint(small * 255 / max(float(np.percentile(line, 90)), 1.0)), 0, 255)
    fragment = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (_place(drawn.sum(axis=1 - axis)) for axis in (0, 1))
    fragment[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return fragment


def _place(mass: NDArray[np.float64]) -> int:
    """Return where ink of this mass along an axis begins: its centre in the middle, all inside."""
    centre = float((mass * np.arange(len(mass))).sum() / mass.sum())
    return int(np.clip(round((SIDE - 1) / 2 - centre), 0, SIDE - len(mass)))
