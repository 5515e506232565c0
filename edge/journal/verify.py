"""A journal, and those that it continues -> the first fault in chain, seals or links.

Without the seed a row that was edited, deleted, inserted or moved is found, and anything in the file that inkgate did
not put there; but whoever can write the file can compute another chain. With the seed that is found, too. The key that
the gate's machine keeps tells where the end must be: rows that were cut off, or an older copy, are found by it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.errors import JournalError, JournalTamperedError, NotAJournalError
from edge.journal.link import Link, link_of
from edge.journal.row import COLUMNS, GENESIS, Entry, entry_of, row_hash
from edge.journal.schema import NO_TEXT, Transaction, connect_to_read, strange
from edge.journal.seal import Key, Start, key_at
from edge.journal.seal_keys import SealKeys
from edge.journal.tail import start_of, turned_on

_WALK = (
    f"SELECT d.number, {', '.join('d.' + name for name in COLUMNS)}, d.hash, {{seal}} FROM decisions AS d {{join}} "
    "ORDER BY d.number"
)
_SEALED = _WALK.format(seal="s.seal", join="LEFT JOIN seals AS s ON s.number = d.number")
_BARE = _WALK.format(seal="NULL", join="")


@dataclass(frozen=True)
class Verification:
    """Outcome of a walk along the chain.

    rows    rows walked in this file
    head    hash of its last sound row
    fault   the first fault, None if there is none
    sealed  whether the file is sealed
    proved  rows, of all files, whose seal was proved by the seed
    files   how many files were walked: this one and those before it
    """

    rows: int
    head: str
    fault: str | None
    sealed: bool = False
    proved: int = 0
    files: int = 1


@dataclass
class _Walk:
    """One file on the way through it."""

    rows: int = 0
    head: str = GENESIS
    start: Start | None = None
    link: Link | None = None
    proved: int = 0
    seen: bool = False


class _FaultError(Exception):
    """Raised where the file is not what was recorded; the text says in what."""


def verify(
    path: Path,
    database: sqlite3.Connection,
    expected_head: str | None = None,
    seed: bytes | None = None,
    keys: SealKeys | None = None,
    *,
    alone: bool = False,
) -> Verification:
    """Walk the journal and, unless alone, those before it from GENESIS to the head.

    expected_head: a head noted earlier, which must be among the hashes walked. seed: of the seal; then every row since
    it began must be sealed. keys: those of the gate's machine, by which the end of a sealed journal is proved; None for
    a copy. JournalError if a file cannot be read: that is no verdict.
    """
    walk, files, older_proved = _Walk(), 1, 0
    try:
        stored = _stored(path, database, keys)  # before the rows: a gate that goes on recording is ahead of it
        _walk_file(path, database, walk, seed, expected_head, stored)
        file, newer, seen = path, walk, walk.seen
        if seed is not None and walk.start is None:
            raise _FaultError("it is not sealed")
        while newer.link is not None and not alone:
            file, older = file.with_name(newer.link.file), _Walk()
            _walk_before(file, newer, older, seed, expected_head)
            files, older_proved, newer, seen = files + 1, older_proved + older.proved, older, seen or older.seen
        if expected_head not in (None, GENESIS) and not seen:
            raise _FaultError(f"no row has the expected head {expected_head}")
        fault = None
    except _FaultError as error:
        fault = str(error)
    return Verification(walk.rows, walk.head, fault, walk.start is not None, walk.proved + older_proved, files)


def _walk_before(file: Path, newer: _Walk, older: _Walk, seed: bytes | None, expected_head: str | None) -> None:
    """Walk the file that the newer one continues, and hold it to the link and to the seal."""
    link = newer.link
    assert link is not None
    try:
        with closing(connect_to_read(file)) as database:
            same = newer.start is not None and newer.start.same_seal(start_of(database))
            _walk_file(file, database, older, seed if same else None, expected_head, None)
    except NotAJournalError as error:
        raise _FaultError(f"{file.name}, which row 1 continues, is missing") from error
    except _FaultError as error:
        raise _FaultError(f"in {file.name}, which row 1 continues: {error}") from error
    except (sqlite3.Error, TypeError) as error:
        trouble = _trouble(file, error)
        if isinstance(trouble, _FaultError):
            raise _FaultError(f"in {file.name}, which row 1 continues: {trouble}") from error
        raise trouble from error
    if (older.rows, older.head) != (link.rows, link.head):
        raise _FaultError(f"{file.name} is not the journal that row 1 continues: {older.rows} rows, head {older.head}")
    if newer.start is None or newer.start.first > 1:
        return  # it was sealed later
    if older.start is None or not newer.start.same_seal(older.start):
        raise _FaultError(f"{file.name} is not under the same seal as what continues it")
    if older.start.step_of(older.rows + 1) != newer.start.step:
        raise _FaultError(f"rows are missing between {file.name} and what continues it")


def _walk_file(
    path: Path,
    database: sqlite3.Connection,
    walk: _Walk,
    seed: bytes | None,
    expected_head: str | None,
    stored: Key | None,
) -> None:
    """Walk one file as it is at this moment.

    _FaultError at the first fault, JournalError if it cannot be read.
    """
    if what := strange(path, database):
        raise _FaultError(what)
    try:
        with Transaction(database, "BEGIN"):  # one state of the file, whatever a gate appends meanwhile
            walk.start = start_of(database)
            _walk_rows(database, walk, seed, expected_head)
            rows, head = database.execute("SELECT rows, hash FROM head").fetchone()
            if (rows, head) != (walk.rows, walk.head):
                raise _FaultError(f"{walk.rows} rows where {rows} were recorded: the end was changed")
            if walk.start is not None:
                _check_seal(path, database, walk, walk.start, seed, stored)
    except (sqlite3.Error, msgspec.MsgspecError, ValueError, TypeError) as error:
        raise _trouble(path, error, walk.rows) from error


def _walk_rows(database: sqlite3.Connection, walk: _Walk, seed: bytes | None, expected_head: str | None) -> None:
    start = walk.start
    key = None if seed is None or start is None else key_at(seed, start, start.step)
    for number, entry, digest, seal in _rows(database, start is not None):
        if number != walk.rows + 1:
            raise _FaultError(f"row {walk.rows + 1} is missing: row {number} follows {walk.rows}")
        if digest != row_hash(walk.head, number, entry):
            raise _FaultError(f"row {number} is not what was recorded there")
        if start is not None and number >= start.first and seal is None:
            raise _FaultError(f"row {number} is not sealed")
        if key is not None and start is not None and number >= start.first:
            if key.seal(digest) != seal:
                raise _FaultError(f"row {number} was not sealed with this seed: it, or a row before it, was made anew")
            walk.proved, key = walk.proved + 1, key.next()
        if start is not None and start.first == start.row == number + 1 and digest != start.head:
            raise _FaultError(f"row {number} is not the one behind which the seal began")
        if number == 1:
            walk.link = _link(entry)
        walk.head, walk.rows = digest, number
        walk.seen = walk.seen or digest == expected_head


def _check_seal(
    path: Path, database: sqlite3.Connection, walk: _Walk, start: Start, seed: bytes | None, stored: Key | None
) -> None:
    """Hold the seal's beginning, the number of its rows and the machine's key to the rows."""
    begun_here = start.step == 0 and start.first == start.row and (start.row > 1 or start.head == GENESIS)
    link = walk.link
    carried = link is not None and start.first == 1 and (start.step > 0 or (link.rows + 1, link.head) == start[1:3])
    if not begun_here and not carried:
        raise _FaultError("the beginning of the seal was changed")
    due = walk.rows + 1 - start.first
    (count,) = database.execute("SELECT count(*) FROM seals").fetchone()
    if count != due:
        raise _FaultError(f"{count} seals where {due} rows are to be sealed")
    if stored is None:
        return
    if seed is not None and key_at(seed, start, stored.step) != stored:
        raise _FaultError("the key on this machine is not one of this seed")
    try:
        turned_on(path, database, start, stored, walk.rows)
    except JournalTamperedError as error:
        raise _FaultError(str(error).removeprefix(f"{path}: ").partition(", so nothing")[0]) from error


def _stored(path: Path, database: sqlite3.Connection, keys: SealKeys | None) -> Key | None:
    """Return the key that this machine keeps for the journal; _FaultError if one is missing."""
    if keys is None or strange(path, database):
        return None
    try:
        start = start_of(database)
    except (sqlite3.Error, TypeError) as error:
        raise _trouble(path, error) from error
    if any(start is None or start.journal != journal for journal in keys.at(path)):
        raise _FaultError("it is not the journal that was sealed in this place")
    stored = None if start is None else keys.get(start.journal)
    if start is not None and stored is None:
        raise _FaultError(
            "the key of its seal is not on this machine, so its end is not proved: if it is a copy, --copy"
        )
    return stored


def _rows(database: sqlite3.Connection, sealed: bool) -> Iterator[tuple[int, Entry, str, str | None]]:
    for number, *values, digest, seal in database.execute(_SEALED if sealed else _BARE):
        yield number, entry_of(values), digest, seal


def _link(entry: Entry) -> Link | None:
    try:
        return link_of(entry)
    except ValueError as error:
        raise _FaultError(f"row 1 was changed: {error}") from error


def _trouble(path: Path, error: Exception, rows: int = 0) -> Exception:
    """Return a fault for content that is none, JournalError where nothing could be read."""
    if isinstance(error, sqlite3.OperationalError) and not str(error).startswith(NO_TEXT):
        return JournalError(f"{path}: the journal cannot be read: {error}")
    return _FaultError(f"after row {rows}: the journal cannot be read: {error}")
