"""Fragments written one after another -> words, flat in memory, so that arithmetic runs over all of them at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edge.ink.fragment import Pixels, to_int8
from quantize.errors import WordsError


@dataclass(frozen=True, eq=False)
class Words:
    """W words: their fragments behind one another, int8 [N, side, side, 1], and how many each has, int64 [W], sum N.

    The edge's fragments have a side of 33; the reference computes networks of any.

    WordsError unless there is a word and none is empty.
    """

    fragments: npt.NDArray[np.int8]
    lengths: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        shape = self.fragments.shape
        if self.fragments.dtype != np.int8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 1:
            raise WordsError(f"fragments are int8 [N, side, side, 1], these are {self.fragments.dtype} {list(shape)}")
        if len(self.lengths) == 0 or int(self.lengths.min()) < 1 or int(self.lengths.sum()) != len(self.fragments):
            raise WordsError(f"{len(self.lengths)} word lengths do not divide {len(self.fragments)} fragments")

    @staticmethod
    def of(words: Sequence[Pixels]) -> "Words":
        """From pixels, one uint8 [T, 33, 33] per word."""
        if not words:
            raise WordsError("there are no words")
        lengths = np.asarray([len(word) for word in words], dtype=np.int64)
        return Words(to_int8(np.concatenate(words)), lengths)

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """Flat position of each word's first fragment, int64 [W]."""
        starts: npt.NDArray[np.int64] = np.cumsum(self.lengths) - self.lengths
        return starts

    def __len__(self) -> int:
        return len(self.lengths)

    def locate(self, fragment: int) -> tuple[int, int]:
        """Flat position -> (word, step), both from 0."""
        word = int(np.searchsorted(self.starts, fragment, side="right")) - 1
        return word, fragment - int(self.starts[word])

    def chunks(self, fragments: int) -> Iterator[tuple[int, "Words"]]:
        """(number of its first word, some whole words) until none is left; a chunk ends once it has `fragments`."""
        ends = np.append(self.starts[1:], len(self.fragments))
        first = 0
        while first < len(self):
            begin = int(self.starts[first])
            after = min(int(np.searchsorted(ends, begin + fragments)) + 1, len(self))
            yield first, Words(self.fragments[begin : int(ends[after - 1])], self.lengths[first:after])
            first = after
