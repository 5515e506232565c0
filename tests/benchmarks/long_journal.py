"""What a journal of 1,000,000 rows costs a gate at its start, against one of 1,000; and each row, sealed or not.

    PYTHONPATH=tests/support python tests/benchmarks/long_journal.py [ROWS]

Seconds of the clock on this disk: to open, to ask what was delivered, and to record the first decision; the best of
five. Then the time to verify all with the seed.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from journals import Sealed, entry, write_long

from edge.journal.journal import Journal

WORDS = 300


def seconds(use: Callable[[], object]) -> float:
    start = time.perf_counter()
    use()
    return time.perf_counter() - start


def start_up(sealed: Sealed, word: int) -> None:
    with Journal(sealed.path, keys=sealed.keys) as journal:
        journal.delivered()
        journal.record(entry(word))


def rows_ms(journal: Journal) -> str:
    taken = sorted(seconds(lambda word=word: journal.record(entry(word))) * 1e3 for word in range(5000, 5000 + WORDS))
    return f"p50 {statistics.median(taken):.2f} ms, p99 {taken[int(0.99 * WORDS)]:.2f} ms"


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        best = {}
        for rows in (1_000, many):
            sealed = write_long(Path(folder) / str(rows), rows)
            best[rows] = min(seconds(lambda word=word, of=sealed: start_up(of, word)) for word in range(1000, 1005))
            print(f"{rows:>9,} rows, {sealed.path.stat().st_size / 1e6:6.0f} MB: started in {best[rows]:.3f} s")
        print(f"start-up: {best[many] - best[1_000]:+.3f} s for {many:,} rows")
        with Journal(sealed.path, read_only=True, keys=sealed.keys) as journal:
            taken = seconds(lambda: journal.verify(seed=sealed.seed))
        print(f"verified with the seed in {taken:.1f} s")
        with Journal(sealed.path, keys=sealed.keys) as journal:
            print(f"a row, sealed: {rows_ms(journal)}")
        with Journal(Path(folder) / "bare") as journal:
            print(f"a row, not sealed: {rows_ms(journal)}")


if __name__ == "__main__":
    main()
