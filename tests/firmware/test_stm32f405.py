"""The STM32F405's program as built, in Unicorn, with models of clocks, flash, RNG and watchdog.

QEMU's netduinoplus2 has none of these. Here the driver's own instructions run, and whatever RM0090 forbids is
caught.
"""

import re
import secrets
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from chips.registers import MisuseError, ResetError, demand
from chips.rm0090 import Watchdog
from chips.rm0090_flash import PowerCutError, extent
from chips.stm32f405 import BOARD, FLASH_BYTES, Part
from emulated import built, needs_tools, words_of
from mutants import build_changed

from firmware_bridge.build.board_store import SLOT_BYTES, decode
from firmware_bridge.emulate.emulated_board import packets
from firmware_bridge.session.events import FragmentReceived, WordEnded
from firmware_bridge.session.host import HostSession
from firmware_bridge.wire.messages import NONCE_BYTES
from train.synthetic.board_input import write_texts

pytestmark = needs_tools

RECORD = 40
OLD, NEW = bytes([1]) * RECORD, bytes([2]) * RECORD
STORE = BOARD.store.origin - BOARD.flash.origin
HALF = BOARD.store.size // 2
SLOTS = HALF // SLOT_BYTES
SPOILT = struct.pack("<2I", 0, 0xFFFF_FFFE).ljust(SLOT_BYTES, b"\0")
"""A slot that is neither erased nor valid; its second word shows that."""
BAUD_TOLERANCE = 0.005
"""A divider of 84 MHz can be this exact; both ends together bear 2 %."""


def slot(serial: int, content: bytes) -> bytes:
    """Return a slot as boards/store.c writes it."""
    body = struct.pack("<2I240sI", serial, len(content), content, 7)
    return body + struct.pack("<I", zlib.crc32(body))


def flash_with(store: bytes) -> bytearray:
    return bytearray((b"\xff" * STORE + store).ljust(FLASH_BYTES, b"\xff"))


def first_half_full(fill: bytes = SPOILT) -> bytearray:
    """Return a flash whose next write must erase the second half, which holds only older states."""
    return flash_with(fill * (SLOTS - 1) + slot(900, OLD) + SPOILT * SLOTS)


def powered(content: bytearray | None = None, **options: int) -> Part:
    part = Part(built("stm32f405", "pen"), content, **options)
    part.reset()
    part.call("ink_board_init")
    return part


def write(part: Part, record: bytes) -> bool:
    return part.call("ink_board_store_write", part.put(record), len(record)) & 0xFF == 1


def read(part: Part) -> bytes | None:
    found = part.call("ink_board_store_read", part.put(bytes(RECORD)), RECORD) & 0xFF
    return part.get(RECORD) if found else None


def test_the_clock_is_168_mhz_within_every_limit_and_everything_hangs_on_it() -> None:
    part = powered()
    assert part.clocks.pll == (1e6, 336e6, 168e6, 48e6)
    assert [part.clocks.hclk_hz, part.clocks.apb_hz(1), part.clocks.apb_hz(2)] == [168e6, 42e6, 84e6]
    assert part.clocks.wait_states() == 5
    for line in (part.host, part.digitiser):
        assert line.baud == pytest.approx(115_200, rel=BAUD_TOLERANCE)
    assert part.core.values[part.core.RVR] + 1 == 168_000
    assert [part.core.enabled(number) for number in (36, 37, 38, 39)] == [False, True, True, False]
    assert {pin: part.port.function(pin) for pin in (2, 3, 9, 10)} == dict.fromkeys((2, 3, 9, 10), (2, 1, 7))


def test_the_watchdog_outlasts_the_erasure_of_a_sector_on_the_fastest_part_and_ends_on_the_slowest() -> None:
    slowest, usual, fastest = (powered(lsi_hz=lsi_hz).watchdog.timeout_ms for lsi_hz in Watchdog.LSI_HZ)
    assert fastest > 1.15 * 2000, "the erasure, and what is done before and behind it"
    assert usual == 3500
    assert slowest < 7000
    assert powered().debugger.values[0x08] == 1 << 12, "a debugger's halt is no hang"


