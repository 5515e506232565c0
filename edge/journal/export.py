"""Rows of a journal -> lines for other programs: CSV or JSON, one row a line."""

import csv
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.errors import JournalError
from edge.journal.keeping import publish
from edge.journal.row import COLUMNS, Entry

FORMATS: Final = ("csv", "jsonl")
_FORMULA: Final = ("=", "+", "-", "@")
"""A text that begins so would be computed by a spreadsheet."""


def lines(rows: Iterable[tuple[int, Entry, str]], form: str) -> Iterator[str]:
    """Yield the rows as lines with their ends, in a form of FORMATS.

    JSON: every value as it was recorded. CSV: a line of names first; in texts what cannot be printed as codes, and an
    apostrophe before what a spreadsheet would compute; numbers as Python writes them, exactly; nothing for None.
    """
    if form == "jsonl":
        yield from (msgspec.json.encode(as_record(*row)).decode() + "\n" for row in rows)
        return
    yield _csv(["number", *COLUMNS, "hash"])
    for row in rows:
        yield _csv([_cell(value) for value in as_record(*row).values()])


def write_lines(target: Path, texts: Iterable[str]) -> None:
    """Write lines to a new file for its owner alone, whole or not at all.

    JournalExistsError if there is one, JournalError if it cannot be written.
    """
    fresh = target.with_name(f"{target.name}.fresh")
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.writelines(texts)
        publish(fresh, target)
    except OSError as error:
        raise JournalError(f"{target}: the journal cannot be written there: {error.strerror}") from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def as_record(number: int, entry: Entry, digest: str) -> dict[str, Any]:
    """Return a row as names and values."""
    return {"number": number, **msgspec.structs.asdict(entry), "hash": digest}


def escape(text: str) -> str:
    """Return a text of others as a terminal or table may have it: what cannot be printed as codes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return int(value) if isinstance(value, bool) else value
    return f"'{escape(value)}" if value.startswith(_FORMULA) else escape(value)


def _csv(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
