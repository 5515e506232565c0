"""Small journals and long ones, sealed or not, and ways to change them behind their back."""

import itertools
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from edge.journal.journal import Journal
from edge.journal.row import COLUMNS, GENESIS, Entry, entry_of, row_hash
from edge.journal.seal import Key, first_key
from edge.journal.seal_keys import SealKeys


def entry(word: int, symbols: int = 4, final: bool = True) -> Entry:
    return Entry("2026-01-01", "pen", 7, word, symbols, "REJECT", None, -0.25, final, "score", 1.5, "b" * 64)


def write_journal(path: Path) -> Path:
    """Write a journal of 5 words, each with two running decisions and a final one; return its path."""
    with Journal(path) as journal:
        for word, symbols in itertools.product(range(1, 6), (1, 2, 3)):
            assert journal.record(entry(word, symbols, symbols == 3))
    return path


class Sealed(NamedTuple):
    """A sealed journal: its file, the keys of its machine, its seed."""

    path: Path
    keys: SealKeys
    seed: bytes

    def record(self, *words: int) -> None:
        with Journal(self.path, keys=self.keys) as journal:
            for word in words:
                assert journal.record(entry(word))

    def fault(self, head: str | None = None) -> str | None:
        """Return what `verify` finds with seed and keys."""
        with Journal(self.path, read_only=True, keys=self.keys) as journal:
            return journal.verify(head, self.seed).fault

    def key(self) -> Key:
        """Return the key that lies on the machine's disk."""
        with Journal(self.path, read_only=True) as journal:
            assert journal.start is not None
            key = self.keys.get(journal.start.journal)
        assert key is not None
        return key


def write_sealed(folder: Path, words: int = 5, before: int = 0) -> Sealed:
    """Write a journal of so many words, and as many before the seal began."""
    path, keys, seeds = folder / "journal.sqlite", SealKeys(folder / "seals"), list[bytes]()
    with Journal(path, keys=keys) as journal:
        for word in range(1, before + 1):
            journal.record(entry(word))
        journal.seal(keys, seeds.append)
        for word in range(before + 1, before + words + 1):
            journal.record(entry(word))
    return Sealed(path, keys, seeds[0])


def edit(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()


def make_anew(path: Path, rows: Iterable[Entry], key: Key | None = None) -> None:
    """Replace the rows as somebody can who may write the file: a right chain, right numbers, a right head.

    key: with which he seals them, from row 1 on; by default the seals of before stay, as many as there are rows.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("DELETE FROM decisions")
        if key is not None:
            database.execute("DELETE FROM seals")
        number, head = 0, GENESIS
        for number, row in enumerate(rows, start=1):
            head = row_hash(head, number, row)
            values = (number, *msgspec.structs.astuple(row), head)
            database.execute(f"INSERT INTO decisions VALUES ({', '.join('?' * len(values))})", values)
            if key is not None:
                database.execute("INSERT INTO seals VALUES (?, ?)", (number, key.seal(head)))
                key = key.next()
        database.execute("UPDATE head SET rows = ?, hash = ?", (number, head))
        if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'seals'").fetchone():
            database.execute("DELETE FROM seals WHERE number > ?", (number,))
        database.execute("COMMIT")


def rows_of(path: Path) -> list[Entry]:
    """Return the rows as they lie in the file, checked by nobody."""
    with closing(sqlite3.connect(path)) as database:
        return [
            entry_of(row) for row in database.execute(f"SELECT {', '.join(COLUMNS)} FROM decisions ORDER BY number")
        ]


def write_long(folder: Path, rows: int, *, of: int = 50) -> Sealed:
    """Write a sound sealed journal of so many rows in one transaction, in sessions of `of` words."""
    folder.mkdir(parents=True, exist_ok=True)
    sealed = write_sealed(folder, words=0)
    with Journal(sealed.path, read_only=True) as journal:
        start = journal.start
    assert start is not None
    key = first_key(sealed.seed, start)
    with closing(sqlite3.connect(sealed.path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        head, marks = GENESIS, ", ".join("?" * (len(COLUMNS) + 2))
        for number in range(1, rows + 1):
            row = msgspec.structs.replace(entry(number % of), session=number // of)
            head = row_hash(head, number, row)
            database.execute(f"INSERT INTO decisions VALUES ({marks})", (number, *msgspec.structs.astuple(row), head))
            database.execute("INSERT INTO seals VALUES (?, ?)", (number, key.seal(head)))
            key = key.next()
        database.execute("UPDATE head SET rows = ?, hash = ?", (rows, head))
        database.execute("COMMIT")
    sealed.keys.put(start.journal, sealed.path, key)
    return sealed
