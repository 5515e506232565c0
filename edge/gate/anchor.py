"""What a board remembers of the journal -> whether words may be decided beside it."""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from edge.errors import JournalError

MISSING = (
    "the board remembers a row that the journal has not: rows, or files that it continues, were taken away, an older "
    "copy was put back, or it is another journal: find out which; then, without a gate at the port, `inkgate journal "
    "anchor JOURNAL --port PORT` has the board remember this one"
)
_UNTOLD = "the board has not yet said what it remembers of the journal"


class Remembered(Protocol):
    """What is needed of edge.journal.journal.Journal."""

    @property
    def head(self) -> bytes: ...
    def holds(self, head: bytes, /) -> bool: ...


class Anchor:
    """The journal's head, which the board keeps under its key.

    problem: why no word of the board can be decided now, "" if it can. journal: None where nothing is recorded. tell:
    has the board remember a head.
    """

    def __init__(self, journal: Remembered | None = None, tell: Callable[[bytes], None] = lambda _: None) -> None:
        self._journal, self._tell = journal, tell
        self.begin()

    def begin(self) -> None:
        """Begin anew: a board has connected."""
        self.problem = "" if self._journal is None else _UNTOLD

    def hear(self, head: bytes) -> str:
        """Take the head that the board remembers. Return why nothing is decided, once, if that is so.

        What it remembers later is what it was told, at once: it may have missed the last row when its connection broke
        off. If the journal cannot be read, the next head is looked for.
        """
        before = self.problem
        if self._journal is None or before in ("", MISSING):
            return ""
        try:
            self.problem = "" if self._journal.holds(head) else MISSING
        except JournalError as error:
            self.problem = str(error)
        self.record()
        return "" if self.problem == before else self.problem

    def record(self) -> None:
        """Have the board remember the last row, unless it remembers one that is missing."""
        if self._journal is not None and self.problem == "":
            with suppress(JournalError):  # then it remembers an earlier row
                self._tell(self._journal.head)
