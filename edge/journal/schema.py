"""A path -> an SQLite database with the journal's schema, which is held to the letter."""

import os
import sqlite3
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Final

from edge.errors import JournalError, NotAJournalError
from edge.journal.row import GENESIS

WAIT_S: Final = 5.0
"""How long another writer is waited for."""

NO_TEXT: Final = "Could not decode to UTF-8"
"""What sqlite3 says in an OperationalError of what it did read: bytes that are no text, which nobody recorded."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS decisions (
    number INTEGER PRIMARY KEY, time TEXT NOT NULL, board TEXT NOT NULL, session INTEGER NOT NULL,
    word INTEGER NOT NULL, symbols INTEGER NOT NULL, decision TEXT NOT NULL, user TEXT, score REAL,
    final INTEGER NOT NULL, reason TEXT NOT NULL, latency_ms REAL NOT NULL, bundle TEXT NOT NULL, hash TEXT NOT NULL,
    UNIQUE (board, session, word, symbols, final)
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS decided_once ON decisions (board, session, word) WHERE final = 1;
CREATE INDEX IF NOT EXISTS in_order ON decisions (board, number);
CREATE TABLE IF NOT EXISTS head (
    one INTEGER PRIMARY KEY CHECK (one = 1), rows INTEGER NOT NULL, hash TEXT NOT NULL
) STRICT;
"""
SEAL_SCHEMA: Final = (
    """CREATE TABLE seal (
    one INTEGER PRIMARY KEY CHECK (one = 1), journal TEXT NOT NULL, row INTEGER NOT NULL, head TEXT NOT NULL,
    first INTEGER NOT NULL, step INTEGER NOT NULL
) STRICT""",
    "CREATE TABLE seals (number INTEGER PRIMARY KEY, seal TEXT NOT NULL) STRICT",
)
"""What a journal has once it is sealed: `edge.journal.seal.Start`, and the seal of each row."""
_OF_SEAL: Final = ("seal", "seals")
_OF_BEFORE: Final = ("in_order",)
"""What a journal of an earlier inkgate lacks until it is opened to be written."""


def connect_to_write(path: Path) -> sqlite3.Connection:
    """Open the file, and make it, readable by its owner only, if there is none. sqlite3.Error, OSError."""
    _require_file(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    database = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
    require_journal(path, database, or_empty=True)  # nothing is made in a database of another program
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    # One transaction: a kill between the tables and the head would leave a journal that cannot be written.
    database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} INSERT OR IGNORE INTO head VALUES (1, 0, '{GENESIS}'); COMMIT;")
    return database


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open the file for reading, also on a medium that cannot be written; NotAJournalError if none."""
    if not path.is_file():
        _require_file(path)
        raise NotAJournalError(f"{path}: no such file; `inkgate run --journal {path}` makes one")
    # Beside a file on a medium that cannot be written SQLite can make no shared memory, and needs none.
    still = not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
    options = "mode=ro&immutable=1" if still else "mode=ro"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{options}", uri=True, timeout=WAIT_S, isolation_level=None)


def _require_file(path: Path) -> None:
    """Raise NotAJournalError if a folder, a pipe or a device is there."""
    if path.exists() and not path.is_file():
        raise NotAJournalError(f"{path}: no journal: it is no file; choose another path")


def require_journal(path: Path, database: sqlite3.Connection, *, or_empty: bool = False) -> None:
    """Raise NotAJournalError if nothing of a journal is in the file.

    sqlite3.OperationalError if it cannot be read. A journal from which something was taken away still is one, and
    `strange` says what is wrong with it. or_empty: a database that holds nothing at all will do, such as one whose
    maker was killed.
    """
    try:
        found = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise NotAJournalError(f"{path}: no journal: {error}; choose another path") from error
    if not found & _expected(True).keys() and not (or_empty and not found):
        raise NotAJournalError(f"{path}: no journal: it holds none of its tables; choose another path")


def strange(path: Path, database: sqlite3.Connection) -> str:
    """Return in what the file's schema is not inkgate's to the letter, "" if it is.

    JournalError if the file cannot be read, which says nothing of it.
    """
    try:
        found = dict(database.execute("SELECT name, sql FROM sqlite_master"))
    except sqlite3.OperationalError as error:
        raise JournalError(f"{path}: the journal cannot be read: {error}") from error
    except sqlite3.Error as error:
        return f"the schema cannot be read: {error}"
    wanted = _expected(any(name in found for name in _OF_SEAL))
    more = sorted(found.keys() - wanted.keys())
    if more:
        return f"the file holds {more[0]!r}, which inkgate never made"
    other = sorted(name for name in wanted if found.get(name) != wanted[name] and name not in _OF_BEFORE)
    return f"{other[0]!r} is not as inkgate made it" if other else ""


def is_sealed(database: sqlite3.Connection) -> bool:
    """Return whether the file has the tables of a seal. sqlite3.Error."""
    return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'seal'").fetchone() is not None


@lru_cache(maxsize=2)
def _expected(sealed: bool) -> dict[str, str | None]:
    """Return what SQLite keeps of the schema, by name."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(_SCHEMA)
        for statement in SEAL_SCHEMA if sealed else ():
            database.execute(statement)
        return dict(database.execute("SELECT name, sql FROM sqlite_master"))


class Transaction:
    """A transaction, for `with`: BEGIN IMMEDIATE, or of reading BEGIN; then COMMIT.

    ROLLBACK if the block, or the commit itself, fails.
    """

    def __init__(self, database: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> None:
        self._database, self._begin = database, begin

    def __enter__(self) -> sqlite3.Connection:
        self._database.execute(self._begin)
        return self._database

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._database.execute("COMMIT" if kind is None else "ROLLBACK")
            if self._database.in_transaction:
                raise sqlite3.OperationalError("the transaction did not end")
        except sqlite3.Error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            if kind is None:
                raise
