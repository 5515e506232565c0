"""Decisions -> an append-only SQLite file whose rows are chained by hash, so that changes show.

A row is acknowledged (`record` returns) once it is on the disk: WAL with synchronous=FULL survives a kill at any point.

The chain: `row_hash` is SHA-256 over the hash of the row before and the row's canonical bytes: a JSON array of the
fields in the order of Entry, preceded by the row's number, numbers written as `float.hex` writes them. The first row is
chained to GENESIS. The hash of the last row (the head) is kept beside the rows, so that rows cut off at the end are
noticed, too. Whoever can write the file can also compute a new chain. To detect that, keep the head that `inkgate
journal verify` prints somewhere else, and give it back with --head.

Nothing is appended to a file that is not as it was left: on opening, its schema must be to the letter the one below (a
trigger could make rows vanish), the number of rows that of the head, and the last row what the head says. A row that
was inserted is read back before it is acknowledged. That a file cannot be read says nothing of its rows: it is an
error, and no verdict.
"""

import hashlib
import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec

from edge.errors import JournalError, JournalTamperedError, NotAJournalError, UnrecordedError

GENESIS: Final = hashlib.sha256(b"inkgate-journal/1").hexdigest()
"""The hash that the first row is chained to."""


class Entry(msgspec.Struct, frozen=True):
    """One decision, as a row of the journal.

    time                  ISO 8601 in UTC
    board, session, word  which word
    symbols               fragments seen
    decision              name of the verdict; old journals have CONTINUE, ACCEPT and REJECT where LEANING stands now
    final                 whether it closed the word
    latency_ms            from the event's arrival to the decision
    bundle                Bundle.sha256 of what decided
    """

    time: str
    board: str
    session: int
    word: int
    symbols: int
    decision: str
    user: str | None
    score: float | None
    final: bool
    reason: str
    latency_ms: float
    bundle: str


@dataclass(frozen=True)
class Verification:
    """Outcome of a walk along the chain.

    rows: rows walked. head: hash of the last sound row. fault: the first fault, None if there is none.
    """

    rows: int
    head: str
    fault: str | None


def canonical(number: int, entry: Entry) -> bytes:
    """Return the bytes that are hashed for row `number` (1, 2, ...): one JSON array.

    They are the same on every machine. ValueError for a number that is not finite: SQLite would keep it as NULL.
    """
    values = [_exact(v) if isinstance(v, float) else v for v in msgspec.structs.astuple(entry)]
    return msgspec.json.encode([number, *values])


def row_hash(previous: str, number: int, entry: Entry) -> str:
    """Return the SHA-256 (hex) of the row, chained to the hash of the row before."""
    return hashlib.sha256(bytes.fromhex(previous) + canonical(number, entry)).hexdigest()


_COLUMNS: Final = Entry.__struct_fields__
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
_SELECT: Final = f"SELECT number, {', '.join(_COLUMNS)}, hash FROM decisions"
_DELIVERED: Final = """
WITH RECURSIVE boards (board) AS (
    SELECT min(board) FROM decisions
    UNION ALL SELECT (SELECT min(board) FROM decisions WHERE board > boards.board) FROM boards WHERE board IS NOT NULL
), latest (board, session) AS (
    SELECT board, (SELECT session FROM decisions AS d WHERE d.board = boards.board ORDER BY number DESC LIMIT 1)
    FROM boards WHERE board IS NOT NULL
)
SELECT board, session,
    (SELECT max(word) FROM decisions AS d WHERE d.board = latest.board AND d.session = latest.session AND final = 1)
FROM latest
"""
_OF_BEFORE: Final = ("in_order",)
"""What a journal of an earlier inkgate lacks until it is opened to be written."""
_INSERT: Final = f"INSERT INTO decisions VALUES ({', '.join('?' * (len(_COLUMNS) + 2))})"


