"""What a board remembers of the journal -> whether words may be decided beside it."""

from collections.abc import Callable
from typing import Protocol


class Remembered(Protocol):
    """What is needed of edge.journal.journal.Journal."""

    @property
    def head(self) -> bytes: ...
    def holds(self, head: bytes, /) -> bool: ...


class Anchor:
    """The journal's head, kept by the board under its key.

    tell: has the board remember a head, once it hears of it.
    """

    def __init__(self, journal: Remembered, tell: Callable[[bytes], None]) -> None:
        self._journal, self._tell = journal, tell
        self._held: bool | None = None

    def begin(self) -> None:
        """Forget what was found: a board has connected."""
        self._held = None

    def hear(self, head: bytes) -> str:
        """Take the head that the board remembers, and return what is wrong, "" if nothing.

        Only the first one after a connection is looked for. JournalError if the journal cannot be read.
        """
        if self._held is None:
            self._held = self._journal.holds(head)
            return "" if self._held else self.problem
        return ""

    @property
    def problem(self) -> str:
        """Return why no word of the board can be decided now, "" if it can."""
        if self._held is None:
            return "the board has not yet said what it remembers of the journal"
        if self._held:
            return ""
        return (
            "the board remembers a row that the journal has not: rows were taken away, or it is another journal: find "
            "out which, then `inkgate journal anchor` has the board remember this one"
        )

    def record(self) -> None:
        """Have the board remember the last row, unless it remembers one that is missing."""
        if self._held:
            self._tell(self._journal.head)
