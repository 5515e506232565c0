"""Events of a board -> whole words -> a writer's fragments added to a set."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    """One word as it was written: pixels uint8 [T, 33, 33], and which of KINDS of board saw it.

    begun_ms: when each symbol was begun, by the host's clock; None where the board does not know, as no camera does.
    """

    word: int
    pixels: Pixels
    kind: str
    begun_ms: tuple[int | None, ...] = ()


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def whole_words(events: Iterable[Event], now_ms: Callable[[], int] = _now_ms) -> Iterator[CapturedWord | Notice]:
    """Yield every word of which all fragments came, and notices.

    There is a notice for each word that was lost, and for a connection, its loss and a fault of the board.
    """
    open_word: tuple[int, int] | None = None
    symbols: list[FragmentReceived] = []
    arrived_ms = 0
    kind = KINDS[0]
    for event in events:
        if isinstance(event, WordStarted):
            open_word, symbols, arrived_ms = (event.session, event.word), [], now_ms()
        elif (
            isinstance(event, FragmentReceived)
            and open_word == (event.session, event.word)
            and event.index == len(symbols)
        ):
            symbols.append(event)
        elif isinstance(event, WordEnded) and open_word == (event.session, event.word):
            if symbols and event.count == len(symbols):
                pixels = np.stack([symbol.pixels for symbol in symbols])
                yield CapturedWord(event.word, pixels, kind, _begun_ms(arrived_ms, symbols))
            else:
                yield Notice(
                    f"word {event.word} is incomplete: {len(symbols)} of {event.count} fragments; write it again"
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


def _begun_ms(arrived_ms: int, symbols: Sequence[FragmentReceived]) -> tuple[int | None, ...]:
    """Return when each symbol was begun, None where nobody knows.

    The first one counts as begun when the word arrived.
    """
    begun: list[int | None] = []
    since_ms: int | None = 0
    for place, symbol in enumerate(symbols):
        if place and since_ms is not None:
            since_ms = None if symbol.pause_ms is None else since_ms + symbol.pause_ms
        if symbol.duration_ms is None:
            since_ms = None
        begun.append(None if since_ms is None else arrived_ms + since_ms)
        if since_ms is not None and symbol.duration_ms is not None:
            since_ms += symbol.duration_ms
    return tuple(begun)


def add_word(
    fragments: FragmentSet | None,
    writer: str,
    word: CapturedWord,
    symbols: str | None,
    session: int,
    began_ms: int | None = None,
) -> FragmentSet:
    """Return the set with the word's fragments added under the writer's name and session.

    A new name gets the next free id; without a set, the word begins one. began_ms: when the writer's first fragment of
    all was begun, by the clock of `word.begun_ms`; None if that is not known, and then no time is.

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
        time=np.array([_since(began_ms, begun) for begun in word.begun_ms or (None,) * count], np.int64),
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


def _since(began_ms: int | None, begun_ms: int | None) -> int:
    return -1 if began_ms is None or begun_ms is None else begun_ms - began_ms


def _id_of(fragments: FragmentSet, writer: str) -> int:
    for number in fragments.writers:
        if fragments.name_of(int(number)) == writer:
            return int(number)
    return int(fragments.writers.max()) + 1
