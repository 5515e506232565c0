"""What the segmenter found -> a picture of it, and characters for a terminal."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from edge.ink.fragment import SIDE, Pixels
from edge.ink.segment import Segmentation, segment_fragment

_ZOOM = 3
_GREEN = (0, 150, 0)
_INK = 96
_BLOCKS = " \u2580\u2584\u2588"
_BETWEEN = 2
WIDTH = (SIDE + 1) // 2
"""Characters that a fragment is wide in a terminal."""


def fragments_of(found: Segmentation) -> list[Pixels]:
    """Return the fragments uint8 [33, 33] of all symbols in reading order."""
    return [segment_fragment(found, index) for index in range(len(found.symbols))]


def save_drawing(path: Path, picture: Pixels, found: Segmentation | None) -> None:
    """Write a PNG of the picture, three times as large, with its symbols in boxes.

    They are numbered, and the fragments stand below. OSError if it cannot be written.
    """
    rows, columns = picture.shape
    fragments = [] if found is None else fragments_of(found)
    across = max(columns * _ZOOM // (SIDE + _BETWEEN), 1)
    strips = -(-len(fragments) // across) * (SIDE + _BETWEEN)
    drawn = Image.new("RGB", (columns * _ZOOM, rows * _ZOOM + strips), "white")
    drawn.paste(Image.fromarray(picture).resize((columns * _ZOOM, rows * _ZOOM), Image.Resampling.NEAREST))
    pen = ImageDraw.Draw(drawn)
    for number, symbol in enumerate(() if found is None else found.symbols, 1):
        left, top, right, bottom = symbol.box
        pen.rectangle(
            (left * _ZOOM - 1, top * _ZOOM - 1, (right + 1) * _ZOOM, (bottom + 1) * _ZOOM), outline=_GREEN, width=1
        )
        pen.text((left * _ZOOM, max(top * _ZOOM - 13, 0)), str(number), fill=_GREEN)
    for place, fragment in enumerate(fragments):
        corner = place % across * (SIDE + _BETWEEN), rows * _ZOOM + _BETWEEN + place // across * (SIDE + _BETWEEN)
        drawn.paste(Image.fromarray(255 - fragment), corner)
    drawn.save(path, format="PNG")


def blocks_of(fragments: list[Pixels], width: int) -> list[str]:
    """Return the fragments as lines of block characters, side by side as far as `width` allows."""
    beside = max((width + _BETWEEN) // (WIDTH + _BETWEEN), 1)
    lines = []
    for first in range(0, len(fragments), beside):
        pictures = [_characters(fragment) for fragment in fragments[first : first + beside]]
        lines += [(" " * _BETWEEN).join(parts).rstrip() for parts in zip(*pictures, strict=True)]
    return lines


def _characters(fragment: Pixels) -> list[str]:
    """Return a fragment as lines of WIDTH characters, each of which shows two by four pixels."""
    framed = np.pad(fragment.astype(np.int64), ((0, -SIDE % 4), (0, -SIDE % 2)))
    dark = (framed.reshape(framed.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3)) >= _INK).astype(int)
    codes = dark[::2] + 2 * dark[1::2]
    return ["".join(_BLOCKS[code] for code in row) for row in codes]
