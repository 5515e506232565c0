"""The end of a journal -> rows that are appended to it, each sealed under the key of its moment.

The order at each row: the row, its seal and the head are committed; then the key on the disk turns into the next, and
the old one is gone. A kill in between leaves the key behind the rows: from it their seals are checked, and it is turned
on. A key that is ahead of the rows is one of rows that were taken away.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import msgspec

from edge.errors import JournalTamperedError, SealKeyError
from edge.journal.link import Link, carried_row, link_row
from edge.journal.row import COLUMNS, GENESIS, SELECT, Entry, entry_of, row_hash
from edge.journal.schema import NO_TEXT, is_sealed, strange
from edge.journal.seal import Key, Start
from edge.journal.seal_keys import SealKeys

_INSERT = f"INSERT INTO decisions VALUES ({', '.join('?' * (len(COLUMNS) + 2))})"


def start_of(database: sqlite3.Connection) -> Start | None:
    """Return where the file's seal begins, None if it has none.

    sqlite3.Error; TypeError if the row that says it is missing.
    """
    if not is_sealed(database):
        return None
    return Start(*database.execute("SELECT journal, row, head, first, step FROM seal").fetchone())


def row_at(database: sqlite3.Connection, number: int) -> tuple[Entry, str] | None:
    """Return a row's entry and hash, None if there is no such row, or none that was recorded."""
    try:
        found = database.execute(f"{SELECT} WHERE number = ?", (number,)).fetchone()
        return None if found is None else (entry_of(found[1:-1]), found[-1])
    except msgspec.MsgspecError:
        return None
    except sqlite3.OperationalError as error:
        if str(error).startswith(NO_TEXT):
            return None
        raise


def turned_on(path: Path, database: sqlite3.Connection, start: Start, key: Key, rows: int) -> Key:
    """Return the key of the row after `rows`, from one of that row or of an earlier one.

    JournalTamperedError if the rows between were not sealed by it, or were taken away.
    """
    due = start.step_of(rows + 1)
    if key.step > due:
        raise tampered(path, f"{key.step - due} rows more were sealed than are there: it was cut off, or is a copy")
    while key.step < due:
        number = start.first + key.step - start.step
        found = database.execute(
            "SELECT d.hash, s.seal FROM decisions AS d JOIN seals AS s USING (number) WHERE number = ?", (number,)
        ).fetchone()
        if found is None or key.seal(found[0]) != found[1]:
            raise tampered(path, f"row {number} is not sealed by the key that was here then")
        key = key.next()
    return key


def tampered(path: Path, what: str) -> JournalTamperedError:
    """Return the error that says why nothing is appended."""
    return JournalTamperedError(
        f"{path}: {what}, so nothing is appended: keep it as evidence, and begin another file: --journal OTHER"
    )


@dataclass
class Tail:
    """The end of a journal that is being written, inside of a transaction.

    rows, head: of the last row. start: of the seal; key: of the next row; both None where there is no seal.
    """

    path: Path
    database: sqlite3.Connection
    rows: int
    head: str
    start: Start | None
    key: Key | None

    @classmethod
    def of(cls, path: Path, database: sqlite3.Connection, keys: SealKeys | None) -> "Tail":
        """Read the end. JournalTamperedError, SealKeyError if it cannot be sealed on."""
        start = start_of(database)
        left = database.execute("SELECT rows, hash FROM head").fetchone()
        if left is None:
            raise tampered(path, "it does not say where its end is")
        rows, head = left
        if start is None:
            return cls(path, database, rows, head, None, None)
        if keys is None or (stored := keys.get(start.journal)) is None:
            raise SealKeyError(
                f"{path}: the key of its seal is not on this machine, so nothing is appended: it is a copy, or the key "
                "was taken away: begin another file: --journal OTHER"
            )
        key = turned_on(path, database, start, stored, rows)
        if key != stored:
            keys.put(start.journal, path, key)  # a kill left it behind; it must not fall further
        return cls(path, database, rows, head, start, key)

    def append(self, entry: Entry) -> None:
        """Append a row, and read it back. JournalTamperedError if it is not there."""
        number, digest = self.rows + 1, row_hash(self.head, self.rows + 1, entry)
        self.database.execute(_INSERT, (number, *msgspec.structs.astuple(entry), digest))
        if row_at(self.database, number) != (entry, digest):
            raise JournalTamperedError(f"{self.path}: the row that was inserted is not there: it was changed")
        if self.key is not None:
            self._write("INSERT INTO seals VALUES (?, ?)", (number, self.key.seal(digest)))
            self.key = self.key.next()
        self._write("UPDATE head SET rows = ?, hash = ?", (number, digest))
        self.rows, self.head = number, digest

    def _write(self, statement: str, values: tuple[int, str]) -> None:
        if self.database.execute(statement, values).rowcount != 1:
            raise JournalTamperedError(f"{self.path}: what belongs to row {self.rows + 1} is not there: it was changed")

    def restart(self, link: Link, delivered: dict[str, tuple[int, int]], time: str, session: int) -> None:
        """Put all rows away that `link` names, and begin with what continues them; the seal goes on."""
        self.database.execute("DELETE FROM decisions")
        if self.start is not None and self.key is not None:
            self.start = self.start._replace(first=1, step=self.key.step)
            self.database.execute("DELETE FROM seals")
            self.database.execute("UPDATE seal SET first = 1, step = ?", (self.start.step,))
        self.rows, self.head = 0, GENESIS
        self.append(link_row(link, time, session))
        for board, (of, word) in delivered.items():
            self.append(carried_row(board, of, word, time))


def require_as_left(path: Path, database: sqlite3.Connection, keys: SealKeys | None) -> None:
    """Raise JournalTamperedError unless schema, number of rows, last row and key are as they were left.

    It does not depend on the number of rows. SealKeyError if the journal is sealed and its key is not here.
    """
    try:
        if what := strange(path, database) or _changed(database):
            raise tampered(path, what)
        start = start_of(database)
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        raise tampered(path, f"what every journal holds is missing: {error}") from error
    for journal in () if keys is None else keys.at(path):
        if start is None or start.journal != journal:
            raise tampered(path, "it is not the journal that was sealed in this place")
    if start is not None:
        Tail.of(path, database, keys)


def _changed(database: sqlite3.Connection) -> str:
    rows, head = database.execute("SELECT rows, hash FROM head").fetchone()
    (count,) = database.execute("SELECT count(*) FROM decisions").fetchone()
    (highest,) = database.execute("SELECT max(number) FROM decisions").fetchone()
    last, before = (row_at(database, number) for number in (rows, rows - 1))
    if (count, highest or 0) != (rows, rows):
        return f"{count} rows where {rows} were recorded"
    if last is None:
        return "" if (rows, head) == (0, GENESIS) else f"row {rows} is missing"
    if not last[1] == head == row_hash(GENESIS if before is None else before[1], rows, last[0]):
        return f"row {rows}, the last, is not what was recorded there"
    return ""
