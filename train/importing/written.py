"""Symbols as a file gives them, strokes or pictures with names -> a set of fragments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.ink.fragment import Pixels
from edge.ink.fragment_set import FragmentSet, Ids
from edge.ink.symbols import code_of
from train.data.ink import Ink, join_strokes, pixels_of, scale_mm


@dataclass(frozen=True, eq=False)
class Written:
    """A symbol as strokes of a pen, each float64 [n, 2]: x to the right, y downwards.

    writer: a name. character: what was written, "" unknown. per_mm: units of x and y in a millimetre, 0 unknown.
    """

    strokes: list[NDArray[np.float64]]
    writer: str
    character: str
    per_mm: float = 0.0


def fragments_of_strokes(symbols: Sequence[Written], processes: int | None = None) -> FragmentSet:
    """Return the fragments that a pen board makes of the symbols, in the order given.

    Where the size is unknown, or not plausible, see `train.data.ink.scale_mm`. FragmentSetError for names that cannot
    be told apart or shown, and without a symbol.
    """
    writer, order, names = number([symbol.writer for symbol in symbols])
    points, point_offset, stroke_offset = join_strokes([symbol.strokes for symbol in symbols])
    size = np.array([np.ptp(np.concatenate(symbol.strokes), axis=0).max() for symbol in symbols])
    mm = scale_mm(size, writer, np.array([symbol.per_mm for symbol in symbols]))
    counts = np.diff(point_offset[stroke_offset])
    scaled = points * np.repeat(mm, counts)[:, np.newaxis].astype(np.float32)
    codes = codes_of([symbol.character for symbol in symbols])
    ink = Ink(scaled[:, 0], scaled[:, 1], point_offset, stroke_offset, writer, codes, order, np.full_like(writer, -1))
    return FragmentSet(pixels_of(ink, processes=processes), writer, codes, order, names)


def fragments_of_pictures(pixels: Pixels, writers: Sequence[str], characters: Sequence[str]) -> FragmentSet:
    """Return a set of ready fragments uint8 [N, 33, 33] with their writers' names and characters."""
    writer, order, names = number(writers)
    return FragmentSet(pixels, writer, codes_of(characters), order, names)


def number(writers: Sequence[str]) -> tuple[Ids, Ids, tuple[str, ...]]:
    """Return each name's id, in order of appearance, its place among the writer's own, and the names."""
    ids: dict[str, int] = {}
    written: dict[str, int] = {}
    order = []
    for name in writers:
        ids.setdefault(name, len(ids))
        order.append(written.get(name, 0))
        written[name] = order[-1] + 1
    return np.array([ids[name] for name in writers], np.int32), np.array(order, np.int32), tuple(ids)


def codes_of(characters: Sequence[str]) -> Ids:
    """Return the class code of each character; -1 for one that has none."""
    return np.array([code_of(character) for character in characters], np.int32)
