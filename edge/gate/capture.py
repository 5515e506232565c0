"""Events of a board -> whole words -> a writer's fragments added to a set."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from edge.errors import CaptureError, FragmentSetError
from edge.gate.loop import Notice, link_lost
from edge.ink.fragment import Pixels
from edge.ink.fragment_set import KINDS, FragmentSet, join
from edge.ink.plausible import check_ink
from edge.ink.symbols import UNKNOWN, code_of
from firmware_bridge.session.events import (
    BoardFault,
    Connected,
    Event,
    FragmentReceived,
    LinkLost,
    WordEnded,
    WordStarted,
)
from firmware_bridge.wire.pixels import depth


@dataclass(frozen=True)
class CapturedWord:
    """One word as it was written: pixels uint8 [T, 33, 33], and which of KINDS of board saw it."""

    word: int
    pixels: Pixels
    kind: str


def whole_words(events: Iterable[Event]) -> Iterator[CapturedWord | Notice]:
    """Yield every word of which all fragments came, and notices.

    There is a notice for each word that was lost, and for a connection, its loss and a fault of the board.
    """
    open_word: tuple[int, int] | None = None
    pixels: list[Pixels] = []
    kind = KINDS[0]
    for event in events:
        if isinstance(event, WordStarted):
            open_word, pixels = (event.session, event.word), []
        elif (
            isinstance(event, FragmentReceived)
            and open_word == (event.session, event.word)
            and event.index == len(pixels)
        ):
            pixels.append(event.pixels)
        elif isinstance(event, WordEnded) and open_word == (event.session, event.word):
            if pixels and event.count == len(pixels):
                yield CapturedWord(event.word, np.stack(pixels), kind)
            else:
                yield Notice(
                    f"word {event.word} is incomplete: {len(pixels)} of {event.count} fragments; write it again"
                )
            open_word = None
        elif isinstance(event, LinkLost | BoardFault):
            open_word = None
            yield link_lost(event.reason) if isinstance(event, LinkLost) else Notice(f"board fault: {event.text}")
        elif isinstance(event, Connected):
            told = event.info.kind.name.lower()
            kind = told if told in KINDS else KINDS[0]
            doubt = "" if event.info.authenticated else " (it has no key: anybody on the line can write in its place)"
            yield Notice(f"board {event.info.board}{doubt}: write")


def add_word(
    fragments: FragmentSet | None, writer: str, word: CapturedWord, symbols: str | None, session: int
) -> FragmentSet:
    """Return the set with the word's fragments added under the writer's name and session.

    A new name gets the next free id; without a set, the word begins one.

    CaptureError if `symbols` does not have one character for each fragment, if the word's pixels are not writing (see
    `edge.ink.plausible`), or if the set holds grey pixels and the word black and white ones, or the other way round.
    """
    count = len(word.pixels)
    if symbols is not None and len(symbols) != count:
        raise CaptureError(f"{count} fragments were written where {symbols!r} has {len(symbols)}; write the word again")
    try:
        check_ink(word.pixels, np.zeros(count, np.int32))
    except FragmentSetError as error:
        raise CaptureError("the board saw no dark writing on light paper; see to its sensor, then go on") from error
    codes = [UNKNOWN] * count if symbols is None else [code_of(character) for character in symbols]
    number, order = 0, 0
    if fragments is not None:
        number = _id_of(fragments, writer)
        own = fragments.order[fragments.writer == number]
        order = int(own.max()) + 1 if own.size else 0
    added = FragmentSet(
        word.pixels,
        np.full(count, number, np.int32),
        np.asarray(codes, np.int32),
        np.arange(order, order + count, dtype=np.int32),
        (writer,),
        session=np.full(count, session, np.int32),
    ).of_kind(word.kind)
    if fragments is None:
        return added
    if fragments.pixel_bits != added.pixel_bits:
        raise CaptureError(f"the set has {depth(fragments.pixel_bits)} and the board sends {added.pixel_bits}")
    return join([fragments, added])


def next_session(fragments: FragmentSet | None, writer: str) -> int:
    """Return the number of a writer's new session: 0 for the first, and one more than any in the set."""
    if fragments is None:
        return 0
    own = fragments.session[fragments.writer == _id_of(fragments, writer)]
    return int(own.max(initial=-1)) + 1


def _id_of(fragments: FragmentSet, writer: str) -> int:
    for number in fragments.writers:
        if fragments.name_of(int(number)) == writer:
            return int(number)
    return int(fragments.writers.max()) + 1
