"""The Pico's program as built, in Unicorn, with models of resets, crystal, PLL and clocks.

rp2040py takes 125 MHz for granted. Here the driver's own instructions set the clock, and whatever the datasheet
forbids is caught.
"""

import re
from pathlib import Path

import pytest
from chips.registers import MisuseError, RestartError, demand
from chips.rp2040 import CAMERA_LIMIT_HZ, FLASH_LIMIT_HZ, CameraBoard
from chips.rp2040_clocks import Clocks
from emulated import built, needs_tools
from mutants import build_changed

from firmware_bridge.emulate.arducam_mega import Mega

pytestmark = needs_tools

BAUD_TOLERANCE = 0.001
"""A divider in 1/64 of 125 MHz can be this exact; both ends together bear 2 %."""


def check(pico: CameraBoard) -> None:
    """Check everything that depends on the clock. MisuseError for the first thing that is wrong."""
    demand(pico.clocks.system_hz == 125e6, f"the system's clock is {pico.clocks.system_hz / 1e6:g} MHz")
    for uart in pico.uarts:
        demand(abs(uart.baud / 115_200 - 1) < BAUD_TOLERANCE, f"a line of {uart.baud:.0f} baud")
    demand(pico.spi.hz <= CAMERA_LIMIT_HZ, f"SPI: {pico.spi.hz / 1e6:g} MHz are too fast for the camera")
    demand(pico.flash_hz <= FLASH_LIMIT_HZ, f"SSI: {pico.flash_hz / 1e6:g} MHz are too fast for the flash")
    demand(pico.systick_ms == 1, f"a millisecond of {pico.systick_ms:g} ms")
    demand(pico.watchdog_s == 2, f"a watchdog of {pico.watchdog_s:g} s")


@pytest.mark.parametrize("app", ["pen", "camera"])
def test_the_clock_is_125_mhz_within_every_limit_and_everything_hangs_on_it(app: str) -> None:
    pico = CameraBoard.started(built("rp2040", app), Mega())
    check(pico)
    assert pico.clocks.reference_hz == 12e6, "what the watchdog counts"
    assert [pico.core.enabled(number) for number in (19, 20, 21, 22)] == [False, True, True, False]


def test_a_restart_by_software_finds_the_system_on_the_pll_and_takes_it_off_first() -> None:
    pico = CameraBoard.started(built("rp2040", "pen"), Mega())
    pico.start()
    check(pico)


@pytest.mark.parametrize("part", ["crystal", "pll"])
def test_without_its_crystal_or_a_pll_that_locks_the_board_starts_anew_and_never_switches(part: str) -> None:
    pico = CameraBoard(built("rp2040", "pen"), Mega())
    getattr(pico, part).works = False
    for _ in range(2):
        with pytest.raises(RestartError):
            pico.start()
        assert pico.clocks.values[Clocks.SYS_SELECTED] == 1
    getattr(pico, part).works = True
    pico.start()
    check(pico)


# --- drivers with a fault ------------------------------------------------------------------------------------------

