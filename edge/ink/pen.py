"""Samples of a digitiser at a fixed rate -> finished symbols and words.

Twin of firmware_bridge/firmware/core/ink/pen.c: equal bit for bit.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from edge.ink.raster import NOMINAL_PRESSURE, POINT, Points
from firmware_bridge.build.settings import SETTINGS
from firmware_bridge.wire.messages import LONG_DURATION_MS, LONG_PAUSE_CS

MAX_POINTS = 512
"""Largest number of points in a symbol: 5 s of steady contact at 100 Hz; longer symbols are thinned out."""
MAX_STROKES = 64
"""Largest number of strokes in a symbol; further ones are dropped and counted."""
FAILURE_MS = 1000
"""A digitiser that is silent for this many ms while the pen touches has failed."""
STUCK_MS = 30_000
"""A pen that touches for this many ms without a break does not say when it is lifted."""
UNTOUCHED_MS = 30_000
"""A pen that was in reach for this many ms and never touched has no pressure."""


class PenEvent(enum.IntEnum):
    """What a sample completed."""

    NONE = 0
    SYMBOL = 1
    """A symbol is finished; `points` are its points, until the next call."""
    WORD = 2
    """A word is finished: all symbols since the last WORD."""
    FAILURE = 3
    """The digitiser has failed; what was written since the last WORD is lost."""
    STUCK = 4
    """The pen touches without end; what was written is lost, and contacts count again once it is lifted."""
    UNTOUCHED = 5
    """Since the start the pen was in reach for long and never touched; told once."""


_DEFAULT = {name: setting.default for name, setting in SETTINGS.items()}


@dataclass(frozen=True)
class PenConfig:
    """The settings of a pen board; the defaults are those of a build.

    Lengths are in 1/100 mm, times in ms, pressures in the digitiser's units.
    """

    rate_hz: int = _DEFAULT["rate_hz"]  # samples a second while the pen is in reach
    contact: int = _DEFAULT["contact"]  # the pen touches from this pressure on
    release: int = _DEFAULT["release"]  # a pen that touched has left the paper below this pressure
    nominal: int = _DEFAULT["nominal"]  # at this pressure a line is as wide as the pen
    gap: int = _DEFAULT["gap"]  # a stroke that begins further than this to the right of a symbol begins another one
    back: int = _DEFAULT["back"]  # a stroke that begins further than this to the left of a symbol begins another one
    line: int = _DEFAULT["line"]  # a stroke that begins further than this above or below a symbol begins another one
    spacing: int = _DEFAULT["spacing"]  # a point closer than this to the last one kept is not kept
    pen_up_ms: int = _DEFAULT["pen_up_ms"]  # after this time without contact the symbol is finished
    word_ms: int = _DEFAULT["word_ms"]  # after this time without contact the word is finished
    least_ms: int = _DEFAULT["least_ms"]  # a symbol that took less, first contact to last, is a speck


class _Point(NamedTuple):
    x: int
    y: int
    pressure: int
    stroke: int


class Pen:
    """The state of a pen board's capture.

    Its counters are those of struct ink_pen:

    specks   symbols that were dropped, because they took less than `least_ms`
    dropped  samples of strokes beyond MAX_STROKES
    thinned  times that points were thinned out
    """

    def __init__(self, config: PenConfig | None = None) -> None:
        given = config or PenConfig()
        self.config = replace(given, rate_hz=max(given.rate_hz, 1), nominal=max(given.nominal, 1))
        self.specks = self.dropped = self.thinned = 0
        self._pen_up_samples = self._samples(self.config.pen_up_ms)
        self._word_samples = self._samples(self.config.word_ms)
        self._least_samples = -(-self.config.least_ms * self.config.rate_hz // 1000)
        self._stuck_samples = self._samples(STUCK_MS)
        self._untouched_samples = self._samples(UNTOUCHED_MS)
        self._idle = self._word_samples
        self._touching = self._hovering = 0
        self._clock = self._began = self._ended = self._before = 0  # in samples since the start
        self._pause: int | None = 0
        self._held: tuple[int, int, int] | None = None
        self._word_open = self._word_due = False
        self._clear()

    @property
    def points(self) -> Points:
        """Return the points, POINT [P], of the symbol so far or of the one just finished."""
        return np.array(self._points, POINT)

    @property
    def duration_ms(self) -> int | None:
        """The time from the first contact of the symbol just finished to its last; None above 65534 ms."""
        lasted, rate_hz = self._ended - self._began, self.config.rate_hz
        is_short = lasted <= (LONG_DURATION_MS - 1) * rate_hz // 1000
        return lasted * 1000 // rate_hz if is_short else None

    @property
    def pause_ms(self) -> int | None:
        """The time between the last contact of the symbol before it and its first, in steps of 10 ms.

        None above 2540 ms, and for a word's first symbol.
        """
        pause, rate_hz = self._pause, self.config.rate_hz
        is_soon = pause is not None and pause <= (LONG_PAUSE_CS - 1) * rate_hz // 100
        return pause * 100 // rate_hz * 10 if pause is not None and is_soon else None

    def sample(self, x: int, y: int, pressure: int) -> PenEvent:
        """Take one sample and return what it completed; call `pending` after it until it returns NONE.

        x and y are in 1/100 mm; pressure is 0 where the pen does not touch.
        """
        self._settle()
        self._clock += 1
        touches = pressure > 0 and (pressure >= self.config.contact or (self._down and pressure >= self.config.release))
        event = self._watch(touches)
        if event is PenEvent.STUCK:
            self._lose()
            return event
        if event is not PenEvent.NONE or self._touching == self._stuck_samples:
            return event
        if touches:
            self._idle = 0
            event = self._touch(x, y, min(pressure * NOMINAL_PRESSURE // self.config.nominal, 255))
        else:
            event = self._leave()
        return self.pending() if event is PenEvent.NONE and self._word_due else event

    def silence(self, silent_ms: int) -> PenEvent:
        """Take note that no sample has come for `silent_ms`; callable at any time.

        Silence of word_ms means that the pen, which did not touch, is out of reach: symbol and word are finished. A
        shorter silence does not count, so that time within a word is counted in samples alone. Silence of FAILURE_MS
        while the pen touches is a FAILURE.
        """
        self._settle()
        touched = self._idle == 0
        if self._idle == self._word_samples or silent_ms < (FAILURE_MS if touched else self.config.word_ms):
            return PenEvent.NONE
        if touched:
            self._lose()
            return PenEvent.FAILURE
        self._idle = self._word_samples - 1
        return self._leave()

    def pending(self) -> PenEvent:
        """Return what is due without another sample."""
        self._settle()
        if not self._word_due:
            return PenEvent.NONE
        self._word_due = self._word_open = False
        return PenEvent.WORD

    def _samples(self, time_ms: int) -> int:
        return max(time_ms * self.config.rate_hz // 1000, 1)

    def _clear(self) -> None:
        self._points: list[_Point] = []
        self._strokes = self._contacts = 0
        self._left = self._top = self._right = self._bottom = 0
        self._spacing = self.config.spacing
        self._down = self._delivered = False

    def _lose(self) -> None:
        """Lose the symbol and the word."""
        self._clear()
        self._idle = self._word_samples
        self._word_open = self._word_due = False

    def _watch(self, touches: bool) -> PenEvent:
        """Count how long the pen touches, or has not yet; return what its pressure is then known for."""
        if not touches:
            self._touching = 0
            if self._hovering < self._untouched_samples:
                self._hovering += 1
                if self._hovering == self._untouched_samples:
                    return PenEvent.UNTOUCHED
            return PenEvent.NONE
        self._hovering = self._untouched_samples
        if self._touching < self._stuck_samples:
            self._touching += 1
            if self._touching == self._stuck_samples:
                return PenEvent.STUCK
        return PenEvent.NONE

    def _settle(self) -> None:
        """Do what the last call left to be done."""
        if self._delivered:
            self._clear()
        if self._held:
            held, self._held = self._held, None
            self._touch(*held)

    def _touch(self, x: int, y: int, pressure: int) -> PenEvent:
        """Take a place where the pen touches; begin a symbol if none is open."""
        if not self._down and self._contacts and self._is_far(x, y) and self._finish():
            self._held = x, y, pressure
            return PenEvent.SYMBOL
        if not self._down:
            if self._strokes == MAX_STROKES:
                self.dropped += 1
                return PenEvent.NONE
            self._strokes += 1
        self._cover(x, y)
        self._note_time()
        self._contacts += 1
        self._last = _Point(x, y, pressure, self._strokes - 1)
        if not self._down or self._is_apart(x, y):
            self._keep(self._last)
        self._down = True
        return PenEvent.NONE

    def _note_time(self) -> None:
        """Note when the symbol was touched: now."""
        if self._contacts == 0:
            self._began = self._clock
            self._pause = self._clock - self._before if self._word_open else None
        self._ended = self._clock

    def _leave(self) -> PenEvent:
        self._lift()
        if self._idle == self._word_samples:
            return PenEvent.NONE
        self._idle += 1
        word = self._idle == self._word_samples
        finished = bool(self._contacts) and (word or self._idle >= self._pen_up_samples) and self._finish()
        if word and self._word_open:
            self._word_due = self._word_open = finished
            return PenEvent.SYMBOL if finished else PenEvent.WORD
        return PenEvent.SYMBOL if finished else PenEvent.NONE

    def _finish(self) -> bool:
        """Finish the symbol and return True; drop it and return False if it is a speck."""
        self._lift()
        if self._ended - self._began < self._least_samples:
            self.specks += 1
            self._clear()
            return False
        self._before = self._ended
        self._delivered = self._word_open = True
        return True

    def _lift(self) -> None:
        """End the stroke at the place where the pen touched last."""
        if self._down and (self._points[-1].x, self._points[-1].y) != (self._last.x, self._last.y):
            self._keep(self._last)
        self._down = False

    def _keep(self, point: _Point) -> None:
        if len(self._points) == MAX_POINTS:
            self._thin_out()
        self._points.append(point)

    def _thin_out(self) -> None:
        """Double the spacing; drop every other point of each stroke, but not its first and its last."""
        kept, odd = [], False
        for number, point in enumerate(self._points):
            first = number == 0 or self._points[number - 1].stroke != point.stroke
            last = number + 1 == len(self._points) or self._points[number + 1].stroke != point.stroke
            odd = not first and not odd
            if first or last or not odd:
                kept.append(point)
        self._points = kept
        self._spacing = 2 * self._spacing + 1 if self._spacing < 32768 else 65535
        self.thinned += 1

    def _is_far(self, x: int, y: int) -> bool:
        """Return whether a stroke that begins here belongs to another symbol."""
        return (
            x > self._right + self.config.gap
            or x + self.config.back < self._left
            or y > self._bottom + self.config.line
            or y + self.config.line < self._top
        )

    def _is_apart(self, x: int, y: int) -> bool:
        """Return whether this place is far enough from the last point to be kept."""
        last = self._points[-1]
        return abs(x - last.x) + abs(y - last.y) >= self._spacing

    def _cover(self, x: int, y: int) -> None:
        if self._contacts == 0:
            self._left = self._right = x
            self._top = self._bottom = y
        if x < self._left:
            self._left = x
        elif x > self._right:
            self._right = x
        if y < self._top:
            self._top = y
        elif y > self._bottom:
            self._bottom = y


class Captured(NamedTuple):
    """A symbol as a board captured it: its points, POINT [P], and its times as `Pen` has them."""

    points: Points
    duration_ms: int | None
    pause_ms: int | None


def capture(samples: Iterable[tuple[int, int, int]], config: PenConfig | None = None) -> list[list[Points]]:
    """Return the points of every symbol of every word that `capture_timed` finds."""
    return [[symbol.points for symbol in word] for word in capture_timed(samples, config)]


def capture_timed(samples: Iterable[tuple[int, int, int]], config: PenConfig | None = None) -> list[list[Captured]]:
    """Return every symbol of every word that a board captures from samples.

    samples: (x, y, pressure). A word that has not ended, or was lost by a fault, is left out.
    """
    pen = Pen(config)
    words: list[list[Captured]] = []
    word: list[Captured] = []
    for x, y, pressure in samples:
        event = pen.sample(x, y, pressure)
        while event is not PenEvent.NONE:
            if event is PenEvent.SYMBOL:
                word.append(Captured(pen.points, pen.duration_ms, pen.pause_ms))
            else:
                words += [word] if event is PenEvent.WORD else []
                word = []
            event = pen.pending()
    return words
