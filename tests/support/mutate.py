"""Sources with one small thing changed -> does a test notice? `make mutants`.

    python tests/support/mutate.py [ROOM ...] [--sample N] [--seed S]

A mutant is one file of a room (tests/mutants.toml) in which one thing is another (`source_mutants.py`). The room's
quick tests run once first, to learn which test reaches which function. Then each mutant is imported in a process of its
own in place of the file, and the tests that reach its function run until one fails. What no test fails for survives; it
must be listed in tests/mutants.toml as equivalent, with the reason. Results are kept in build/mutants/ROOM.jsonl, and
gone on with. Exit code 1 if a survivor is not listed, or fewer than 90 % are killed.

The libraries that do this start Python and pytest anew for each mutant, and change files that others import meanwhile.
"""

import argparse
import builtins
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path
from types import CodeType
from typing import Any

from source_mutants import REACHED, ROOT, Mutant, marked, mutants

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOMS, KEPT = ROOT / "tests" / "mutants.toml", ROOT / "build" / "mutants"
LEAST_KILLED = 0.9
MOST_TESTS_S = 40.0
"""A mutant's tests run for so many seconds, as measured without it; the quickest first."""
HANG_S = 30.0


class _Loader(importlib.machinery.SourceFileLoader):
    source = ""

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.source, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    """Imports the mutant in place of its file."""

    def __init__(self, file: str, source: str) -> None:
        self._module, self._source = file.removesuffix(".py").replace("/", "."), source

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin)
        spec.loader.source = self._source
        return spec


class _Reach:
    """A plugin of pytest that notes which test reaches which function, and how long it takes."""

    def __init__(self) -> None:
        self._now, self._began_s = "", 0.0
        self.reached: dict[str, set[str]] = {}
        self.took_s: dict[str, float] = {}
        self.failed: list[str] = []

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._now, self._began_s = nodeid, time.perf_counter()
        self.reached[nodeid] = set()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.took_s[nodeid] = time.perf_counter() - self._began_s

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def note(self, function: str) -> None:
        if self._now:
            self.reached[self._now].add(function)


def _in_child(work: Any, limit_s: float) -> Any:
    """Return what `work` returns in a process of its own, None if it takes too long or ends without a word."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(reader)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        try:
            told = json.dumps(work()).encode()
            with os.fdopen(writer, "wb") as stream:
                stream.write(told)
        finally:
            os._exit(0)
    os.close(writer)
    content, end_s = b"", time.monotonic() + limit_s
    while select.select([reader], [], [], max(0.0, end_s - time.monotonic()))[0]:
        if not (piece := os.read(reader, 65_536)):
            break
        content += piece
    os.close(reader)
    try:
        os.killpg(child, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return json.loads(content) if content else None


_ARGUMENTS = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0"]
_HEAVY = ("pytest", "hypothesis", "numpy", "msgspec", "cryptography", "click", "rich", "ai_edge_litert.interpreter")
"""What every mutant's process needs, and no mutant changes."""


def reach(files: list[Path], tests: list[str]) -> dict[str, Any]:
    """Run a room's quick tests; return by test the functions that it reaches, and its seconds."""

    def work() -> dict[str, Any]:
        import pytest

        plugin = _Reach()
        setattr(builtins, REACHED, plugin.note)
        for path in files:
            file = str(path.relative_to(ROOT))
            sys.meta_path.insert(0, _Finder(file, marked(path)))
        pytest.main([*_ARGUMENTS, "-m", "not slow", *tests], plugins=[plugin])
        if plugin.failed:
            return {"failed": plugin.failed}
        return {
            test: {"at": sorted(found), "s": plugin.took_s.get(test, 0.0)} for test, found in plugin.reached.items()
        }

    found = _in_child(work, 3_000.0)
    if not found or "failed" in found:
        raise SystemExit(f"without a mutant fail: {' '.join(found['failed']) if found else 'all tests'}")
    return found  # type: ignore[no-any-return]


def survives(mutant: Mutant, source: str, tests: list[str], took_s: float) -> bool:
    """Return whether no test fails with the mutant in its file's place; one that takes far too long is killed."""

    def work() -> int:
        import pytest

        sys.meta_path.insert(0, _Finder(mutant.file, source))
        return int(pytest.main([*_ARGUMENTS, "-x", *tests]))

    return _in_child(work, HANG_S + 5 * took_s) == 0


