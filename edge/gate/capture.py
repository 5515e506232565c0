"""Events of a board -> whole words -> a writer's fragments added to a set."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from edge.errors import CaptureError
from edge.gate.loop import Notice, link_lost
from edge.ink.fragment import Pixels
from edge.ink.fragment_set import FragmentSet, join
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
    """One word as it was written: pixels uint8 [T, 33, 33]."""

    word: int
    pixels: Pixels


def whole_words(events: Iterable[Event]) -> Iterator[CapturedWord | Notice]:
    """Yield every word of which all fragments came, and notices.

    There is a notice for each word that was lost, and for a connection, its loss and a fault of the board.
    """
    open_word: tuple[int, int] | None = None
    pixels: list[Pixels] = []
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
                yield CapturedWord(event.word, np.stack(pixels))
            else:
                yield Notice(
                    f"word {event.word} is incomplete: {len(pixels)} of {event.count} fragments; write it again"
                )
            open_word = None
        elif isinstance(event, LinkLost | BoardFault):
            open_word = None
            yield link_lost(event.reason) if isinstance(event, LinkLost) else Notice(f"board fault: {event.text}")
        elif isinstance(event, Connected):
            doubt = "" if event.info.authenticated else " (it has no key: anybody on the line can write in its place)"
            yield Notice(f"board {event.info.board}{doubt}: write")


def add_word(fragments: FragmentSet | None, writer: str, pixels: Pixels, symbols: str | None) -> FragmentSet:
    """Return the set with the word's fragments added under the writer's name.

    A new name gets the next free id; without a set, the word begins one.

    CaptureError if `symbols` does not have one character for each fragment, or if the set holds grey pixels and the
    word black and white ones, or the other way round.
    """
    count = len(pixels)
    if symbols is not None and len(symbols) != count:
        raise CaptureError(f"{count} fragments were written where {symbols!r} has {len(symbols)}; write the word again")
    number, order = 0, 0
    if fragments is not None:
        number = _id_of(fragments, writer)
        own = fragments.order[fragments.writer == number]
        order = int(own.max()) + 1 if own.size else 0
    word = FragmentSet(
        pixels,
        np.full(count, number, np.int32),
        np.asarray(
            [code_of(character) for character in symbols] if symbols is not None else [UNKNOWN] * count, np.int32
        ),
        np.arange(order, order + count, dtype=np.int32),
        (writer,),
    )
    if fragments is None:
        return word
    if fragments.pixel_bits != word.pixel_bits:
        raise CaptureError(f"the set has {depth(fragments.pixel_bits)} and the board sends {word.pixel_bits}")
    return join([fragments, word])


def _id_of(fragments: FragmentSet, writer: str) -> int:
    for number in fragments.writers:
        if fragments.name_of(int(number)) == writer:
            return int(number)
    return int(fragments.writers.max()) + 1
