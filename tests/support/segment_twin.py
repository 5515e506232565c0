"""A picture -> what the C segmenter makes of it, and Python's, which must be equal."""

import ctypes
import functools

import clib

from edge.ink.fragment import Pixels
from edge.ink.segment import Segmentation, SegmentReason, segment, segment_fragment

Word = list[bytes]
_LIGHT = "segment_light", "segment_lines", "segment_trace", "segment_marks"


@functools.cache
def library() -> clib.Library:
    halves = ("segment_pieces", "segment_symbols")
    return clib.library("segment", *_LIGHT, *halves, "segment_fragment", "pen", "mem", clib.TWINS / "twin_pen.c")


class Twin:
    """The C segmenter with a buffer that many calls share."""

    def __init__(self) -> None:
        self._lib = library()
        self._segmenter = self._lib.buffer(self._lib.value("size_of_segmenter").value)
        self._segment = self._lib.function("ink_segment", ctypes.c_int)
        self._fragment = self._lib.function("ink_segment_fragment")
        self._pixels = self._lib.buffer(33 * 33)

    def read(self, picture: Pixels) -> Word | SegmentReason:
        rows, columns = picture.shape
        count = self._segment(self._segmenter, self._lib.bytes(picture.tobytes()), columns, rows)
        return SegmentReason(count) if count < 0 else [self.fragment(index) for index in range(count)]

    def fragment(self, index: int) -> bytes:
        self._fragment(self._segmenter, index, self._pixels)
        return bytes(self._pixels)


def read(picture: Pixels) -> Word | SegmentReason:
    """Return the fragments that Python finds; the C must agree."""
    found = segment(picture)
    if isinstance(found, Segmentation):
        word = [segment_fragment(found, index).tobytes() for index in range(len(found.symbols))]
        assert word == Twin().read(picture)
        return word
    assert found is Twin().read(picture)
    return found
