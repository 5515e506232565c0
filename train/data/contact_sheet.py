"""FragmentSet -> a contact sheet: one row a writer, fragments by symbol, ink black on white."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment import SIDE
from edge.ink.fragment_set import FragmentSet

_GAP = 2
_GREY = 200


def contact_sheet(fragments: FragmentSet, rows: int = 16, columns: int = 20, zoom: int = 2) -> NDArray[np.uint8]:
    """Return a grey picture uint8 [H, W] of up to `rows` writers and `columns` fragments of each.

    Writers and fragments are spread evenly over the set.
    """
    writers = _spread(fragments.writers, rows)
    cell = SIDE + _GAP
    columns = min(columns, int(np.bincount(np.searchsorted(fragments.writers, fragments.writer)).max()))
    picture = np.full((len(writers) * cell + _GAP, columns * cell + _GAP), _GREY, np.uint8)
    for row, writer in enumerate(writers):
        mine = np.flatnonzero(fragments.writer == writer)
        mine = _spread(mine[np.lexsort((fragments.order[mine], fragments.symbol[mine]))], columns)
        for column, index in enumerate(mine):
            top, left = _GAP + row * cell, _GAP + column * cell
            picture[top : top + SIDE, left : left + SIDE] = 255 - fragments.pixels[index]
    return picture.repeat(zoom, axis=0).repeat(zoom, axis=1)


def save_sheet(fragments: FragmentSet, path: Path) -> None:
    """Write the contact sheet as an image in the format that the path's extension names."""
    from PIL import Image

    Image.fromarray(contact_sheet(fragments)).save(path)


def _spread(values: NDArray[np.generic], count: int) -> NDArray[np.int64]:
    """Return at most `count` of the values, evenly spread, in order."""
    places = np.unique(np.linspace(0, len(values) - 1, min(count, len(values))).astype(np.int64))
    return values[places].astype(np.int64)