def test_what_is_stored_is_read_and_the_controller_is_locked_again() -> None:
    part = powered()
    assert read(part) is None
    assert write(part, OLD)
    assert write(part, NEW)
    assert read(part) == NEW
    assert part.flash.locked
    assert (part.flash.operations, part.flash.erased) == (2 * SLOT_BYTES // 4, [])


@pytest.mark.parametrize(("offset", "sector"), [(0, 10), (HALF - 4, 10), (HALF, 11), (2 * HALF - 4, 11)])
def test_an_erasure_takes_the_sector_of_its_address_and_no_other(offset: int, sector: int) -> None:
    content = flash_with(bytes(BOARD.store.size))
    part = powered(content)
    before = bytes(content)
    part.call("ink_flash_erase", BOARD.store.origin + offset)
    start, end = extent(sector)
    assert part.flash.erased == [sector]
    assert content == before[:start] + b"\xff" * (end - start) + before[end:]
    assert part.flash.locked


def test_only_the_half_that_does_not_count_is_erased_round_and_round() -> None:
    part = powered(first_half_full())
    assert write(part, NEW)
    part.content[STORE + HALF + SLOT_BYTES : STORE + 2 * HALF] = SPOILT * (SLOTS - 1)
    assert write(part, OLD)
    assert part.flash.erased == [11, 10]
    assert read(part) == OLD


@pytest.mark.parametrize("full", [False, True], ids=["in a slot", "with an erasure"])
def test_a_power_cut_at_any_operation_leaves_the_old_state_or_the_new_one_and_the_store_goes_on(full: bool) -> None:
    content = first_half_full() if full else flash_with(slot(900, OLD))
    whole = powered(bytearray(content))
    assert write(whole, NEW)
    operations = whole.flash.operations
    assert operations == 64 + full
    found = set()
    for cut in range(operations):
        part = powered(bytearray(content))
        part.flash.cut_at = cut
        with pytest.raises(PowerCutError):
            write(part, NEW)
        again = powered(part.content)
        found.add(read(again))
        assert write(again, bytes([3]) * RECORD), cut
        assert read(again) == bytes([3]) * RECORD, cut
    assert found <= {OLD, NEW}


def test_a_sector_that_is_protected_makes_a_write_fail_and_nothing_else() -> None:
    part = powered(first_half_full())
    part.flash.protected = {11}
    assert not write(part, NEW)
    assert part.flash.locked
    assert read(part) == OLD
    part.flash.protected = set()
    assert write(part, NEW), "the error of before does not last"


def test_chance_is_the_second_number_of_the_rng_and_without_one_the_time() -> None:
    assert powered().call("ink_board_entropy") == 0x1234_5678 + 0x0101_0101
    fallen_back = powered().core.values[0x18]
    for errors in (2, 4):
        part = powered()
        part.chance.errors = errors
        assert part.call("ink_board_entropy") == fallen_back
    stuck = powered()
    stuck.chance.numbers = iter([5, 5])
    assert stuck.call("ink_board_entropy") == fallen_back


def converse(part: Part, session: HostSession, milliseconds: int) -> list[object]:
    """Let part and host talk for this much of the board's time; return the host's events."""
    events: list[object] = []
    for _ in range(0, milliseconds, 10):
        while frame := session.next_frame(part.clocks.now_ms / 1000):
            part.host.received.extend(frame)
        part.run_ms(10)
        session.receive(bytes(part.host.sent), part.clocks.now_ms / 1000)
        part.host.sent.clear()
        while event := session.next_event(part.clocks.now_ms / 1000):
            events.append(event)
    return events


def host(part: Part) -> HostSession:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return HostSession(nonce, part.clocks.now_ms / 1000, keys={}, allow_unauthenticated=True)


def test_the_whole_program_from_reset_on_sends_the_fragments_of_the_python_twin() -> None:
    (samples,) = write_texts([3], ["27"], np.random.default_rng(5))
    (word,) = words_of(samples)
    part = Part(built("stm32f405", "pen"))
    part.reset()
    session = host(part)
    converse(part, session, 100)
    assert session.info is not None
    assert session.info.session == 1
    assert session.info.board == "stm32f405-13355779"
    part.digitiser.received.extend(packets(samples))
    events = converse(part, session, 3000)
    fragments = [event.pixels for event in events if isinstance(event, FragmentReceived)]
    np.testing.assert_array_equal(fragments, word)
    assert sum(isinstance(event, WordEnded) for event in events) == 1
    assert part.watchdog.longest_ms < 100


def test_a_byte_that_was_lost_is_no_interrupt_without_end() -> None:
    part = Part(built("stm32f405", "pen"))
    part.reset()
    session = host(part)
    converse(part, session, 50)
    part.host.overrun = part.digitiser.overrun = True
    part.run_ms(1)
    assert not part.host.overrun
    assert not part.digitiser.overrun
    part.host.received.extend(b"\0\0")
    part.run_ms(1)
    assert not part.host.received


@pytest.mark.parametrize("lsi_hz", Watchdog.LSI_HZ)
def test_a_start_that_must_erase_a_sector_is_no_hang_and_a_hang_is_a_start_with_the_next_session(lsi_hz: int) -> None:
    kept = struct.pack("<2I32s", 41, 0, bytes(32))
    older = [slot(serial, kept) if lsi_hz == max(Watchdog.LSI_HZ) else SPOILT for serial in range(1, SLOTS)]
    store = b"".join(older) + slot(SLOTS, kept) + SPOILT * SLOTS  # the longest search: every slot is valid
    part = Part(built("stm32f405", "pen"), flash_with(store), lsi_hz=lsi_hz)
    part.reset()
    session = host(part)
    converse(part, session, 2500)
    assert part.flash.erased == [11]
    assert session.info is not None
    assert session.info.session == 42
    print(f"LSI {lsi_hz} Hz: {part.watchdog.longest_ms:.0f} ms unfed of {part.watchdog.timeout_ms:.0f}")
    part.hang("ink_delivery_serve")
    with pytest.raises(ResetError):
        part.run_ms(7000)
    again = Part(built("stm32f405", "pen"), part.content)
    again.reset()
    later = host(again)
    converse(again, later, 500)
    assert later.info is not None
    assert later.info.session == 43
    kept_now = decode(bytes(again.store))
    assert kept_now is not None
    assert kept_now.session == 43


def test_a_board_whose_clock_stands_still_is_restarted_though_its_main_loop_runs() -> None:
    part = Part(built("stm32f405", "pen"))
    part.reset()
    part.run_ms(50)
    part.core.values[part.core.CSR] = 0
    with pytest.raises(ResetError):
        part.run_ms(4000)


# --- drivers with a fault ------------------------------------------------------------------------------------------

PROGRAM = """
#include "../boards/services.h"
int main(void)
{
    uint32_t number = ink_board_entropy();
    ink_board_init();
    return ink_board_store_write(&number, sizeof number) && ink_board_store_read(&number, sizeof number);
}
"""
"""An app that is never run: it makes the linker keep what it names."""
MUTANTS = {
    "RCC_CR |= 1u << 24;": ("", "the PLL is chosen before it is ready"),
    "FLASH_ACR = 0x305;": ("FLASH_ACR = 0x304;", "4 wait states at 168 MHz"),
    "& 0xF0000000) |": ("& 0) |", "reserved bits of PLLCFGR"),
    "336u << 6 | 16u": ("336u << 6 | 32u", "input is 0.5 MHz"),
    "336u << 6": ("440u << 6", "PLLN is not"),
    "7u << 24": ("6u << 24", "output Q is 56 MHz"),
    "(void)ink_await(&RCC_CR, 1u << 25, 1u << 25, READY_TRIES);": ("", "the PLL is chosen before it is ready"),
    "5u << 10 | 4u << 13": ("4u << 10 | 4u << 13", "APB1 at 84 MHz"),
    "5u << 10 | 4u << 13;": ("5u << 10 | 4u << 13 | 2u;", "APB1 at 168 MHz"),
    "RCC_APB2ENR |= 1u << 4;": ("", "USART: used without a clock"),
    "RCC_AHB1ENR |= 1u << 0;": ("", "GPIOA: used without a clock"),
    "RCC_AHB2ENR |= 1u << 6;": ("", "RNG: used without a clock"),
    "| 0x002800A0u": ("| 0x002400A0u", "line"),
    "(clock_hz + BAUD / 2) / BAUD": ("(clock_hz + BAUD / 2) / BAUD / 2", "line"),
    "IWDG_KR = 0x5555;": ("", "without the key"),
    "(void)ink_await(&IWDG_SR, 3, 0, READY_TRIES);": ("", "fed while a change is under way"),
    "&RNG_SR, RNG_READY | RNG_ERRORS, RNG_READY": ("&RNG_SR, 0, 0", "a number is taken before there is one"),
    "FLASH_KEYR = 0x45670123;": ("FLASH_KEYR = 0xCDEF89AB;", "a wrong key"),
    "FLASH_KEYR = 0xCDEF89AB;": ("", "CR is written while it is locked"),
    "FLASH_CR = 2u << 8 | what;": ("FLASH_CR = what;", "PSIZE"),
    "flash_open(1u);": ("flash_open(0u);", "PGSERR"),
    "sector = 5 +": ("sector = 4 +", "was not erased"),
    "0x08020000) / 0x20000": ("0x08020000) / 0x40000", "holds the program"),
    "FLASH_CR |= 1u << 16;": ("", "was not erased"),
    "        flash_settle();\n": ("", "in the middle of an operation"),
    "    flash_settle();\n    FLASH_CR = 1u << 31;": ("    FLASH_CR = 1u << 31;", "in the middle of an operation"),
    "FLASH_CR = 1u << 31;": ("", "unlocked while it is"),
    "place < 64": ("place < 65", "131 operations"),
}  # fmt: skip


def exercise(part: Part) -> None:
    """Use the whole driver, on a store that must be erased. MisuseError for the first fault."""
    part.reset()
    part.call("ink_board_init")
    part.call("ink_board_entropy")
    kept = write(part, NEW) and write(part, OLD) and read(part) == OLD
    demand(part.flash.operations == 1 + 2 * SLOT_BYTES // 4, f"{part.flash.operations} operations of the flash")
    for line, pins in ((part.host, (9, 10)), (part.digitiser, (2, 3))):
        connected = all(part.port.function(pin) == (2, 1, 7) for pin in pins)
        demand(connected and abs(line.baud / 115_200 - 1) < BAUD_TOLERANCE, "a line that is loose, too fast or slow")
    demand(kept, "what was written is not kept")


def test_the_driver_alone_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = build_changed(tmp_path, monkeypatch, "stm32f405", "pen", PROGRAM, "board.c", "", "")
    exercise(Part(program, first_half_full()))


@pytest.mark.parametrize("old", MUTANTS)
def test_a_driver_with_one_thing_wrong_is_caught(old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, complaint = MUTANTS[old]
    program = build_changed(tmp_path, monkeypatch, "stm32f405", "pen", PROGRAM, "board.c", old, new)
    with pytest.raises(MisuseError) as caught:
        exercise(Part(program, first_half_full()))
    assert re.search(complaint, str(caught.value)), caught.value
