"""A journal that was put away -> the first rows of the one that continues it.

The first row, CONTINUED, names file, number of rows and head of the journal before. After it comes a row CARRIED for
each board, with its last session and the highest word that was decided in it: that and those before it stay decided.
"""

import re
from typing import Final, NamedTuple

from edge.journal.row import Entry

CONTINUED: Final = "CONTINUED"
CARRIED: Final = "CARRIED"
_LINK: Final = re.compile(r"(?P<rows>\d+) rows, head (?P<head>[0-9a-f]{64}), in (?P<file>[^/]+)")


class Link(NamedTuple):
    """What a journal continues: name of the file in the same folder, its number of rows, its head."""

    file: str
    rows: int
    head: str


def link_row(link: Link, time: str, session: int) -> Entry:
    """Return the row that names the journal before.

    session: the time in ms, so that no two links are the same.
    """
    reason = f"{link.rows} rows, head {link.head}, in {link.file}"
    return Entry(time, "", session, 0, 0, CONTINUED, None, None, True, reason, 0.0, "")


def carried_row(board: str, session: int, word: int, time: str) -> Entry:
    """Return the row that says that the word and those before it are decided."""
    return Entry(time, board, session, word, 0, CARRIED, None, None, True, "decided in the journal before", 0.0, "")


def link_of(entry: Entry) -> Link | None:
    """Return what the first row names, None if it is a decision.

    ValueError if it names nothing that can be.
    """
    if entry.decision != CONTINUED:
        return None
    found = _LINK.fullmatch(entry.reason)
    if found is None or found["file"] in (".", ".."):
        raise ValueError("it names no journal before this one")
    return Link(found["file"], int(found["rows"]), found["head"])
