"""Decisions -> an append-only SQLite file whose rows are chained and sealed, so that changes show.

A row is acknowledged (`record` returns) once it is on the disk: WAL with synchronous=FULL survives a kill at any point.

The hash of the last row (the head) is kept beside the rows, so that rows cut off at the end are noticed, too. Whoever
can write the file can also compute a new chain. That is what the seal is for (`edge.journal.seal`), which begins with
`inkgate journal seal`.

Nothing is appended to a file that is not as it was left (`edge.journal.tail`). A row that was inserted is read back
before it is acknowledged. That a file cannot be read says nothing of its rows: it is an error, and no verdict.
"""

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple

import msgspec

from edge.errors import JournalError, NotAJournalError, SealError, SealKeyError, UnrecordedError
from edge.journal.anchor import head_of, holds
from edge.journal.link import CARRIED
from edge.journal.row import SELECT, Entry, entry_of
from edge.journal.schema import SEAL_SCHEMA, Transaction, connect_to_read, connect_to_write, require_journal
from edge.journal.seal import SEED_BYTES, Start, first_key
from edge.journal.seal_keys import SealKeys
from edge.journal.tail import Tail, require_as_left, start_of, tampered
from edge.journal.verify import Verification, verify

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
_DECIDED: Final = f"""
SELECT 1 FROM decisions
WHERE board = ? AND session = ? AND final = 1 AND word >= ? AND (word = ? OR decision = '{CARRIED}') LIMIT 1
"""
_ID_BYTES: Final = 16


class Wanted(NamedTuple):
    """Which rows are asked for; None: all.

    since, until: from that time on, and before that time, ISO 8601 in UTC without a zone. user, verdict: of that name.
    last: so many of those, from the end.
    """

    since: str | None = None
    until: str | None = None
    user: str | None = None
    verdict: str | None = None
    last: int | None = None

    def query(self) -> tuple[str, list[str | int]]:
        """Return the SQL that selects them in order, and its values."""
        asked = {
            "time >= ?": self.since,
            "time < ?": self.until,
            "user = ?": self.user,
            "decision = ?": self.verdict,
        }
        given: list[str | int] = [value for value in asked.values() if value is not None]
        where = " AND ".join(test for test, value in asked.items() if value is not None) or "1"
        if self.last is None:
            return f"{SELECT} WHERE {where} ORDER BY number", given
        newest = f"{SELECT} WHERE {where} ORDER BY number DESC LIMIT ?"
        return f"SELECT * FROM ({newest}) ORDER BY number", [*given, self.last]


EVERY_ROW: Final = Wanted()


