"""A process killed at every point of what is done to a sealed journal leaves one that is written on and verifies."""

import itertools
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journals import Sealed, entry, write_sealed

from edge.errors import JournalExistsError
from edge.journal.journal import Journal
from edge.journal.keeping import back_up, rotate
from edge.journal.seal_keys import SealKeys

Deed = Callable[[Path, SealKeys], None]


def die_after(points: int) -> None:
    """Kill this process at the n-th point from now on: a file opened, renamed or removed, or a statement of SQLite."""
    left, plain, fsync = points, sqlite3.connect, os.fsync

    def point(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        database = plain(*arguments, **options)
        database.set_trace_callback(point)
        return database

    def synchronised(descriptor: int) -> None:
        point()
        fsync(descriptor)

    sqlite3.connect = traced  # type: ignore[assignment]  # in the child only
    os.fsync = synchronised
    events = ("open", "os.rename", "os.remove", "os.link", "os.mkdir", "fcntl.flock")
    sys.addaudithook(lambda name, _: point() if name in events else None)


def begin(path: Path, keys: SealKeys) -> None:
    """Seal the journal; the seed is kept as an administrator keeps it."""
    with Journal(path, keys=keys) as journal:
        journal.seal(keys, lambda seed: _write(path.with_name("seed"), seed))


def record(path: Path, keys: SealKeys) -> None:
    with Journal(path, keys=keys) as journal:
        journal.record(entry(50))
        journal.record(entry(51))


def put_away(path: Path, keys: SealKeys) -> None:
    with Journal(path, keys=keys) as journal:
        rotate(journal)


def copy(path: Path, keys: SealKeys) -> None:
    back_up(path, path.with_name("backup"))


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, content)
    os.close(descriptor)


def killed_at(point: int, deed: Deed, path: Path, keys: SealKeys) -> bool:
    """Do it in a child that is killed at this point; return whether it was."""
    child = os.fork()
    if child == 0:
        failed = True
        try:
            die_after(point)
            deed(path, keys)
            failed = False
        finally:
            os._exit(failed)  # a child never returns into pytest
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), "the deed failed"
    return status != 0


def go_on(path: Path, keys: SealKeys) -> None:
    """Do what a gate and its administrator do after a start; each row counts."""
    with Journal(path, keys=keys) as journal:
        assert journal.decided("pen", 7, 2)
        assert journal.record(entry(60))


@pytest.mark.slow("a process for each point")
@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("deed", [record, put_away, copy])
def test_after_a_kill_at_any_point_the_gate_starts_and_the_journal_verifies(
    tmp_path: Path, deed: Deed, before: int
) -> None:
    for point in itertools.count():
        (tmp_path / str(point)).mkdir()
        sealed = write_sealed(tmp_path / str(point), 4, before)
        killed = killed_at(point, deed, sealed.path, sealed.keys)
        assert sealed.fault() is None
        go_on(sealed.path, sealed.keys)
        assert sealed.fault() is None
        assert proved(sealed) >= 5
        finish(sealed, deed)
        if not killed:
            break
    assert point > 15


def finish(sealed: Sealed, deed: Deed) -> None:
    """Do the deed after all: what a kill left behind is in nobody's way."""
    try:
        deed(sealed.path, sealed.keys)
    except JournalExistsError:
        assert deed is copy
    assert sealed.fault() is None
    with Journal(sealed.path, keys=sealed.keys) as journal:
        assert journal.decided("pen", 7, 60)
    if deed is copy:
        with Journal(sealed.path.with_name("backup"), read_only=True) as journal:
            assert journal.verify(seed=sealed.seed).fault is None


def proved(sealed: Sealed) -> int:
    with Journal(sealed.path, read_only=True, keys=sealed.keys) as journal:
        return journal.verify(seed=sealed.seed).proved


@pytest.mark.slow("a process for each point")
def test_a_kill_after_a_kill_leaves_the_key_within_reach(tmp_path: Path) -> None:
    """The key falls behind by a row, then the rows are put away under it."""
    for first, second in itertools.product(range(12, 60, 3), range(20, 90, 5)):
        folder = tmp_path / f"{first}-{second}"
        folder.mkdir()
        sealed = write_sealed(folder, 3)
        killed_at(first, record, sealed.path, sealed.keys)
        killed_at(second, put_away, sealed.path, sealed.keys)
        assert sealed.fault() is None
        go_on(sealed.path, sealed.keys)
        assert sealed.fault() is None


@pytest.mark.slow("a process for each point")
def test_a_kill_while_the_seal_begins_leaves_a_journal_with_the_seed_that_was_shown_or_none(tmp_path: Path) -> None:
    begun = set()
    for point in itertools.count():
        folder = tmp_path / str(point)
        path, keys = folder / "journal.sqlite", SealKeys(folder / "seals")
        folder.mkdir()
        with Journal(path) as journal:
            for word in (1, 2):
                journal.record(entry(word))
        killed = killed_at(point, begin, path, keys)
        with Journal(path, keys=keys) as journal:
            begun.add(journal.start is not None)
            if journal.start is None:
                journal.seal(keys, lambda seed, to=folder: _write(to / "seed", seed))
        go_on(path, keys)
        sealed = Sealed(path, keys, (folder / "seed").read_bytes())
        assert (sealed.fault(), proved(sealed)) == (None, 1)
        if not killed:
            break
    assert begun == {False, True}
    assert point > 20
