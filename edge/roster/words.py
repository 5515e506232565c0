"""A set of fragments and a writer -> his words, in the order in which he wrote them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.errors import EnrolmentError, UserError
from edge.ink.fragment import Pixels
from edge.ink.fragment_set import KINDS, FragmentSet
from edge.ink.symbols import SYMBOLS
from edge.roster.writing import UNKNOWN, Int8s


@dataclass(frozen=True, eq=False)
class Word:
    """One word of n fragments.

    pixels   uint8 [n, 33, 33]
    symbols  int8 [n], places in the reader's alphabet, UNKNOWN where nobody says
    """

    pixels: Pixels
    symbols: Int8s


@dataclass(frozen=True, eq=False)
class Handwriting:
    """One writer's words.

    kind      a name of KINDS
    left_out  how many fragments are of symbols that the reader does not read
    """

    words: tuple[Word, ...]
    kind: str
    left_out: int


def writer_of(fragments: FragmentSet, name: str) -> int:
    """Return the id of the writer of that name. UserError, naming others, if there is none."""
    for writer in fragments.writers:
        if fragments.name_of(int(writer)) == name:
            return int(writer)
    known = [fragments.name_of(int(writer)) for writer in fragments.writers[:5]]
    more = f" and {len(fragments.writers) - 5} others" if len(fragments.writers) > 5 else ""
    raise UserError(f"nobody in the set is called {name!r}; --writer names one of {', '.join(known)}{more}")


def handwriting_of(fragments: FragmentSet, writer: int, alphabet: str, length: int | None = None) -> Handwriting:
    """Return the words of a writer of the set.

    A word is a run of fragments of one session; with `length`, a run of as many fragments as several words of that
    length have is cut into them. Fragments of symbols that are not in the reader's alphabet are left out.

    EnrolmentError if nothing is left, or if the kinds of input are mixed.
    """
    own = np.flatnonzero(fragments.writer == writer)
    own = own[np.argsort(fragments.order[own], kind="stable")]
    places = _places(fragments.symbol[own], alphabet)
    readable = places != _FOREIGN
    own, places = own[readable], places[readable]
    if not len(own):
        raise EnrolmentError(f"nothing that the reader reads is in the set; it reads {alphabet}")
    kinds = sorted({KINDS[code] for code in fragments.kind[own]})
    if len(kinds) > 1:
        raise EnrolmentError(f"the fragments come from {' and '.join(kinds)}: enrol from one kind of input")
    runs = np.split(np.arange(len(own)), np.flatnonzero(np.diff(fragments.session[own])) + 1)
    cut = [piece for run in runs for piece in _cut(run, length)]
    words = tuple(Word(fragments.pixels[own[piece]], places[piece]) for piece in cut)
    return Handwriting(words, kinds[0], int((~readable).sum()))


_FOREIGN = -2
"""The place of a symbol that is known and not in the alphabet."""


def _cut(run: npt.NDArray[np.int64], length: int | None) -> list[npt.NDArray[np.int64]]:
    """Return the run in pieces of `length`, or whole if it is no multiple of that."""
    return [run] if not length or len(run) % length else np.split(run, len(run) // length)


def _places(codes: npt.NDArray[np.int32], alphabet: str) -> Int8s:
    """Return the places of class codes in the alphabet.

    UNKNOWN for no symbol, _FOREIGN for one that it does not have.
    """
    table = {code: alphabet.find(symbol) for code, symbol in enumerate(SYMBOLS)}
    found = [UNKNOWN if code == UNKNOWN else table.get(int(code), UNKNOWN) for code in codes]
    foreign = [code != UNKNOWN and place == UNKNOWN for code, place in zip(codes, found, strict=True)]
    return np.where(foreign, _FOREIGN, found).astype(np.int8)
