"""Handwriting -> what the networks of a bundle see of each fragment, computed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge.decision.enrolment import Enrolment, Visitor
from edge.errors import FragmentSetError
from edge.gate.judging import Seen
from edge.ink.fragment import Pixels, to_int8
from edge.ink.fragment_set import KINDS, FragmentSet
from edge.ink.symbols import SYMBOLS
from edge.roster.writing import UNKNOWN, Network, Reader
from train.progress import Progress, silent

Ints = NDArray[np.int64]

CHUNK = 500
"""Fragments that the networks see between two reports of progress."""


class Outputs(NamedTuple):
    """What a network without users gives for one fragment: see edge.gate.judging.Outputs."""

    logits: NDArray[np.float64]
    features: NDArray[np.int8]


_NO_LOGITS = np.empty(0)


@dataclass(frozen=True, eq=False)
class Written:
    """N fragments of one kind of input, as pixels and as both networks see them.

    kind      a name of edge.ink.fragment_set.KINDS
    alphabet  the reader's
    pixels    uint8 [N, 33, 33]
    features  int8 [N, F]
    readings  float64 [N, S], log-probabilities of the alphabet's symbols
    symbols   int8 [N], places in the alphabet: what is known to be written, elsewhere what the reader takes it for
    writer, order, session  int32 [N], as in FragmentSet
    """

    kind: str
    alphabet: str
    pixels: Pixels
    features: NDArray[np.int8]
    readings: NDArray[np.float64]
    symbols: NDArray[np.int8]
    writer: NDArray[np.int32]
    order: NDArray[np.int32]
    session: NDArray[np.int32]

    @cached_property
    def places(self) -> dict[int, Ints]:
        """Return each writer's fragments in order of writing."""
        order = np.argsort(self.order, kind="stable")
        return {int(w): order[self.writer[order] == w] for w in np.unique(self.writer)}

    def of_writer(self, writer: int) -> Ints:
        """Return the places of a writer's fragments in order of writing."""
        return self.places[writer]

    def seen(self, word: Ints) -> list[Seen]:
        """Return the fragments at these places as a gate has seen them; nobody knows how long they took."""
        return [
            Seen(self.pixels[place], Outputs(_NO_LOGITS, self.features[place]), self.readings[place], None)
            for place in word
        ]

    def enrolment(self, name: str, chosen: Ints, pin: str | None = None, writings: int = 1) -> Enrolment:
        """Return a user enrolled from the fragments at these places, `writings` times equally many."""
        return Enrolment(name=name, pin=pin, **self._material(chosen, writings))

    def visitor(self, number: int, chosen: Ints) -> Visitor:
        """Return somebody who wrote the fragments at these places and may not enter."""
        return Visitor(number=number, **self._material(chosen, 1))

    def _material(self, chosen: Ints, writings: int) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "features": self.features[chosen],
            "symbols": self.symbols[chosen],
            "readings": self.readings[chosen].astype(np.float32),
            "writing": np.repeat(np.arange(writings, dtype=np.int32), len(chosen) // writings),
        }


def see(fragments: FragmentSet, network: Network, reader: Reader, progress: Progress = silent) -> Written:
    """Let the networks see all fragments of a set whose symbols are in the reader's alphabet.

    At 1 bit a pixel.

    FragmentSetError if there are none, or if they come from more than one kind of input.
    """
    table = {code: reader.alphabet.find(symbol) for code, symbol in enumerate(SYMBOLS)}
    places = np.array([UNKNOWN if code == -1 else table.get(int(code), -1) for code in fragments.symbol])
    readable = (places >= 0) | (fragments.symbol == -1)
    if not readable.any():
        raise FragmentSetError(f"nothing that the reader reads is in the set; it reads {reader.alphabet}")
    kinds = sorted({KINDS[code] for code in fragments.kind[readable]})
    if len(kinds) > 1:
        raise FragmentSetError(f"the fragments come from {' and '.join(kinds)}: evaluate one kind of input at a time")
    chosen = fragments.select(readable).to_bits(1)
    features, readings = [], []
    for start in range(0, len(chosen), CHUNK):
        progress("features and symbols", start, len(chosen))
        codes = to_int8(chosen.pixels[start : start + CHUNK])
        features.append(network.features(codes))
        readings.append(reader.read(codes))
    progress("features and symbols", len(chosen), len(chosen))
    read = np.concatenate(readings)
    known = places[readable]
    return Written(
        kinds[0],
        reader.alphabet,
        chosen.pixels,
        np.concatenate(features),
        read,
        np.where(known == UNKNOWN, read.argmax(axis=1), known).astype(np.int8),
        chosen.writer,
        chosen.order,
        chosen.session,
    )


def first_share(places: Ints, share: float) -> tuple[Ints, Ints]:
    """Split a writer's fragments in order of writing: the first share, which enrols, and the rest."""
    cut = int(len(places) * share)
    return places[:cut], places[cut:]


def draw_word(
    places: Ints, symbols: NDArray[np.int8], length: int, rng: np.random.Generator, different: int = 3
) -> Ints:
    """Draw a word from a writer's fragments.

    None twice while there are enough, and so many different symbols.

    Where that cannot be had in a few trials, the last one is taken as it is.
    """
    wanted = min(different, length)
    for _ in range(50):
        word = rng.choice(places, length, replace=len(places) < length)
        if len(np.unique(symbols[word])) >= wanted:
            break
    return np.asarray(word, np.int64)


def draw_words(
    written: Written, of: dict[int, Ints], length: int, each: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Draw `each` words of every writer: places int64 [W, length] and writers int64 [W]."""
    words = [draw_word(mine, written.symbols, length, rng) for mine in of.values() for _ in range(each)]
    return np.stack(words), np.repeat(np.array(list(of), np.int64), each)


def words_apart(of: Mapping[int, Ints], length: int) -> dict[int, int]:
    """Return how many words each writer can write that share no fragment, at least 1."""
    return {writer: max(1, len(mine) // length) for writer, mine in of.items()}


def independent_words(*written: tuple[Ints, Mapping[int, int]]) -> int:
    """Return how many words at most share no fragment: so many trials are independent.

    written: by draw, the writer of each word int64 [W], and `words_apart` of each. Who wrote in several draws wrote the
    same fragments.
    """
    words: Counter[int] = Counter()
    apart: dict[int, int] = {}
    for writers, own in written:
        words.update(writers.tolist())
        apart |= own
    return sum(min(count, apart[writer]) for writer, count in words.items())
