"""A small journal, and a way to change it behind its back."""

import itertools
import sqlite3
from pathlib import Path

from edge.gate.journal import Entry, Journal


def entry(word: int, symbols: int = 4, final: bool = True) -> Entry:
    return Entry("2026-01-01", "pen", 7, word, symbols, "REJECT", None, -0.25, final, "score", 1.5, "b" * 64)


def write_journal(path: Path) -> Path:
    """Write a journal of 5 words, each with two running decisions and a final one; return its path."""
    with Journal(path) as journal:
        for word, symbols in itertools.product(range(1, 6), (1, 2, 3)):
            assert journal.record(entry(word, symbols, symbols == 3))
    return path


def edit(path: Path, *statements: str) -> None:
    with sqlite3.connect(path) as database:
        for statement in statements:
            database.execute(statement)
    database.close()