PROGRAM = """
#include "../boards/services.h"
int main(void)
{
    ink_board_init();
    return (int)ink_board_entropy();
}
"""
"""An app that is never run: it makes the linker keep what it names."""
MUTANTS = {
    "CLK_SYS_CTRL = 0;": ("", "it is reset while the system runs on it"),
    "(void)ink_await(&CLK_SYS_SELECTED, 1u << 0, 1u << 0, READY_TRIES);": ("", "is reset while the system runs on it"),
    "XOSC_STARTUP = 47;": ("XOSC_STARTUP = 46;", "to start"),
    "XOSC_CTRL = 0xAA0;": ("XOSC_CTRL = 0xAA1;", "range"),
    "if (!ink_await(&XOSC_STATUS, 1u << 31, 1u << 31, READY_TRIES)) {": ("if (0) {", "not a steady crystal"),
    "CLK_REF_CTRL = 2;": ("CLK_REF_CTRL = 1;", "not a steady crystal"),
    "return ink_await(&CLK_REF_SELECTED, 1u << 2, 1u << 2, READY_TRIES);": ("return true;", "tick"),
    "CLEAR(RESETS) = PLL_BLOCK;": ("", "restarted"),
    "if (!ink_await(&RESET_DONE, PLL_BLOCK, PLL_BLOCK, READY_TRIES)) {": ("if (0) {", "before it is out of its reset"),
    "PLL_CS = 1;": ("PLL_CS = 3;", "reference is 4 MHz"),
    "PLL_FBDIV = 125;": ("PLL_FBDIV = 50;", "oscillator is at 600 MHz"),
    "PLL_FBDIV = 125": ("PLL_FBDIV = 134", "oscillator is at 1608 MHz"),
    "    PLL_FBDIV = 125;\n": ("", "FBDIV 0"),
    "CLEAR(PLL_PWR) = 1u << 5 | 1u << 0;": ("CLEAR(PLL_PWR) = 1u << 5;", "restarted"),
    "CLEAR(PLL_PWR) = 1u << 5": ("CLEAR(PLL_PWR) = 1u << 2 | 1u << 5", "a bit of PWR"),
    "if (!ink_await(&PLL_CS, 1u << 31, 1u << 31, READY_TRIES)) {": ("if (0) {", "before it has locked"),
    "PLL_PRIM = 6u << 16 | 2u << 12;": ("PLL_PRIM = 2u << 16 | 6u << 12;", "larger one comes first"),
    "PLL_PRIM = 6u": ("PLL_PRIM = 5u", "150 MHz are too many"),
    "    CLEAR(PLL_PWR) = 1u << 3;\n": ("", "while its post dividers are off"),
    "    PLL_PRIM = 6u << 16 | 2u << 12;\n    CLEAR(PLL_PWR) = 1u << 3;": (
        "CLEAR(PLL_PWR) = 1u << 3; PLL_PRIM = 6u << 16 | 2u << 12;", "post dividers are 7 and 7|while they run",
    ),
    "if (!crystal_start() || !pll_start()) {": ("if (!pll_start()) {", "before the crystal is steady"),
    "|| !pll_start()": ("", "PLL: it is chosen before it has locked"),
    "CLK_SYS_CTRL = 1;": ("CLK_SYS_CTRL = 1u << 5 | 1u;", "not PLL_SYS"),
    "CLK_SYS_CTRL = 1": ("CLK_SYS_CTRL = 0", "clock is 12 MHz"),
    "CLK_PERI_CTRL = 1u << 11;": ("", "used before it is out of its reset"),
    "CLK_PERI_CTRL = 1u": ("CLK_PERI_CTRL = 1u << 5 | 1u", "not the system's"),
    "SET(RESETS) = PLL_BLOCK | USED_BLOCKS;": ("SET(RESETS) = PLL_BLOCK;", "while it is on"),
    "CLEAR(RESETS) = USED_BLOCKS;": ("", "used before it is out of its reset"),
    "#define CLOCK_HZ 125000000u": ("#define CLOCK_HZ 120000000u", "baud"),
    "ink_systick_start(CLOCK_HZ);": ("ink_systick_start(CRYSTAL_HZ);", "a millisecond"),
    "CRYSTAL_HZ / 1000000;": ("CLOCK_HZ / 1000000;", "tick is no microsecond"),
    "divider_64 / 64;": ("divider_64 / 16;", "baud"),
    "SPI_CPSR = 16;": ("SPI_CPSR = 14;", "too fast for the camera"),
    "movs    r1, #4": ("movs    r1, #2", "too fast for the flash"),
}  # fmt: skip
FILES = {"SPI_CPSR = 16;": "camera.c", "movs    r1, #4": "boot2.S"}
"""Files of the places that are not in board.c."""


def exercise(pico: CameraBoard) -> None:
    """Power on, then restart by software, and check both times."""
    try:
        for _ in range(2):
            pico.start()
            check(pico)
    except RestartError:
        raise MisuseError("the board is restarted for nothing") from None


def test_the_driver_alone_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = build_changed(tmp_path, monkeypatch, "rp2040", "camera", PROGRAM, "board.c", "", "")
    exercise(CameraBoard(program, Mega()))


@pytest.mark.parametrize("old", MUTANTS)
def test_a_driver_with_one_thing_wrong_is_caught(old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, complaint = MUTANTS[old]
    file = FILES.get(old, "board.c")
    program = build_changed(tmp_path, monkeypatch, "rp2040", "camera", PROGRAM, file, old, new)
    with pytest.raises(MisuseError) as caught:
        exercise(CameraBoard(program, Mega()))
    assert re.search(complaint, str(caught.value)), caught.value
