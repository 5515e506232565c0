"""A gate in a process of its own whose disk is full for a while: nothing decided, nothing lost, nothing ended."""

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gate_site import Site, records

from edge.bundle.places import MANIFEST, SHIPPED

shipped = pytest.mark.skipif(not (SHIPPED / MANIFEST).is_file(), reason="this inkgate comes without a ready bundle")


def limit(gate: "subprocess.Popen[str]", size: int) -> None:
    """Let the gate write no file beyond so many bytes, as on a full disk."""
    resource.prlimit(gate.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@shipped
@pytest.mark.slow("enrols six users, and runs a gate")
def test_a_disk_that_is_full_for_a_while_ends_no_gate_and_loses_no_word(site: Site) -> None:
    with site.board() as board:
        gate = site.run("--words", len(site.words))
        told = records(gate)
        assert any(record["final"] for record in told)
        limit(gate, 1)
        before = len(board.acknowledged) + 1
        time.sleep(3.0)
        assert gate.poll() is None
        assert len(board.acknowledged) <= before
        limit(gate, resource.RLIM_INFINITY)
        left = [record for record in told if record["final"]]
        assert gate.wait(60) == 0
        assert board.wait(10)
    assert all(record["decision"] != "UNAVAILABLE" for record in left)
    words = [word for word, _, _ in site.finals()]
    assert words == list(range(1, len(site.words) + 1))
    assert "ACCEPT" in [decision for _, decision, _ in site.finals()]


@shipped
@pytest.mark.slow("enrols six users, and runs a gate")
def test_a_gate_that_waits_for_room_ends_when_it_is_asked_to(site: Site) -> None:
    with site.board():
        gate = site.run()
        assert any(record["final"] for record in records(gate))
        limit(gate, 1)
        time.sleep(3.0)
        assert gate.poll() is None
        gate.send_signal(signal.SIGTERM)
        assert gate.wait(15) == 0


@shipped
def test_a_port_that_is_not_there_is_said_at_the_idle_timeout_with_exit_code_3(site: Site, tmp_path: Path) -> None:
    command = ["run", "--port", tmp_path / "none", "--bundle", site.bundle, "--journal", site.journal]
    done = subprocess.run(
        [sys.executable, "-m", "inkgate", *map(str, command), "--idle-timeout", "0.5"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "no such port" in done.stderr
