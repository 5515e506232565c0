"""A program built for the STM32F405 -> the part running it: a Cortex-M4 with models of RM0090.

A millisecond is over when the program sleeps or has done INSTRUCTIONS_PER_MS. Then SysTick's handler is called, and a
USART's if it interrupts.
"""

from itertools import count
from typing import ClassVar

from chips.cortex_m import SYSTICK, Core, Processor
from chips.registers import MisuseError, Registers
from chips.rm0090 import Chance, Clocks, Port, Usart, Watchdog
from chips.rm0090_flash import Flash, sector_of
from unicorn.arm_const import UC_CPU_ARM_CORTEX_M4

from firmware_bridge.boards import BOARDS
from firmware_bridge.build.compile import Built

BOARD = BOARDS["stm32f405"]
FLASH_BYTES = BOARD.flash.size
INSTRUCTIONS_PER_MS = 100_000
"""A millisecond has 168,000 cycles, some of them waits for the flash."""
_USART1, _USART2 = 37, 38
_STORM = 10
"""This many interrupts of a USART in a row count as endless."""


class Debugger(Registers):
    """DBGMCU (chapter 38): what pauses while a debugger holds the processor."""

    APB1_FZ = 0x08
    kept: ClassVar[dict[int, int]] = {APB1_FZ: 0}


class Part(Processor):
    """The part, powered on with `content` in the flash. lsi_hz: the watchdog's clock."""

    def __init__(self, built: Built, content: bytearray | None = None, *, lsi_hz: int = 32_000) -> None:
        super().__init__(built, content or bytearray(b"\xff" * FLASH_BYTES), UC_CPU_ARM_CORTEX_M4, INSTRUCTIONS_PER_MS)
        self.clocks = Clocks()
        self.flash = Flash(self.clocks, self.content)
        self.flash.in_use = set(range(sector_of(BOARD.store.origin - BOARD.flash.origin)))
        self.clocks.wait_states = lambda: self.flash.values[Flash.ACR] & 7
        self.chance = Chance(self.clocks, count(0x1234_5678, 0x0101_0101))
        self.watchdog = Watchdog(self.clocks, lsi_hz)
        self.host = Usart(self.clocks, 2, (Clocks.APB2, 4))
        self.digitiser = Usart(self.clocks, 1, (Clocks.APB1, 17))
        self.port = Port(self.clocks)
        self.debugger = Debugger()
        self.map_store(self.flash.program)
        self.map_parts({
            0x4000_3000: self.watchdog, 0x4000_4400: self.digitiser, 0x4001_1000: self.host, 0x4002_0000: self.port,
            0x4002_3800: self.clocks, 0x4002_3C00: self.flash, 0x5006_0800: self.chance, 0xE000_E000: self.core,
            0xE004_2000: self.debugger,
        })  # fmt: skip

    def run_ms(self, milliseconds: int) -> None:
        """Run for this long after `reset`. ResetError if the watchdog bites."""
        end_ms = self.clocks.now_ms + milliseconds
        while self.clocks.now_ms < end_ms:
            self.run()
            self.clocks.now_ms += 1
            self.watchdog.look()
            if self.core.values[Core.CSR] & 3 == 3:
                self.interrupt(SYSTICK)
            for number, usart in ((_USART1, self.host), (_USART2, self.digitiser)):
                for _ in range(_STORM):
                    if not (usart.interrupts and self.core.enabled(number)):
                        break
                    self.interrupt(16 + number)
                else:
                    raise MisuseError("USART: its interrupt never ends")
