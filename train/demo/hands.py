"""A dataset's name -> people who write any text asked for, as a board delivers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from edge.ink.fragment_set import KINDS, FragmentSet
from edge.ink.symbols import SYMBOLS
from train.data import datasets
from train.errors import TooFewWritersError, UnknownDatasetError, UnknownSymbolError
from train.synthetic.digitiser import sample_word
from train.synthetic.not_writing import Word, by_pen
from train.synthetic.writers import Style, style_of, write_symbol

INVENTED = "synthetic"
SEED = 20_260_103
"""The seed of the demo's invented writers, who are in no dataset."""


class Hands(Protocol):
    """People by number, each with a handwriting of his own.

    kind: their kind of input, as a board tells it or a file has it.
    """

    @property
    def kind(self) -> str: ...

    def people(self, count: int, symbols: int, copies: int) -> Sequence[int]:
        """Return `count` people who can write `symbols` different symbols `copies` times each.

        Raises TooFewWritersError if there are not so many.
        """
        ...

    def able(self, person: int, copies: int) -> str:
        """Return the symbols that a person can write `copies` times more."""
        ...

    def write(self, person: int, text: str) -> Word:
        """Let a person write a text, anew each time.

        Raises UnknownSymbolError if he cannot.
        """
        ...


def find_hands(dataset: str, alphabet: str, bits: int) -> Hands:
    """Return who writes in a dataset, as `datasets.load` names it; `synthetic` are invented for the demo.

    Only writers on whom error rates are reported (`datasets.reported_writers`). bits: 1 or 8 bits a pixel. Raises
    UnknownDatasetError for a file of several kinds of input, and errors as `datasets.load`.
    """
    if dataset == INVENTED:
        return InventedHands(alphabet, bits)
    fragments = datasets.load(dataset, pixel_bits=bits)
    kind = datasets.kinds_of(fragments)
    if kind not in KINDS:
        raise UnknownDatasetError(f"{dataset}: comes from {kind}, and the demo needs a set of one kind of input")
    fragments = fragments.of_writers(datasets.reported_writers(dataset, fragments))
    return KeptHands(fragments, "pen" if kind == "invented" else kind, alphabet)


@dataclass
class InventedHands:
    """Invented writers, whose pen moves anew for each symbol, at a pen board."""

    alphabet: str
    bits: int
    kind: str = "pen"
    _styles: dict[int, Style] = field(default_factory=dict)
    _written: Counter[int] = field(default_factory=Counter)

    def people(self, count: int, symbols: int, copies: int) -> Sequence[int]:
        """Return `count` people: there is no end of them."""
        return range(count)

    def able(self, person: int, copies: int) -> str:
        """Return the whole alphabet."""
        return self.alphabet

    def write(self, person: int, text: str) -> Word:
        """Move the person's pen; return what a pen board makes of that."""
        style = self._styles.setdefault(person, style_of(person, SEED))
        rng = np.random.default_rng([SEED, person, self._written[person]])
        self._written[person] += 1
        word = by_pen(sample_word([write_symbol(style, symbol, rng) for symbol in text]))
        if word is None:
            raise UnknownSymbolError(f"the board saw nothing where {text!r} was written")
        return word if self.bits == 8 else Word(np.uint8(255) * (word.fragments >= 128), word.times)


class KeptHands:
    """Writers of a set: each of their fragments is used once, in order of writing."""

    def __init__(self, fragments: FragmentSet, kind: str, alphabet: str) -> None:
        self.kind = kind
        self._fragments = fragments
        self._left: dict[int, dict[str, list[int]]] = {int(writer): {} for writer in fragments.writers}
        for index in np.argsort(fragments.order, kind="stable"):
            code = int(fragments.symbol[index])
            if 0 <= code < len(SYMBOLS) and SYMBOLS[code] in alphabet:
                self._left[int(fragments.writer[index])].setdefault(SYMBOLS[code], []).append(int(index))

    def people(self, count: int, symbols: int, copies: int) -> Sequence[int]:
        """Return the first `count` writers who wrote `symbols` different symbols `copies` times each."""
        found = [writer for writer in self._left if len(self.able(writer, copies)) >= symbols]
        if len(found) < count:
            raise TooFewWritersError(
                f"{len(found)} of {len(self._left)} writers wrote {symbols} different symbols {copies} times each, and "
                f"the demo needs {count}: take fewer --users or --digits, or another --dataset"
            )
        return found[:count]

    def able(self, person: int, copies: int) -> str:
        """Return the symbols of which so many fragments are left."""
        return "".join(sorted(symbol for symbol, left in self._left[person].items() if len(left) >= copies))

    def write(self, person: int, text: str) -> Word:
        """Return the person's next fragment of each symbol; nobody knows how long they took."""
        left = self._left[person]
        if any(len(left.get(symbol, ())) < count for symbol, count in Counter(text).items()):
            raise UnknownSymbolError(f"writer {person} has not left what {text!r} needs")
        places = [left[symbol].pop(0) for symbol in text]
        return Word(self._fragments.pixels[places], ((None, None),) * len(places))
