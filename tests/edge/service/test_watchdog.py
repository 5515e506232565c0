"""A gate in a process of its own under a watchdog in systemd's place: what hangs is found, and what waits is not."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.bundle.bundle import Bundle
from edge.journal.journal import Journal
from firmware_bridge.emulate.board_memory import SelfProvisioned
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.trust.board_keys import KeyStore

WATCHDOG_S = 2.0
BOARD = "desk-pen"

HANGING = """
import pathlib, select, sys
from edge.bundle.engine import Engine
from edge.gate.loop import Gate
from firmware_bridge.link.transport import SerialTransport
import inkgate

part, now = sys.argv[1], pathlib.Path(sys.argv[2])
owner, name = {"reader": (SerialTransport, "read"), "inference": (Engine, "step"), "loop": (Gate, "_on")}[part]
whole = getattr(owner, name)

def hang(*given):
    if now.exists():
        now.with_suffix(".hung").touch()
        while part == "loop":
            pass
        select.select([], [], [])
    return whole(*given)

setattr(owner, name, hang)
sys.argv = ["inkgate", *sys.argv[3:]]
inkgate.main()
"""


class Manager:
    """A watchdog as systemd is one: it hears a gate, kills it when no ping comes for WATCHDOG_S, and starts another."""

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        self.folder, self.bundle, self.now = folder, bundle, folder / "now"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.gate: subprocess.Popen[bytes] | None = None

    def start(self, part: str) -> None:
        options = ["run", "--port", self.folder / "pen", "--bundle", self.bundle.path, "--journal", self.journal]
        command = [sys.executable, "-c", HANGING, part, self.now, *options]
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.folder / "notify")}
        environment["WATCHDOG_USEC"] = str(round(WATCHDOG_S * 1e6))
        self.gate = subprocess.Popen([*map(str, command)], env=environment, stderr=subprocess.DEVNULL)

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    def hear(self, timeout_s: float) -> str:
        """Return the next datagram, "" if none comes in time."""
        self.socket.settimeout(timeout_s)
        try:
            return self.socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return ""

    def until(self, said: str, timeout_s: float = 60.0) -> list[str]:
        end_s, heard = time.monotonic() + timeout_s, []
        while time.monotonic() < end_s:
            heard.append(self.hear(1.0))
            if said in heard[-1]:
                return heard
        raise AssertionError(f"{said} did not come; heard {heard}")

    def longest_pause(self, for_s: float) -> float:
        """Return the longest time without a ping, in a while."""
        begun_s = last_s = time.monotonic()
        longest_s = 0.0
        while time.monotonic() - begun_s < for_s:
            if "WATCHDOG=1" in self.hear(0.1):
                longest_s, last_s = max(longest_s, time.monotonic() - last_s), time.monotonic()
        return max(longest_s, time.monotonic() - last_s)

    def close(self) -> None:
        if self.gate is not None:
            self.gate.kill()
            self.gate.wait()
        self.socket.close()


@pytest.fixture
def manager(tmp_path: Path, bundle: Bundle) -> Iterator[Manager]:
    made = Manager(tmp_path, bundle)
    yield made
    made.close()


def make_board(manager: Manager, words: list[np.ndarray]) -> VirtualBoard:
    return VirtualBoard(words, link=manager.folder / "pen", board=BOARD, memory=SelfProvisioned(KeyStore(), BOARD))


@pytest.mark.slow("starts a gate twice for each part that hangs")
@pytest.mark.parametrize("part", ["reader", "inference", "loop"])
def test_a_part_that_hangs_ends_the_pings_and_the_gate_that_is_started_anew_decides(
    manager: Manager, words: list[np.ndarray], part: str
) -> None:
    with make_board(manager, words * 20) as board:
        manager.start(part)
        assert not any("WATCHDOG" in said and "READY" in said for said in manager.until("READY=1"))
        assert manager.longest_pause(1.5) < WATCHDOG_S / 2
        manager.now.touch()
        hung = manager.now.with_suffix(".hung")
        end_s = time.monotonic() + 20
        while not hung.exists():
            assert time.monotonic() < end_s, "the part was not reached"
            time.sleep(0.01)
        begun_s = time.monotonic()
        while manager.hear(0.0):
            pass
        assert manager.hear(WATCHDOG_S + 0.5) == "", "a gate that hangs was said to live"
        assert manager.gate is not None
        assert manager.gate.poll() is None
        manager.gate.kill()
        manager.gate.wait()
        manager.now.unlink()
        with Journal(manager.journal, read_only=True) as journal:
            before = sum(entry.final for _, entry, _ in journal.rows())
        manager.start(part)
        manager.until("READY=1")
        assert time.monotonic() - begun_s < 10
        end_s = time.monotonic() + 30
        after = before
        while after <= before + 1:
            assert time.monotonic() < end_s, "the gate started anew decides nothing"
            time.sleep(0.2)
            with Journal(manager.journal, read_only=True) as journal:
                after = sum(entry.final for _, entry, _ in journal.rows())
        assert board.pending > 0


@pytest.mark.slow("waits for a board that is gone")
def test_a_board_that_stops_or_is_gone_is_no_hang(manager: Manager, words: list[np.ndarray]) -> None:
    with make_board(manager, words * 20):
        manager.start("reader")
        manager.until("STATUS=board desk-pen")
    manager.until("STATUS=link lost")
    assert manager.longest_pause(3 * WATCHDOG_S) < WATCHDOG_S / 2
    with make_board(manager, words):
        manager.until("STATUS=board desk-pen")


def test_a_gate_without_its_board_is_not_ready(manager: Manager) -> None:
    manager.start("reader")
    manager.until("STATUS=opening")
    end_s = time.monotonic() + 2
    while time.monotonic() < end_s:
        assert "READY" not in manager.hear(0.2)


@pytest.mark.slow("opens everything twice")
def test_opening_anew_and_ending_are_said(manager: Manager, words: list[np.ndarray]) -> None:
    with make_board(manager, words * 20):
        manager.start("reader")
        manager.until("STATUS=board desk-pen")
        assert manager.gate is not None
        manager.gate.send_signal(1)
        manager.until("RELOADING=1")
        assert not any("STOPPING" in said for said in manager.until("READY=1"))
        manager.gate.terminate()
        manager.until("STOPPING=1")
        assert manager.gate.wait(20) == 0
