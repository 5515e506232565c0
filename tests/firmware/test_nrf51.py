"""The nRF51's program as built, in Unicorn, with the watchdog that QEMU's microbit lacks."""

import secrets

import pytest
from chips.nrf51 import Part
from chips.registers import ResetError
from emulated import built, needs_tools

from firmware_bridge.session.host import HostSession
from firmware_bridge.wire.messages import NONCE_BYTES

pytestmark = needs_tools


def started(content: bytearray | None = None) -> tuple[Part, int]:
    """Return a part that answers its host, and its session."""
    part = Part(built("nrf51", "pen"), content)
    part.reset()
    host = HostSession(secrets.token_bytes(NONCE_BYTES), 0.0, keys={}, allow_unauthenticated=True)
    for now_ms in range(0, 1000, 10):
        while frame := host.next_frame(now_ms / 1000):
            part.host.received.extend(frame)
        part.run_ms(10)
        host.receive(bytes(part.host.sent), now_ms / 1000)
        part.host.sent.clear()
        if host.info is not None:
            return part, host.info.session
    raise AssertionError("it does not answer")


def test_the_watchdog_has_two_seconds_and_a_program_that_runs_needs_but_few_of_them() -> None:
    part, _ = started()
    part.run_ms(5000)
    assert part.watchdog.timeout_ms == 2000
    assert part.watchdog.values[part.watchdog.CONFIG] == 1, "not while it is debugged, but while it sleeps"
    print(f"{part.watchdog.longest_ms:.0f} ms unfed at most")
    assert part.watchdog.longest_ms < part.watchdog.timeout_ms / 4


@pytest.mark.parametrize("function", ["ink_delivery_serve", "ink_session_poll"])
def test_a_hang_ends_in_a_start_with_the_next_session(function: str) -> None:
    part, session = started()
    part.hang(function)
    with pytest.raises(ResetError):
        part.run_ms(2100)
    assert started(part.content)[1] == session + 1


def test_a_clock_that_stands_still_is_a_hang_though_the_main_loop_runs() -> None:
    part, _ = started()
    part.core.values[part.core.ISER] &= ~(1 << 8)
    with pytest.raises(ResetError):
        part.run_ms(2100)
