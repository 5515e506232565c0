"""What a host learns from a board, as values: `Connected`, then words, until `LinkLost`."""

from dataclasses import dataclass, field

from firmware_bridge.wire.messages import Info, Kind, Statistics
from firmware_bridge.wire.pixels import Pixels

__all__ = [
    "BoardFault",
    "BoardInfo",
    "Connected",
    "Event",
    "FragmentReceived",
    "LinkLost",
    "LinkNotice",
    "Statistics",
    "WordEnded",
    "WordStarted",
    "info_of",
]


@dataclass(frozen=True)
class BoardInfo:
    """What a board's INFO says; texts are printable ASCII of at most 32 characters."""

    board: str
    """Name of this individual board. (board, session, word) identifies a word for ever."""
    model: str
    kind: Kind
    firmware: str
    protocol_hash: bytes
    pixel_bits: int
    session: int
    authenticated: bool
    """Whether every frame of the board is checked with its key."""


@dataclass(frozen=True)
class Connected:
    """A board has answered; every event until LinkLost comes from this board."""

    info: BoardInfo


@dataclass(frozen=True)
class WordStarted:
    """A word begins. After LinkLost in mid-word it comes again, whole, with the same session and word.

    age_s: since it began at the board, at most, when this event was handed out; None if that is not known.
    """

    session: int
    word: int
    age_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, eq=False)
class FragmentReceived:
    """One symbol of the open word, in order of `index` from 0; pixels uint8 [33, 33], 0 paper .. 255 ink.

    duration_ms: from the symbol's first contact to its last; None above 65534 or if the board does not know, as no
    camera does. pause_ms: from the last contact of the symbol before it to its first, in steps of 10; None above 2540,
    if the board does not know, and for the word's first symbol.
    """

    session: int
    word: int
    index: int
    pixels: Pixels
    duration_ms: int | None = None
    pause_ms: int | None = None


@dataclass(frozen=True)
class WordEnded:
    """The open word is complete and has `count` fragments. This event comes once for each word.

    age_s: since it ended at the board, at most, when this event was handed out; None if that is not known.
    """

    session: int
    word: int
    count: int
    age_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class BoardFault:
    """The board could not capture writing; if a word is open, it ends here without WordEnded."""

    code: str
    """Name of the wire.Fault, in lower case."""
    text: str
    """The cause for people: printable ASCII, at most 64 characters."""
    session: int
    word: int | None
    """The word that ends here, None if none was open."""


@dataclass(frozen=True)
class LinkLost:
    """The line or the board is lost, for the reason given; the link tries to connect again."""

    reason: str


@dataclass(frozen=True)
class LinkNotice:
    """Something about the line that its owner should know; the link goes on.

    altered: whether the line alters what is sent over it, so that not all of it can arrive.
    """

    text: str
    altered: bool = False


Event = Connected | WordStarted | FragmentReceived | WordEnded | BoardFault | Statistics | LinkLost | LinkNotice


def info_of(info: Info, *, authenticated: bool) -> BoardInfo:
    """Return what an INFO says of its board."""
    return BoardInfo(
        info.board,
        info.model,
        info.kind,
        info.firmware,
        info.protocol_hash,
        info.pixel_bits,
        info.session,
        authenticated,
    )