class Journal:
    """An open journal, for one thread.

    Every method raises JournalError if the file does not do what it should.
    """

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool = False, keys: SealKeys | None = None) -> None:
        """Open the journal.

        Unless read_only, make the file, readable by its owner only, if there is none. keys: of seals; without them a
        sealed journal cannot be written, and its end is not proved. NotAJournalError if there is none to read, or if
        the file is something else; JournalTamperedError if it is to be written and was changed; SealKeyError if it is
        to be written and the key of its seal is not here.
        """
        self.path, self._keys, self._sealed = Path(path), keys, False
        try:
            self._database = connect_to_read(self.path) if read_only else connect_to_write(self.path)
            if read_only and not (keys is not None and keys.at(self.path)):
                with suppress(sqlite3.OperationalError):  # whoever reads it is told; a sealed one's place: `verify`
                    require_journal(self.path, self._database)
            if not read_only:
                with Transaction(self._database):
                    require_as_left(self.path, self._database, keys)
                    self._sealed = start_of(self._database) is not None
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
        """Close the file; closing twice is fine. What was recorded is on the disk, however that goes."""
        with suppress(sqlite3.Error):
            self._database.close()

    @property
    def start(self) -> Start | None:
        """Where the seal begins, None if the journal is not sealed."""
        try:
            return start_of(self._database)
        except (sqlite3.Error, TypeError) as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error

    def record(self, entry: Entry) -> bool:
        """Append a decision; return True once it is on the disk, False if it was recorded before.

        UnrecordedError if the file cannot be written now: the disk is full, or another program holds it. JournalError
        if the word already has a final decision, or another one after as many symbols.
        """
        with self.appending() as tail:
            earlier = self._earlier(entry)
            if earlier is not None:
                return self._same(earlier, entry)
            tail.append(entry)
            return True

    @contextmanager
    def appending(self) -> Iterator[Tail]:
        """Let rows be appended, all of them or none; then the key is turned on."""
        try:
            with Transaction(self._database) as database:
                tail = self._tail(database)
                yield tail
        except sqlite3.OperationalError as error:
            raise UnrecordedError(f"{self.path}: the decision cannot be recorded: {error}") from error
        except (sqlite3.Error, msgspec.MsgspecError, ValueError, OverflowError, TypeError) as error:
            raise JournalError(f"{self.path}: the decision cannot be recorded: {error}") from error
        if tail.start is not None and tail.key is not None and self._keys is not None:
            try:
                self._keys.put(tail.start.journal, self.path, tail.key)
            except SealKeyError as error:
                raise UnrecordedError(str(error)) from error  # until the key is turned on no row may follow

    def require_writable(self) -> None:
        """Write to the file what it holds, and turn on a key that was left behind.

        UnrecordedError if that cannot be done now.
        """
        try:
            with Transaction(self._database) as database:
                self._tail(database)
                database.execute("UPDATE head SET rows = rows")
        except (sqlite3.Error, TypeError) as error:
            raise UnrecordedError(f"{self.path}: the journal cannot be written: {error}") from error
        except JournalError as error:
            raise UnrecordedError(str(error)) from error

    def seal(self, keys: SealKeys, show: Callable[[bytes], None]) -> Start:
        """Seal every row from the next one on, under a new seed, and return where the seal begins.

        keys: in which the key is kept. show: gets the seed, the only time that anybody does, before the seal begins.
        SealError if the journal is sealed already.
        """
        if self.start is not None:
            raise SealError(
                f"{self.path}: it is sealed already, from row {self.start.first} on: use the seed that was shown then"
            )
        seed, journal = secrets.token_bytes(SEED_BYTES), secrets.token_hex(_ID_BYTES)
        try:
            with Transaction(self._database) as database:
                rows, head = database.execute("SELECT rows, hash FROM head").fetchone()
                start = Start(journal, rows + 1, head, rows + 1, 0)
                for statement in SEAL_SCHEMA:
                    database.execute(statement)
                database.execute("INSERT INTO seal VALUES (1, ?, ?, ?, ?, ?)", start)
                show(seed)
                keys.put(journal, self.path, first_key(seed, start))
        except sqlite3.Error as error:
            raise JournalError(f"{self.path}: it is not sealed, and the seed is worth nothing: {error}") from error
        self._keys, self._sealed = keys, True
        return start

    def decided(self, board: str, session: int, word: int) -> bool:
        """Return whether the word has a final decision, here or in the journal that was continued."""
        try:
            found = self._database.execute(_DECIDED, (board, session, word, word)).fetchone()
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error
        return found is not None

    @property
    def head(self) -> bytes:
        """The first bytes of the last row's hash, for a board to remember: `edge.journal.anchor`."""
        try:
            return head_of(self._database)
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error

    def holds(self, head: bytes) -> bool:
        """Return whether a row, of this journal or of those that it continues, has the hash that begins so."""
        try:
            return holds(self.path, self._database, head)
        except (sqlite3.Error, ValueError, msgspec.MsgspecError) as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error

    def delivered(self) -> dict[str, tuple[int, int]]:
        """Return, by board, its last session and the highest word of it that has a final decision."""
        try:
            found = self._database.execute(_DELIVERED).fetchall()
        except sqlite3.Error as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error
        return {board: (session, word) for board, session, word in found if word is not None}

    def rows(self, wanted: Wanted = EVERY_ROW) -> Iterator[tuple[int, Entry, str]]:
        """Yield (number, entry, hash) of the rows that are asked for, in order.

        Nothing is checked: `verify` does that.
        """
        try:
            for number, *values, digest in self._database.execute(*wanted.query()):
                yield number, entry_of(values), digest
        except (sqlite3.Error, msgspec.MsgspecError, UnicodeError) as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error

    def verify(
        self, expected_head: str | None = None, seed: bytes | None = None, *, alone: bool = False
    ) -> Verification:
        """Walk the chain, and unless alone those of the journals before: `edge.journal.verify`."""
        return verify(self.path, self._database, expected_head, seed, self._keys, alone=alone)

    def shrink(self) -> None:
        """Give the room of rows that were put away back to the disk, if nobody else is using the file."""
        with suppress(sqlite3.OperationalError):  # later rows take the room
            self._database.execute("VACUUM")

    def _tail(self, database: sqlite3.Connection) -> Tail:
        """Return the end, sealed if it ever was. UnrecordedError if its key cannot be used now."""
        try:
            tail = Tail.of(self.path, database, self._keys)
        except SealKeyError as error:
            raise UnrecordedError(str(error)) from error
        if self._sealed and tail.start is None:
            raise tampered(self.path, "its seal is gone")
        return tail

    def _earlier(self, entry: Entry) -> Entry | None:
        """Return the row with which this entry would collide, None if there is none."""
        found = self._database.execute(
            f"{SELECT} WHERE board = ? AND session = ? AND word = ? AND final = ? AND (symbols = ? OR final = 1)",
            (entry.board, entry.session, entry.word, entry.final, entry.symbols),
        ).fetchone()
        return None if found is None else entry_of(found[1:-1])

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
