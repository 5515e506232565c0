"""A journal <-> the first bytes of its head, which a board remembers for it.

Whoever can write journal and keys can put an older copy of both back. The board still remembers what came after.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from edge.errors import JournalError, NotAJournalError
from edge.journal.link import Link, link_of
from edge.journal.row import GENESIS, Entry, row_hash
from edge.journal.schema import connect_to_read
from edge.journal.tail import row_at

HEAD_BYTES: Final = 16
"""How much of a head is remembered: nobody finds other rows with the same 128 bits."""

NOTHING: Final = bytes(HEAD_BYTES)
"""What a board remembers that was never told a head."""

_HOLDS: Final = "SELECT number FROM decisions WHERE substr(hash, 1, ?) = ? ORDER BY number DESC LIMIT 1"


def head_of(database: sqlite3.Connection) -> bytes:
    """Return the first bytes of the last row's hash, NOTHING without rows. sqlite3.Error."""
    rows, digest = database.execute("SELECT rows, hash FROM head").fetchone()
    return bytes.fromhex(digest)[:HEAD_BYTES] if rows else NOTHING


def holds(path: Path, database: sqlite3.Connection, head: bytes) -> bool:
    """Return whether a row of the journal, or of those that it continues, has the hash that begins so.

    The newest row is looked at first; a hash that was only written beside a row does not count. JournalError if a file
    cannot be read.
    """
    wanted = head.hex()
    if head == NOTHING or _has(database, wanted):
        return True
    link, looked_at = _before(database), {path.name}
    while link is not None and link.file not in looked_at:
        if link.head.startswith(wanted):
            return True
        path = path.with_name(link.file)
        looked_at.add(link.file)
        try:
            with closing(connect_to_read(path)) as before:
                if _has(before, wanted):
                    return True
                link = _before(before)
        except NotAJournalError:
            return False  # it was put elsewhere, and with it what it holds
        except (sqlite3.Error, ValueError) as error:
            raise JournalError(f"{path}: the journal cannot be read: {error}") from error
    return False


def _has(database: sqlite3.Connection, wanted: str) -> bool:
    """Return whether the last row whose hash begins so has that hash, behind the row before it."""
    found = database.execute(_HOLDS, (len(wanted), wanted)).fetchone()
    return found is not None and _row(database, found[0]) is not None


def _before(database: sqlite3.Connection) -> Link | None:
    first = _row(database, 1)
    return None if first is None else link_of(first)


def _row(database: sqlite3.Connection, number: int) -> Entry | None:
    """Return the row, None if it has not the hash that it should have."""
    row, before = row_at(database, number), row_at(database, number - 1)
    previous = GENESIS if before is None else before[1]
    return row[0] if row is not None and row[1] == row_hash(previous, number, row[0]) else None