class Journal:
    """An open journal, for one thread.

    Every method raises JournalError if the file does not do what it should.
    """

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool = False) -> None:
        """Open the journal.

        Unless read_only, make the file, readable by its owner only, if there is none. NotAJournalError if there is none
        to read, or if the file is something else; JournalTamperedError if it is to be written and was changed.
        """
        self.path = Path(path)
        try:
            self._database = self._connect(read_only)
            if not read_only:
                self._require_as_left()
        except sqlite3.DatabaseError as error:
            if error.__class__ is sqlite3.DatabaseError:  # A sound file too may raise a subclass.
                raise NotAJournalError(f"{self.path}: no journal: {error}; choose another path") from error
            raise JournalError(f"{self.path}: the journal cannot be opened: {error}") from error
        except OSError as error:
            raise JournalError(f"{self.path}: the journal cannot be opened: {error.strerror}") from error

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self._database.close()

    def record(self, entry: Entry) -> bool:
        """Append a decision; return True once it is on the disk, False if it was recorded before.

        UnrecordedError if the file cannot be written now: the disk is full, or another program holds it. JournalError
        if the word already has a final decision, or another one after as many symbols.
        """
        try:
            with self._transaction() as database:
                earlier = self._earlier(entry)
                if earlier is not None:
                    return self._same(earlier, entry)
                rows, head = database.execute("SELECT rows, hash FROM head").fetchone()
                digest = row_hash(head, rows + 1, entry)
                database.execute(_INSERT, (rows + 1, *msgspec.structs.astuple(entry), digest))
                if self._row(rows + 1) != (entry, digest):
                    raise JournalTamperedError(f"{self.path}: the row that was inserted is not there: it was changed")
                database.execute("UPDATE head SET rows = ?, hash = ?", (rows + 1, digest))
                return True
        except sqlite3.OperationalError as error:
            raise UnrecordedError(f"{self.path}: the decision cannot be recorded: {error}") from error
        except (sqlite3.Error, msgspec.MsgspecError, ValueError, OverflowError, TypeError) as error:
            raise JournalError(f"{self.path}: the decision cannot be recorded: {error}") from error

    def require_writable(self) -> None:
        """Write to the file what it holds. UnrecordedError if it cannot be written now."""
        try:
            with self._transaction() as database:
                database.execute("UPDATE head SET rows = rows")
        except sqlite3.Error as error:
            raise UnrecordedError(f"{self.path}: the journal cannot be written: {error}") from error

    def decided(self, board: str, session: int, word: int) -> bool:
        """Return whether the word has a final decision."""
        try:
            found = self._database.execute(
                "SELECT 1 FROM decisions WHERE board = ? AND session = ? AND word = ? AND final = 1",
                (board, session, word),
            ).fetchone()
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error
        return found is not None

    def delivered(self) -> dict[str, tuple[int, int]]:
        """Return, by board, its last session and the highest word of it that has a final decision."""
        try:
            found = self._database.execute(_DELIVERED).fetchall()
        except sqlite3.Error as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error
        return {board: (session, word) for board, session, word in found if word is not None}

    def rows(self, last: int | None = None) -> Iterator[tuple[int, Entry, str]]:
        """Yield (number, entry, hash) of every row in order, or of the last so many.

        Nothing is checked: `verify` does that.
        """
        newest = f"ORDER BY number DESC LIMIT {-1 if last is None else last}"
        wanted = f"{_SELECT} ORDER BY number" if last is None else f"SELECT * FROM ({_SELECT} {newest}) ORDER BY number"
        try:
            for number, *values, digest in self._database.execute(wanted):
                yield number, _entry(values), digest
        except (sqlite3.Error, msgspec.MsgspecError, UnicodeError) as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error

    def verify(self, expected_head: str | None = None) -> Verification:
        """Walk the chain from GENESIS to the head, and report the first fault.

        A row that was edited, deleted, inserted or moved is found, and so is anything in the file that inkgate did not
        put there. expected_head: a head noted earlier, which must be among the hashes walked.
        """
        strange = self._strange()
        if strange:
            return Verification(0, GENESIS, strange)
        previous, count, seen = GENESIS, 0, expected_head in (None, GENESIS)
        try:
            for number, entry, digest in self.rows():
                if number != count + 1:
                    return Verification(count, previous, f"row {count + 1} is missing: row {number} follows {count}")
                if digest != row_hash(previous, number, entry):
                    return Verification(count, previous, f"row {number} is not what was recorded there")
                previous, count = digest, number
                seen = seen or digest == expected_head
            rows, head = self._database.execute("SELECT rows, hash FROM head").fetchone()
        except sqlite3.OperationalError as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error
        except (JournalError, sqlite3.Error, TypeError) as error:
            if isinstance(error.__cause__, sqlite3.OperationalError):
                raise
            return Verification(count, previous, f"after row {count}: {error}")
        if (rows, head) != (count, previous):
            return Verification(count, previous, f"{count} rows where {rows} were recorded: the end was changed")
        if not seen:
            return Verification(count, previous, f"no row has the expected head {expected_head}")
        return Verification(count, previous, None)

    def _connect(self, read_only: bool) -> sqlite3.Connection:
        if read_only:
            if not self.path.is_file():
                raise NotAJournalError(f"{self.path}: no such file; `inkgate run --journal {self.path}` makes one")
            # Beside a file on a medium that cannot be written SQLite can make no shared memory, and needs none.
            still = not os.access(self.path.parent, os.W_OK) and not Path(f"{self.path}-wal").exists()
            options = "mode=ro&immutable=1" if still else "mode=ro"
            return sqlite3.connect(f"{self.path.resolve().as_uri()}?{options}", uri=True, timeout=5.0)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(self.path, timeout=5.0, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        # One transaction: a kill between the tables and the head would leave a journal that cannot be written.
        database.executescript(
            f"BEGIN IMMEDIATE; {_SCHEMA} INSERT OR IGNORE INTO head VALUES (1, 0, '{GENESIS}'); COMMIT;"
        )
        return database

    def _require_as_left(self) -> None:
        """Raise JournalTamperedError unless schema, number of rows and last row are as the head says."""
        strange = self._strange()
        if not strange:
            rows, head = self._database.execute("SELECT rows, hash FROM head").fetchone()
            (count,) = self._database.execute("SELECT count(*) FROM decisions").fetchone()
            (highest,) = self._database.execute("SELECT max(number) FROM decisions").fetchone()
            last, before = (self._row(number) for number in (rows, rows - 1))
            if (count, highest or 0) != (rows, rows):
                strange = f"{count} rows where {rows} were recorded"
            elif last is None:
                strange = "" if (rows, head) == (0, GENESIS) else f"row {rows} is missing"
            elif not last[1] == head == row_hash(GENESIS if before is None else before[1], rows, last[0]):
                strange = f"row {rows}, the last, is not what was recorded there"
        if strange:
            raise JournalTamperedError(
                f"{self.path}: {strange}, so nothing is appended: keep it as evidence, and begin another file"
            )

    def _strange(self) -> str:
        """Return in what the file's schema is not inkgate's to the letter, "" if it is."""
        try:
            found = dict(self._database.execute("SELECT name, sql FROM sqlite_master"))
        except sqlite3.OperationalError as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error
        except sqlite3.Error as error:
            return f"the schema cannot be read: {error}"
        wanted = _expected_schema()
        more = sorted(found.keys() - wanted.keys())
        if more:
            return f"the file holds {more[0]!r}, which inkgate never made"
        other = sorted(name for name in wanted if found.get(name) != wanted[name] and name not in _OF_BEFORE)
        return f"{other[0]!r} is not as inkgate made it" if other else ""

    def _row(self, number: int) -> tuple[Entry, str] | None:
        found = self._database.execute(f"{_SELECT} WHERE number = ?", (number,)).fetchone()
        return None if found is None else (_entry(found[1:-1]), found[-1])

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._database)

    def _earlier(self, entry: Entry) -> Entry | None:
        """Return the row with which this entry would collide, None if there is none."""
        found = self._database.execute(
            f"{_SELECT} WHERE board = ? AND session = ? AND word = ? AND final = ? AND (symbols = ? OR final = 1)",
            (entry.board, entry.session, entry.word, entry.final, entry.symbols),
        ).fetchone()
        return None if found is None else _entry(found[1:-1])

    def _same(self, earlier: Entry, entry: Entry) -> bool:
        """Return False (nothing new) if both say the same. JournalError if they contradict each other."""

        def what(e: Entry) -> tuple[Any, ...]:
            return e.symbols, e.decision, e.user, e.score, e.bundle

        if what(earlier) != what(entry):
            raise JournalError(
                f"{self.path}: word {entry.word} of session {entry.session} was already decided otherwise: "
                f"{earlier.decision} after {earlier.symbols} symbols"
            )
        return False


@lru_cache(maxsize=1)
def _expected_schema() -> dict[str, str | None]:
    """Return what SQLite keeps of the schema, by name."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(_SCHEMA)
        return dict(database.execute("SELECT name, sql FROM sqlite_master"))


class _Transaction:
    """A transaction, for `with`: BEGIN IMMEDIATE, then COMMIT.

    ROLLBACK if the block, or the commit itself, fails.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __enter__(self) -> sqlite3.Connection:
        self._database.execute("BEGIN IMMEDIATE")
        return self._database

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._database.execute("COMMIT" if kind is None else "ROLLBACK")
        except sqlite3.Error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            if kind is None:
                raise


def _exact(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be recorded")
    return (value + 0.0).hex()  # SQLite keeps -0.0 as 0.0, so both are hashed as 0.0.


def _entry(values: Any) -> Entry:
    return msgspec.convert(dict(zip(_COLUMNS, values, strict=True)), Entry, strict=False)
