"""Fragments written one after another -> words, flat in memory, to compute all of them at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edge.ink.fragment import Pixels, to_int8
from quantize.errors import WordsError


@dataclass(frozen=True, eq=False)
class Words:
    """W words, with all their fragments in one array.

    fragments: int8 [N, side, side, 1], word after word. lengths: fragments in each word, int64 [W], sum N. The edge's
    fragments have a side of 33; the reference computes networks of any side.
    WordsError unless there is at least one word and no word is empty.
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
        """Return words from pixels, one uint8 array [T, 33, 33] for each word. WordsError if there is none."""
        if not words:
            raise WordsError("there are no words")
        lengths = np.asarray([len(word) for word in words], dtype=np.int64)
        return Words(to_int8(np.concatenate(words)), lengths)

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """Return the position of each word's first fragment in `fragments`, int64 [W]."""
        starts: npt.NDArray[np.int64] = np.cumsum(self.lengths) - self.lengths
        return starts

    def __len__(self) -> int:
        return len(self.lengths)

    def locate(self, fragment: int) -> tuple[int, int]:
        """Return (word, step in the word), both from 0, of a position in `fragments`."""
        word = int(np.searchsorted(self.starts, fragment, side="right")) - 1
        return word, fragment - int(self.starts[word])

    def chunks(self, fragments: int) -> Iterator[tuple[int, "Words"]]:
        """Yield all words in chunks of whole words: (number of the chunk's first word, the words).

        A chunk ends with the word that brings it to at least `fragments` fragments.
        """
        ends = np.append(self.starts[1:], len(self.fragments))
        first = 0
        while first < len(self):
            begin = int(self.starts[first])
            after = min(int(np.searchsorted(ends, begin + fragments)) + 1, len(self))
            yield first, Words(self.fragments[begin : int(ends[after - 1])], self.lengths[first:after])
            first = after
