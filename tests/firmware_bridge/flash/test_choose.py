"""What is connected, and what was asked for -> the way by which a board is flashed."""

from pathlib import Path

import pytest

from firmware_bridge.boards import BOARDS
from firmware_bridge.flash import choose
from firmware_bridge.flash.choose import choose_method
from firmware_bridge.link.errors import PortMissingError

STM32, RP2040 = BOARDS["stm32f405"], BOARDS["rp2040"]


@pytest.mark.parametrize(("ports", "probes", "expected"), [(1, 1, "uart"), (0, 1, "swd"), (0, 0, "uart")])
def test_the_way_is_the_first_that_finds_a_board(
    ports: int, probes: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_board() -> str:
        if not ports:
            raise PortMissingError("auto: no board")
        return "/dev/ttyUSB0"

    monkeypatch.setattr(choose, "find_board", find_board)
    monkeypatch.setattr("firmware_bridge.flash.swd.probe_is_there", lambda: bool(probes))
    assert choose_method(STM32, None, None, None, None) == expected
    assert choose_method(STM32, None, "/dev/x", None, None) == "uart"
    assert choose_method(STM32, "swd", "/dev/x", None, None) == "swd"
    assert choose_method(RP2040, None, None, None, "0123") == "swd"
    assert choose_method(RP2040, None, "/dev/x", Path("d"), None) == "uf2"
