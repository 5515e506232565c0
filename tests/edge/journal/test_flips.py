"""Every bit of every column of a row: its change is found by whoever walks the chain, in the last row by the gate."""

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from journals import Sealed, write_sealed

from edge.errors import JournalError
from edge.journal.journal import Journal
from edge.journal.row import COLUMNS
from edge.journal.verify import verify

WORDS = 2
"""Rows before the seal, and as many after it."""
ROWS = (1, WORDS, WORDS + 1, 2 * WORDS)
LAST = 2 * WORDS


@pytest.fixture
def sealed(tmp_path: Path) -> Sealed:
    return write_sealed(tmp_path, WORDS, before=WORDS)


def flipped(value: object) -> Iterator[object]:
    """Yield the value with each of its bits turned round, as SQLite stores it; something for nothing."""
    if isinstance(value, str):
        for bit in range(8 * len(value)):
            changed = bytearray(value.encode())
            changed[bit // 8] ^= 1 << bit % 8
            yield bytes(changed)
    elif isinstance(value, int | float):
        form = ">q" if isinstance(value, int) else ">d"
        (stored,) = struct.unpack(">Q", struct.pack(form, value))
        for bit in range(64):
            yield struct.unpack(form, struct.pack(">Q", stored ^ (1 << bit)))[0]
    else:
        yield from ("Eve", "")


def changes(database: sqlite3.Connection, table: str, column: str, row: int) -> Iterator[str]:
    """Change a column of a row in every way, and yield a name of each change while it stands."""
    (value,) = database.execute(f"SELECT {column} FROM {table} WHERE number = ?", (row,)).fetchone()
    place = f"{table} WHERE {column if column == 'number' else 'number'} = ?"
    update = "UPDATE {} SET {} = {} WHERE number = ?"
    for changed in flipped(value):
        now = changed if column == "number" else row
        bound = "CAST(? AS TEXT)" if isinstance(changed, bytes) else "?"
        try:
            database.execute(update.format(table, column, bound), (changed, row))
        except sqlite3.IntegrityError:  # such a row is there, or the column's type forbids it
            continue
        yield f"{place} {row}: {changed!r}"
        database.execute(update.format(table, column, "?"), (value, now))


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("column", ["number", *COLUMNS, "hash"])
def test_every_flipped_bit_of_a_row_is_found_without_the_seed(sealed: Sealed, column: str, row: int) -> None:
    tried = 0
    with closing(sqlite3.connect(sealed.path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        for change in changes(database, "decisions", column, row):
            assert verify(sealed.path, database).fault is not None, change
            if row == LAST:
                with pytest.raises(JournalError):
                    Journal(sealed.path, keys=sealed.keys)
            tried += 1
        assert verify(sealed.path, database, None, sealed.seed, sealed.keys).fault is None, "it is as it was"
    assert tried >= 2


@pytest.mark.parametrize("row", ROWS[2:])
def test_every_flipped_bit_of_a_seal_is_found_with_the_seed(sealed: Sealed, row: int) -> None:
    tried = 0
    with closing(sqlite3.connect(sealed.path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        for change in changes(database, "seals", "seal", row):
            assert verify(sealed.path, database, None, sealed.seed, sealed.keys).fault is not None, change
            tried += 1
        assert verify(sealed.path, database, None, sealed.seed, sealed.keys).fault is None, "it is as it was"
    assert tried == 8 * 64
