"""A journal in use -> a copy of it that is whole, or a journal that continues what was put away."""

import os
import sqlite3
from contextlib import closing, suppress
from datetime import datetime, timezone
from pathlib import Path

from edge.errors import JournalAlteredError, JournalError, JournalExistsError, NotAJournalError
from edge.journal.journal import Journal
from edge.journal.link import Link
from edge.journal.schema import connect_to_read, require_journal
from edge.journal.seal_keys import SealKeys
from edge.journal.verify import Verification
from firmware_bridge.trust.private_folder import sync_folder


def back_up(path: Path, target: Path) -> Verification:
    """Copy the journal, also while a gate writes it, to a file that is whole or is not there.

    Return what it holds. JournalExistsError if there is a file already, JournalAlteredError if what was copied does not
    verify.
    """
    fresh = _copy(path, target)
    try:
        with Journal(fresh, read_only=True) as copy:
            verified = copy.verify(alone=True)
        if verified.fault is not None:
            raise JournalAlteredError(f"{path}: {verified.fault}: it was changed, and no copy is made: keep the file")
        publish(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)
    return verified


def rotate(journal: Journal, now: datetime | None = None) -> Link:
    """Put all rows away in a file beside the journal, which begins anew with a row that names it.

    Return what it names. A gate may go on: its next row stands in the new journal, and what was decided stays decided.
    JournalAlteredError if the journal does not verify.
    """
    time = now or datetime.now(timezone.utc)
    verified = journal.verify(alone=True)
    if verified.fault is not None:
        raise JournalAlteredError(f"{journal.path}: {verified.fault}: it was changed, and is not put away: keep it")
    archive = next_archive(journal.path)
    with journal.appending() as tail:
        fresh = _copy(journal.path, archive)  # what is committed, while nobody else can write
        try:
            with closing(connect_to_read(fresh)) as copy:
                found = copy.execute("SELECT rows, hash FROM head").fetchone()
                (count,) = copy.execute("SELECT count(*) FROM decisions").fetchone()
            if (*found, count) != (tail.rows, tail.head, tail.rows):
                raise JournalError(f"{archive}: the copy is not the journal: try again")
            publish(fresh, archive)
        finally:
            fresh.unlink(missing_ok=True)
        delivered = {board: last for board, last in journal.delivered().items() if board}
        link = Link(archive.name, tail.rows, tail.head)
        tail.restart(link, delivered, time.isoformat(timespec="milliseconds"), round(time.timestamp() * 1000))
    journal.shrink()
    return link


def forget_seals(path: Path, keys: SealKeys) -> int:
    """Erase the keys of seals whose journal was at this path and is gone from it; return how many.

    Nothing more can be recorded under them; what was recorded is still proved by their seeds.
    """
    here = None
    if path.exists():
        with Journal(path, read_only=True) as journal:
            here = journal.start
    gone = [of for of in keys.at(path) if here is None or here.journal != of]
    for of in gone:
        keys.remove(of)
    return len(gone)


def next_archive(path: Path) -> Path:
    """Return the first path of NAME.1, NAME.2, ... beside the journal at which there is nothing."""
    number = 1
    while (archive := path.with_name(f"{path.stem}.{number}{path.suffix}")).exists():
        number += 1
    return archive


def _copy(path: Path, target: Path) -> Path:
    """Copy what is committed into one file beside the target, and return it."""
    fresh = target.with_name(f"{target.name}.fresh")
    if target.exists():
        raise JournalExistsError(f"{target}: there is a file already: choose another name")
    try:
        fresh.unlink(missing_ok=True)
        os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(connect_to_read(path)) as source, closing(sqlite3.connect(fresh, isolation_level=None)) as copy:
            require_journal(path, source)
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, which can be read where nothing can be written
    except NotAJournalError:
        fresh.unlink(missing_ok=True)
        raise
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        told = error.strerror if isinstance(error, OSError) else error
        raise JournalError(f"{target}: the journal cannot be written there: {told}") from error
    return fresh


def publish(fresh: Path, target: Path) -> None:
    """Give a file its name, if there is none of that name, once it is on the disk.

    JournalExistsError if there is one, JournalError if it cannot be written.
    """
    try:
        with fresh.open("rb") as stream:
            os.fsync(stream.fileno())
        os.link(fresh, target)
        fresh.unlink()
        sync_folder(target.parent)
    except FileExistsError as error:
        raise JournalExistsError(f"{target}: there is a file already: choose another name") from error
    except OSError as error:
        raise JournalError(f"{target}: the journal cannot be written there: {error.strerror}") from error
