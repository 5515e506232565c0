"""What the gate tells systemd, at a real socket in systemd's place."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import ServiceError
from edge.service.notify import Service, address, one_line


class Manager:
    """A socket in systemd's place, and a clock that the test turns."""

    def __init__(self, name: str) -> None:
        self.name, self.now_s = name, 0.0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address(name))

    def service(self, **more: str) -> Service:
        return Service({"NOTIFY_SOCKET": self.name, **more}, clock=lambda: self.now_s)

    def heard(self) -> list[list[str]]:
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096, socket.MSG_DONTWAIT).decode().split("\n"))
            except BlockingIOError:
                return found


@pytest.fixture(params=["a path", "an abstract name"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify") if request.param == "a path" else f"@inkgate-test-{tmp_path}")
    with made.socket:
        yield made


def test_ready_is_said_once_and_only_when_the_port_is_listened_on(manager: Manager) -> None:
    service = manager.service()
    service.opening()
    service.alive(False)
    assert not any("READY=1" in said for said in manager.heard())
    service.alive(True)
    service.alive(True)
    assert [said[0] for said in manager.heard()] == ["READY=1"]


def test_opening_anew_is_said_with_the_time_and_ready_again_after_it_only(manager: Manager) -> None:
    service = manager.service()
    service.opening()
    service.alive(True)
    manager.heard()
    before = time.monotonic_ns() // 1000
    service.reloading()
    service.alive(True)  # the loop that is about to end is not the new one
    [[reloading, stamp]] = manager.heard()
    assert reloading == "RELOADING=1"
    assert before <= int(stamp.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000
    service.opening()
    service.alive(True)
    assert [said[0] for said in manager.heard()] == ["WATCHDOG=1", "READY=1"]


def test_the_end_is_said_once_and_nothing_hides_it(manager: Manager) -> None:
    service = manager.service()
    service.stopping()
    service.stopping()
    service.tell("board desk-pen")
    assert [said[0] for said in manager.heard()] == ["STOPPING=1"]


def test_pings_are_spaced_and_at_least_four_within_the_watchdogs_time(manager: Manager) -> None:
    service = manager.service(WATCHDOG_USEC="2000000", WATCHDOG_PID=str(os.getpid()))
    for _ in range(2000):
        service.alive(False)
        manager.now_s += 0.001
    assert manager.heard() == [["WATCHDOG=1"]] * 4


@pytest.mark.parametrize("given", [{}, {"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}], ids=["none", "another's"])
def test_without_a_watchdog_of_its_own_nothing_is_pinged(manager: Manager, given: dict[str, str]) -> None:
    manager.service(**given).alive(False)
    assert manager.heard() == []


def test_no_command_that_the_gate_starts_can_speak_for_it(manager: Manager) -> None:
    environment = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1", "PATH": "/bin"}
    Service(environment)
    assert environment == {"PATH": "/bin"}


def test_a_manager_that_is_gone_or_does_not_listen_holds_up_nothing(manager: Manager) -> None:
    service = manager.service(WATCHDOG_USEC="1")
    begun_s = time.monotonic()
    for _ in range(2000):  # more than any socket holds
        manager.now_s += 1.0
        service.alive(True)
    manager.socket.close()
    service.alive(True)
    assert time.monotonic() - begun_s < 5


def test_without_systemd_nothing_is_sent() -> None:
    service = Service({})
    for said in (service.opening, service.reloading, service.stopping):
        said()
    service.alive(True)


@given(st.text(max_size=400))
def test_no_text_of_a_board_is_an_assignment_of_its_own(text: str) -> None:
    told = one_line(f"the board reports {text}")
    assert "\n" not in told
    assert len(told) <= 200
    assert told.isprintable()
    told.encode()


@pytest.mark.parametrize(
    "environment",
    [
        {"NOTIFY_SOCKET": "run/notify"},
        {"NOTIFY_SOCKET": "vsock:2:1234"},
        {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "9" * 6000},
        {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "-1"},
    ],
)
def test_what_makes_no_sense_is_refused_by_name(environment: dict[str, str]) -> None:
    wrong = "WATCHDOG_USEC" if len(environment) == 2 else "NOTIFY_SOCKET"
    with pytest.raises(ServiceError, match=rf"\${wrong}: .*leave it to systemd") as refused:
        Service(environment)
    assert refused.value.exit_code == 2