def tests_of(mutant: Mutant, reached: dict[str, Any]) -> tuple[list[str], float]:
    """Return the tests that reach the mutant's function, the quickest first, and their seconds.

    Of what is reached when the file is imported, these are all.
    """
    at = f"{mutant.file}: {mutant.function}"
    able = sorted((found["s"], test) for test, found in reached.items() if at in found["at"])
    able = able or sorted((found["s"], test) for test, found in reached.items())
    chosen, took_s = list[str](), 0.0
    for seconds, test in able:
        if took_s + seconds > MOST_TESTS_S and chosen:
            break
        chosen.append(test)
        took_s += seconds
    return chosen, took_s


def run_room(
    name: str, room: dict[str, Any], listed: dict[str, str], sample: int | None, seed: int
) -> tuple[int, int, list[str]]:
    """Run a room's mutants; return how many there were, how many were killed, and the survivors that are not listed."""
    files = sorted(path for pattern in room["files"] for path in ROOT.glob(pattern) if path.name != "__init__.py")
    every = [found for path in files for found in mutants(path)]
    if sample is not None and sample < len(every):
        every = random.Random(seed).sample(every, sample)
    KEPT.mkdir(parents=True, exist_ok=True)
    known = _known(name)
    tests = [str(path.relative_to(ROOT)) for pattern in room["tests"] for path in sorted(ROOT.glob(pattern))]
    reached = _reached(name, files, tests)
    with (KEPT / f"{name}.jsonl").open("a") as log:
        for mutant, source in every:
            if mutant.name in listed or (mutant.name, _digest(source)) in known:
                continue
            chosen, took_s = tests_of(mutant, reached)
            left = survives(mutant, source, chosen, took_s)
            known[mutant.name, _digest(source)] = left
            record = {"mutant": mutant.name, "source": _digest(source), "survives": left, "tests": len(chosen)}
            log.write(json.dumps(record) + "\n")
            log.flush()
    left = [m.name for m, source in every if m.name not in listed and known[m.name, _digest(source)]]
    equivalent = sum(mutant.name in listed for mutant, _ in every)
    return len(every), len(every) - equivalent - len(left), left


def _digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def _known(name: str) -> dict[tuple[str, str], bool]:
    """Return what earlier runs found; a survivor is tried again, for there may be more tests now."""
    path = KEPT / f"{name}.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {(r["mutant"], r["source"]): False for r in records if not r["survives"]}


def _reached(name: str, files: list[Path], tests: list[str]) -> dict[str, Any]:
    """Return which test reaches which function; kept as long as neither files nor tests change."""
    content = b"".join(path.read_bytes() for path in files)
    of_tests = (
        path for test in tests for path in sorted({ROOT / test, *(ROOT / test).rglob("*.py")}) if path.is_file()
    )
    stamp = _digest(hashlib.sha256(content + b"".join(path.read_bytes() for path in of_tests)).hexdigest())
    kept = KEPT / f"{name}-{stamp}.json"
    if not kept.exists():
        kept.write_text(json.dumps(reach(files, tests)))
    return json.loads(kept.read_text())  # type: ignore[no-any-return]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("rooms", nargs="*")
    parser.add_argument("--sample", type=int)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    table = tomllib.loads(ROOMS.read_text())
    listed = {f"{e['file']}: {e['function']}: {e['change']}": e["reason"] for e in table.get("equivalent", [])}
    os.nice(19)
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
    for heavy in _HEAVY:
        importlib.import_module(heavy)
    good = True
    for name in asked.rooms or table["rooms"]:
        count, killed, left = run_room(name, table["rooms"][name], listed, asked.sample, asked.seed)
        equivalent = count - killed - len(left)
        share = killed / max(count - equivalent, 1)
        print(f"{name}: {count} mutants, {killed} killed ({share:.1%}), {equivalent} equivalent, {len(left)} survive")
        for mutant in left:
            print(f"  {mutant}", flush=True)
        good = good and not left and share >= LEAST_KILLED
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
