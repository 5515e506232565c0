"""Sites that a gate reaches -> orders to make each of them fail, what is wrong with what comes of it, and the table."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from call_sites import ARRAY, DECODER, OUTPUT, SECRET, THREAD, Site
from fault_kinds import FAULTS

RUNNER = Path(__file__).with_name("faulty_gate.py")
TABLE = Path(__file__).parents[1] / "faults.md"
STRANGER, WORDS = 2, (1, 2, 3)
CLEAN, READER_GONE = (0, 1, 2, 3, 4), 141
"""Exit codes that are a sentence; and the one of a command whose reader has gone (EPIPE only)."""

Result = dict[str, Any]
Order = dict[str, str]


class Runner:
    """The process that runs gates: a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> "Runner":
        self._process = subprocess.Popen(
            [sys.executable, str(RUNNER), str(self._folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, order: Order | None = None) -> Result:
        """Run an order; without one, record which sites are reached."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order or {}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())  # type: ignore[no-any-return]


def orders(sites: dict[str, Result]) -> Iterator[Order]:
    """Yield every fault at every site: at the first time, and as long as the stranger writes.

    Of arrays, decoders, secrets and output one of both, the stranger's where he gets so far.
    """
    for site, found in sites.items():
        kind = found["kind"]
        once = kind in (ARRAY, DECODER, OUTPUT, SECRET, THREAD)
        moments = ["first", "stranger"] if found["stranger"] else ["first"]
        moments = moments[-1:] if once else moments
        for when in moments:
            for name in found["faults"]:
                yield {"site": site, "kind": kind, "fault": name, "when": when}


def one_each(sites: dict[str, Result]) -> Iterator[Order]:
    """Yield one fault at every site that is no array's, each kind's faults and both moments by turns."""
    turn: dict[str, int] = {}
    for site, found in sites.items():
        if found["kind"] == ARRAY or not found["faults"]:
            continue
        turn[found["kind"]] = at = turn.get(found["kind"], -1) + 1
        when = "stranger" if found["stranger"] and at % 3 else "first"
        yield {"site": site, "kind": found["kind"], "fault": found["faults"][at % len(found["faults"])], "when": when}


def wrong_with(order: Order, result: Result) -> list[str]:
    """Return what no fault may lead to, and this one did."""
    ends = result["ends"]
    allowed = (*CLEAN, READER_GONE) if order.get("fault") == "EPIPE" else CLEAN
    found = [f"ended with {end}" for end in ends if end not in allowed]
    if "rows" not in result:
        return found
    rows, shown, door = result["rows"], result["shown"], result["door"]
    told = [row[:1] + row[2:3] for row in (*rows, *shown)] + [[int(w), v] for w, v in (line.split() for line in door)]
    if [STRANGER, "ACCEPT"] in told:
        found.append("the stranger was accepted")
    found += [f"shown and not recorded: {row}" for row in shown if row not in rows]
    finals = {(row[0], row[2]) for row in rows if row[3]}
    found += [f"a command ran for what is not recorded: {line}" for line in door if _of(line) not in finals]
    found += [f"a command ran twice: {line}" for line in sorted(set(door)) if door.count(line) > 1]
    found += [f"word {word} acknowledged and lost" for word in result["acknowledged"] if word not in dict(finals)]
    if result["fault"]:
        found.append(f"the journal: {result['fault']}")
    else:
        found += [f"word {word} was never decided" for word in WORDS if word not in dict(finals)]
    return found


def _of(line: str) -> tuple[int, str]:
    word, verdict = line.split()
    return int(word), verdict


def ending(result: Result) -> str:
    """Return in a word what a fault led to: how the gate ended, or what became of the words."""
    if result["ends"][0] != 0:
        return f"exit {result['ends'][0]}"
    finals = {row[0]: row[2] for row in result.get("rows", []) if row[3]}
    return "UNAVAILABLE" if "UNAVAILABLE" in finals.values() else "as without"


def table(sites: dict[str, Result], seen: dict[str, dict[str, int]]) -> str:
    """Return the table: a line for each function, its call sites, and what the faults led to."""
    functions: dict[tuple[str, str], list[str]] = {}
    for site in sites:
        file, function, _ = site.split("|")
        functions.setdefault((file, function), []).append(site)
    tried = sum(sum(counts.values()) for counts in seen.values())
    lines = [_HEAD.format(sites=len(sites), functions=len(functions), tried=tried, faults=_faults())]
    for (file, function), own in sorted(functions.items()):
        calls = "; ".join(f"{sites[s]['kind']} `{_cell(Site(*s.split('|')).call)}`" for s in sorted(own))
        ends: dict[str, int] = {}
        for site in own:
            for end, count in seen.get(site, {}).items():
                ends[end] = ends.get(end, 0) + count
        led = ", ".join(f"{end} {count}" for end, count in sorted(ends.items()))
        lines.append(f"| `{file}` | `{function}` | {calls} | {led} |")
    return "\n".join(lines) + "\n"


def listed(text: str) -> set[str]:
    """Return the sites that stand in a table."""
    found = set()
    for line in text.splitlines():
        if line.startswith("| `"):
            file, function, calls, _ = line[2:-2].split(" | ")
            for call in calls.split("; "):
                _, _, name = call.partition(" ")
                found.add(f"{file[1:-1]}|{function[1:-1]}|{name[1:-1]}")
    return found


def cell_of(site: str) -> str:
    """Return a site as `listed` finds it."""
    file, function, call = site.split("|")
    return f"{file}|{function}|{_cell(call)}"


def _cell(call: str) -> str:
    return call.replace("; ", ", ").replace(" | ", " or ").replace("`", "'")


def _faults() -> str:
    return "\n".join(
        f"- **{kind}**: {', '.join(f.name for f in faults if f.loud)}"
        + (f"; silent: {', '.join(f.name for f in faults if not f.loud)}" if any(not f.loud for f in faults) else "")
        for kind, faults in FAULTS.items()
    )


_HEAD = """# Faults by call site

Written by `make faults`; `tests/edge/gate/test_every_fault.py` fails where a gate reaches a call that is not listed. A
gate of the ready networks, with a signed bundle, a roster, a sealed journal, counted attempts and a command, is
opened at a board that sends an owner's word, a stranger's, and the owner's again, and is opened again after the
second. That path calls what is not inkgate's at {sites} sites in {functions} functions. Each was made to fail in every
way of its kind, once at the first call, and again for as long as the stranger writes (of output, decoders, secrets and
threads at one of these moments; of arrays in one way, NaN where that can be): {tried} runs. In none of them

- was the stranger accepted, or a command run for him;
- was a decision shown, or a command run, that is not in the journal, or a command run twice;
- was a word acknowledged to the board that is not in the journal, or a word never decided by the gate opened anew;
- was a journal left that does not verify, or did a traceback, a hang, or an exit code without a sentence come.

The last column counts what came in place of that: the exit code of a gate that ended, words that were UNAVAILABLE, or
nothing that could be noticed.

{faults}

Not made to fail are calls of the language itself on values in memory, and what only takes a path apart.

| file | function | calls | led to |
|---|---|---|---|"""
