"""An installed gate -> how long it takes from its start to listening, its peak memory, and what it decides.

    python tests/benchmarks/start_up.py [--inkgate COMMAND] [--runs 5] [--words 6] [--json]

People are invented, visitors and users enrol from files, a virtual board writes by turns as a user and as a stranger.
Nothing but commands of inkgate are used and Python's own library, so it runs wherever a gate is installed. The gate is
ready when it would tell systemd so. `--json` gives the decisions too, and a hash of what both networks compute.
"""

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PATIENCE_S = 240.0
"""For one step under emulation; a gate on its own processor needs a hundredth of it."""

COMPUTE = """
import hashlib, json, sys
import numpy as np
from edge.bundle.bundle import Bundle
from edge.bundle.places import SHIPPED
from edge.ink.fragment import to_int8
bundle, fragments = Bundle.open(SHIPPED), to_int8(np.load(sys.argv[1])["pixels"])
bits = np.where(fragments >= 0, np.int8(127), np.int8(-128))
found = {}
for kernels in (None, "reference"):
    engine, reader = bundle.engine(kernels), bundle.reader(kernels)
    features, logits = engine.features(bits), reader.logits_int8(bits)
    found[engine.kernels] = {
        "runtime": engine.runtime, "verified": engine.verified and reader.verified, "fragments": len(bits),
        "features": hashlib.sha256(features.tobytes()).hexdigest(),
        "logits": hashlib.sha256(logits.tobytes()).hexdigest(),
    }
print(json.dumps(found))
"""


