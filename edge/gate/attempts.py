"""Words tried at a board and under a name -> how long nobody may try again.

The counts are in a file of their own. An attempt is written to the disk before anything is said of its word, and counts
as a failure until the word is accepted. So it counts too if the word is broken off, the gate is killed or the power
fails: nobody learns for nothing what a half-written word scores. A word that is no writing is moved to a count of its
own.

After FREE failures in a row a wait begins, which doubles with each further one; after MOST only the administrator lets
anybody try again (`inkgate attempts reset`). Five and fifty are those of NIST SP 800-63B-4, 3.2.3.

Time is the machine's since it booted, sleep included, which nobody sets. After a boot it is the clock on the wall as
far as that went forward, and a wait that it cannot measure begins again.
"""

import math
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple

from edge.errors import AttemptsError, LockedError

FREE: Final = 5
FIRST_WAIT_S: Final = 30.0
LONGEST_WAIT_S: Final = 86_400.0
MOST: Final = 50

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS attempts (
    kind TEXT NOT NULL, name TEXT NOT NULL, failures INTEGER NOT NULL, not_writing INTEGER NOT NULL,
    boot TEXT NOT NULL, since_boot_s REAL NOT NULL, wall_s REAL NOT NULL, PRIMARY KEY (kind, name)
) STRICT;
"""
_COUNT: Final = """
INSERT INTO attempts VALUES (?, ?, 1, 0, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET
    failures = failures + 1, boot = excluded.boot, since_boot_s = excluded.since_boot_s, wall_s = excluded.wall_s
"""
_OF: Final = "FROM attempts WHERE kind = ? AND name = ?"
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Now(NamedTuple):
    """The time: which boot it is, seconds since it (asleep or not), seconds on the wall clock."""

    boot: str
    since_boot_s: float
    wall_s: float


class Count(NamedTuple):
    """How often somebody failed in a row at a board or under a name, and how long nobody may try.

    kind: "board" or "user". wait_s: 0 where one may try, infinite where only the administrator ends it.
    """

    kind: str
    name: str
    failures: int
    not_writing: int
    wait_s: float


def wait_after(failures: int) -> float:
    """Return for how many seconds nobody may try after so many failures in a row."""
    if failures >= MOST:
        return math.inf
    return 0.0 if failures < FREE else min(FIRST_WAIT_S * 2.0 ** (failures - FREE), LONGEST_WAIT_S)


def read_clock() -> Now:
    """Return the time of this machine."""
    try:
        boot = _BOOT_ID.read_text().strip()
    except OSError:
        boot = ""  # Where nothing names the boot, each reading is of another one: only the wall clock counts.
    return Now(boot, time.clock_gettime(time.CLOCK_BOOTTIME), time.time())


class Attempts:
    """The counts in a file, for one thread; several gates may share the file.

    user: the name that is claimed at this gate, under which attempts are counted beside their board's; None: nobody's.
    Every method raises AttemptsError if the file does not do what it should.
    """

    def __init__(self, path: Path, user: str | None = None, now: Callable[[], Now] = read_clock) -> None:
        self.path, self._user, self._now = path, user, now
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o600))
            self._database = sqlite3.connect(path, timeout=5.0, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute(_SCHEMA)
            self._take_over()
        except (OSError, sqlite3.Error) as error:
            told = error.strerror if isinstance(error, OSError) else error
            raise AttemptsError(f"{path}: attempts cannot be counted: {told}") from error

    def __enter__(self) -> "Attempts":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(sqlite3.Error):  # what was counted is on the disk
            self._database.close()

    def begin(self, board: str) -> None:
        """Count an attempt at a board; it is on the disk when this returns.

        LockedError, and nothing is counted, while nobody may try there or under the name that is claimed.
        """
        with self._transaction() as database:
            now = self._now()
            for count in self._read(now):
                if (count.kind, count.name) in self._subjects(board) and count.wait_s > 0:
                    raise LockedError(_locked(count))
            for kind, name in self._subjects(board):
                database.execute(_COUNT, (kind, name, *now))

    def accept(self, board: str) -> None:
        """Forget the failures at a board and under the claimed name: the last word was accepted."""
        with self._transaction() as database:
            for subject in self._subjects(board):
                database.execute("UPDATE attempts SET failures = 0 WHERE kind = ? AND name = ?", subject)

    def set_apart(self, board: str) -> None:
        """Count the last attempt as no writing in place of a failure; the wait, which was over, stays so."""
        with self._transaction() as database:
            now = self._now()
            for subject in self._subjects(board):
                (failures,) = database.execute(f"SELECT failures {_OF}", subject).fetchone() or (1,)
                over_s = wait_after(failures - 1)
                database.execute(
                    "UPDATE attempts SET failures = ?, not_writing = not_writing + 1, since_boot_s = ?, wall_s = ? "
                    "WHERE kind = ? AND name = ?",
                    (max(failures - 1, 0), now.since_boot_s - over_s, now.wall_s - over_s, *subject),
                )

    def counts(self) -> list[Count]:
        """Return what was counted, boards first, by name."""
        with self._transaction():
            return list(self._read(self._now()))

    def reset(self, kind: str | None = None, name: str | None = None) -> int:
        """Forget what was counted of a board or a user, or of all; return of how many."""
        with self._transaction() as database:
            where, values = ("", ()) if kind is None else (" WHERE kind = ? AND name = ?", (kind, name))
            return database.execute(f"DELETE FROM attempts{where}", values).rowcount

    def _subjects(self, board: str) -> list[tuple[str, str]]:
        return [("board", board), *([("user", self._user)] if self._user is not None else [])]

    def _read(self, now: Now) -> Iterator[Count]:
        rows = self._database.execute("SELECT * FROM attempts ORDER BY kind, name").fetchall()
        for kind, name, failures, not_writing, *then in rows:
            left = wait_after(failures) - _elapsed(Now(*then), now)
            yield Count(kind, name, failures, not_writing, max(left, 0.0))

    def _take_over(self) -> None:
        """Tell the times of earlier boots by this one's clock, so that they can be measured from now on."""
        with self._transaction() as database:
            now = self._now()
            for kind, name, *then in database.execute("SELECT kind, name, boot, since_boot_s, wall_s FROM attempts"):
                if then[0] != now.boot:
                    at = now.since_boot_s - _elapsed(Now(*then), now)
                    database.execute(
                        "UPDATE attempts SET boot = ?, since_boot_s = ?, wall_s = ? WHERE kind = ? AND name = ?",
                        (now.boot, at, now.wall_s - (now.since_boot_s - at), kind, name),
                    )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
                raise sqlite3.OperationalError("the transaction did not end")
        except sqlite3.Error as error:
            raise AttemptsError(f"{self.path}: attempts cannot be counted: {error}") from error


def _elapsed(then: Now, now: Now) -> float:
    """Return the seconds that have certainly passed."""
    same = bool(now.boot) and then.boot == now.boot
    return max(now.since_boot_s - then.since_boot_s if same else now.wall_s - then.wall_s, 0.0)


def _locked(count: Count) -> str:
    whose = f"at board {count.name}" if count.kind == "board" else f"under the name {count.name}"
    failed = f"locked: {count.failures} failures in a row {whose}"
    if math.isinf(count.wait_s):
        return f"{failed}; only the administrator ends that (`inkgate attempts reset`)"
    return f"{failed}; again in {math.ceil(count.wait_s)} s"
