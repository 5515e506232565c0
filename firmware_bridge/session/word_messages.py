"""Words of fragments <-> the sequenced messages that carry them: START FRAGMENT* (END | ERROR)."""

from collections.abc import Iterator

from firmware_bridge.session.errors import ProtocolViolationError
from firmware_bridge.session.events import BoardFault, FragmentReceived, WordEnded, WordStarted
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.errors import WireError
from firmware_bridge.wire.pixels import FRAGMENT_BYTES, Pixels, pack, unpack

WritingMessage = wire.Start | wire.Fragment | wire.End | wire.Error
WritingEvent = WordStarted | FragmentReceived | WordEnded | BoardFault


def fragment_messages(
    index: int, pixels: Pixels, pixel_bits: int, duration_ms: int | None = None, pause_ms: int | None = None
) -> Iterator[wire.Fragment]:
    """Yield the messages that carry one fragment: one at 1 bit a pixel, 5 at 8.

    duration_ms, pause_ms: as FragmentReceived has them. PixelsError unless the pixels are uint8 [33, 33].
    """
    packed = pack(pixels, pixel_bits)
    lasted = wire.LONG_DURATION_MS if duration_ms is None else min(duration_ms, wire.LONG_DURATION_MS)
    pause = wire.LONG_PAUSE_CS if pause_ms is None else min(pause_ms // 10, wire.LONG_PAUSE_CS)
    for offset in range(0, len(packed), wire.CHUNK_BYTES):
        yield wire.Fragment(index, offset, lasted, pause, packed[offset : offset + wire.CHUNK_BYTES])


def happened_ds(message: WritingMessage) -> int:
    """Return the time of the board's clock that START or END says, 0 for a message that says none."""
    if isinstance(message, wire.Start):
        return message.began_ds
    return message.ended_ds if isinstance(message, wire.End) else 0


class WordReader:
    """A reader of messages, in the order in which they were sent, that gives events.

    It keeps at most one fragment. Words up to `last_word` were delivered before and give no events.
    """

    def __init__(self, session: int, pixel_bits: int, last_word: int = 0) -> None:
        self._session = session
        self._pixel_bits = pixel_bits
        self._last_word = last_word
        self._open: int | None = None
        self._started = 0
        self._count = 0
        self._partial = bytearray()
        self._times = (0, 0)

    def read(self, message: WritingMessage) -> WritingEvent | None:
        """Take a message and return the event that it completes, None if there is none.

        ProtocolViolationError if the message is not allowed in this place.
        """
        if isinstance(message, wire.Start):
            return self._start(message)
        if isinstance(message, wire.Error):
            return self._error(message)
        if self._open is None:
            raise ProtocolViolationError(f"{type(message).__name__.upper()} came outside a word")
        return self._fragment(message) if isinstance(message, wire.Fragment) else self._end(message)

    def _start(self, message: wire.Start) -> WordStarted | None:
        if self._open is not None:
            raise ProtocolViolationError(f"word {message.word} began inside word {self._open}")
        if message.word <= self._started:
            raise ProtocolViolationError(f"word {message.word} began after word {self._started}")
        self._open, self._started, self._count = message.word, message.word, 0
        return None if self._known() else WordStarted(self._session, message.word)

    def _fragment(self, message: wire.Fragment) -> FragmentReceived | None:
        assert self._open is not None
        if message.index != self._count or message.offset != len(self._partial):
            found, due = f"{message.index} + {message.offset}", f"{self._count} + {len(self._partial)}"
            raise ProtocolViolationError(f"fragment {found} came where {due} was due in word {self._open}")
        times = message.duration_ms, message.pause_cs
        if message.offset and times != self._times:
            raise ProtocolViolationError(f"fragment {message.index} of word {self._open}: its times changed midway")
        self._times = times
        self._partial += message.pixels
        size = FRAGMENT_BYTES[self._pixel_bits]
        if len(self._partial) < size and message.pixels:
            return None
        try:
            pixels = unpack(bytes(self._partial), self._pixel_bits)
        except WireError as error:
            raise ProtocolViolationError(f"fragment {message.index} of word {self._open}: {error}") from error
        self._partial.clear()
        self._count += 1
        if self._known():
            return None
        duration_ms = None if message.duration_ms == wire.LONG_DURATION_MS else message.duration_ms
        pause_ms = None if message.pause_cs == wire.LONG_PAUSE_CS else 10 * message.pause_cs
        return FragmentReceived(self._session, self._open, message.index, pixels, duration_ms, pause_ms)

    def _end(self, message: wire.End) -> WordEnded | None:
        if message.word != self._open or message.count != self._count or self._partial:
            raise ProtocolViolationError(
                f"END says word {message.word} of {message.count} fragments; "
                f"word {self._open} is open with {self._count}"
            )
        known = self._known()
        self._open = None
        return None if known else WordEnded(self._session, message.word, message.count)

    def _error(self, message: wire.Error) -> BoardFault | None:
        known, word = self._known(), self._open
        self._open = None
        self._partial.clear()
        return None if known else BoardFault(message.fault.name.lower(), message.text, self._session, word)

    def _known(self) -> bool:
        return self._open is not None and self._open <= self._last_word