class Gate:
    """An installed inkgate, and a home of its own in which it keeps what it keeps."""

    def __init__(self, command: Sequence[str], home: Path) -> None:
        self.command, self.home = list(command), home
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("INKGATE_", "XDG_"))},
            "HOME": str(home),
            "PYTHONDONTWRITEBYTECODE": "",
        }

    def run(self, *arguments: object) -> str:
        """Run a command, which must succeed, and return its stdout."""
        words = [*self.command, *map(str, arguments)]
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode:
            sys.exit(f"error: {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def enrol(self, given: Path | None) -> None:
        """Calibrate, and enrol two users, by people and visitors that are given in a folder, or else invented."""
        visitors = self.home / "visitors.npz"
        for path, writers, seed in ((self.people, 4, 9), (visitors, 8, 10)):
            drawn = ("--writers", writers, "--per-writer", 60, "--seed", seed)
            if given is not None:
                path.write_bytes((given / path.name).read_bytes())
            else:
                self.run("data", "export", "synthetic", *drawn, "--out", path)
        self.run("calibrate", "--from", visitors, "--roster", self.roster)
        for writer, name in enumerate(("ada", "ben")):
            self.run("users", "add", name, "--from", self.people, "--writer", writer, "--roster", self.roster)

    def examined(self) -> dict[str, str]:
        """Return what `inkgate doctor` finds, by what it looks at; it must find nothing broken."""
        lines = self.run("doctor", "--roster", self.roster, "--json").splitlines()
        return {found["check"]: found["state"] for found in map(json.loads, lines)}

    @property
    def people(self) -> Path:
        return self.home / "people.npz"

    @property
    def roster(self) -> Path:
        return self.home / "roster"

    @contextlib.contextmanager
    def board(self, words: int) -> Iterator[Path]:
        """Give the port of a virtual board on which ada and a stranger write by turns."""
        link = self.home / "pen"
        arguments = ("simulate", "pen", "--dataset", self.people, "--writer", 0, "--writer", 3, "--words", words)
        started = subprocess.Popen(
            [*self.command, *map(str, arguments), "--link", str(link), "--json"],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert started.stdout is not None
        try:
            started.stdout.readline()
            yield link
        finally:
            started.kill()
            started.wait()

    def decide(self, words: int) -> dict[str, Any]:
        """Start the gate at a board; return seconds to listening, peak memory in MiB, and the final decisions."""
        with self.board(words) as port, listening(self.home / "notify") as (address, notified):
            arguments = ("run", "--port", port, "--roster", self.roster, "--journal", self.home / "journal.sqlite")
            ends = ("--words", words, "--idle-timeout", PATIENCE_S, "--uncounted", "--json")
            began = time.monotonic()
            gate = subprocess.Popen(
                [*self.command, *map(str, (*arguments, *ends))],
                env={**self.environment, "NOTIFY_SOCKET": address},
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert gate.stdout is not None
            try:
                ready_s = until_ready(notified, gate) - began
                final, peak = [], 0
                for line in gate.stdout:
                    record = json.loads(line)
                    peak = max(peak, peak_kib(gate.pid))
                    final += [record] if record.get("final") else []
                if gate.wait(PATIENCE_S):
                    assert gate.stderr is not None
                    sys.exit(f"error: the gate ended with {gate.returncode}: {gate.stderr.read().strip()}")
            finally:
                gate.kill()
        told = ("decision", "user", "score", "symbols", "verified", "reason")
        decisions = [{name: record[name] for name in told} for record in final]
        return {"ready_s": ready_s, "peak_mib": peak / 1024, "decisions": decisions}


@contextlib.contextmanager
def listening(path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Give the address of a socket in systemd's place, and the socket."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.bind(str(path))
        opened.settimeout(0.5)
        yield str(path), opened


def until_ready(notified: socket.socket, gate: subprocess.Popen[str]) -> float:
    """Wait until the gate says READY and return the time on the monotonic clock."""
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE_S and gate.poll() is None:
        with contextlib.suppress(TimeoutError):
            if "READY=1" in notified.recv(4096).decode().splitlines():
                return time.monotonic()
    gate.send_signal(signal.SIGKILL)
    assert gate.stderr is not None
    sys.exit(f"error: the gate did not listen: {gate.stderr.read().strip()}")


def peak_kib(pid: int) -> int:
    """Return the most memory that a process has had in RAM so far, in KiB; 0 if it has gone."""
    try:
        lines = Path("/proc", str(pid), "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def computed(gate: Gate, python: str) -> dict[str, Any]:
    """Return hashes of what the ready bundle's networks give for all fragments, by kernel set."""
    words = [python, "-c", COMPUTE, str(gate.people)]
    done = subprocess.run(words, env=gate.environment, capture_output=True, text=True, timeout=PATIENCE_S)
    if done.returncode:
        sys.exit(f"error: the networks could not be asked: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inkgate", default=f"{sys.executable} -m inkgate", help="the command of the gate")
    parser.add_argument("--python", default=sys.executable, help="a Python that can import it")
    parser.add_argument("--from", type=Path, dest="given", help="a folder with people.npz and visitors.npz")
    parser.add_argument("--runs", type=int, default=5, help="how often it is started; the first may fill caches")
    parser.add_argument("--words", type=int, default=6)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if shutil.which(shlex.split(options.inkgate)[0]) is None:
        sys.exit(f"error: {options.inkgate}: there is no such command here")
    with tempfile.TemporaryDirectory() as folder:
        gate = Gate(shlex.split(options.inkgate), Path(folder))
        gate.enrol(options.given)
        runs = [gate.decide(options.words if not n else 1) for n in range(options.runs)]
        found = {
            "first_s": round(runs[0]["ready_s"], 2),
            "median_s": round(statistics.median(run["ready_s"] for run in runs), 2),
            "peak_mib": round(max(run["peak_mib"] for run in runs), 1),
            "decisions": runs[0]["decisions"],
            "computed": computed(gate, options.python),
            "doctor": gate.examined(),
        }
    if options.json:
        print(json.dumps(found))
        return
    runtimes = {known["runtime"] for known in found["computed"].values()}
    print(f"{', '.join(runtimes)}: listening {found['first_s']:.2f} s after the first start, {found['median_s']:.2f} s "
          f"in the median of {options.runs}; at most {found['peak_mib']:.0f} MiB of memory")  # fmt: skip
    for decided in found["decisions"]:
        score = "" if decided["score"] is None else f"{decided['score']:.4f}"
        print(f"  {decided['decision']:<12} {decided['user'] or '':<6} {score}")


if __name__ == "__main__":
    main()
