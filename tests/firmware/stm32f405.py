"""The program that is built for the STM32F405 -> the part running it: Unicorn's Cortex-M4 and the models of RM0090.

The program's own instructions drive the models; nothing is replaced. A millisecond is over when the program sleeps or
has done so many instructions; then SysTick's handler is called, and the USARTs' if there is something to take.
"""

from collections.abc import Callable
from itertools import count
from typing import ClassVar

from rm0090 import Chance, Clocks, MisuseError, Port, Registers, Usart, Watchdog, demand
from rm0090_flash import Flash, sector_of
from unicorn import (
    UC_ARCH_ARM,
    UC_ERR_WRITE_PROT,
    UC_MODE_MCLASS,
    UC_MODE_THUMB,
    UC_PROT_EXEC,
    UC_PROT_READ,
    Uc,
    UcError,
)
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_PC,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_SP,
    UC_CPU_ARM_CORTEX_M4,
)

from firmware_bridge.boards import BOARDS
from firmware_bridge.build import Built
from firmware_bridge.elf import read_symbols

BOARD = BOARDS["stm32f405"]
FLASH_BYTES = BOARD.flash.size
INSTRUCTIONS_PER_MS = 100_000
"""Of 168,000 cycles: the flash makes it wait."""
CALL_INSTRUCTIONS = 20_000_000
_PAGE = 0x400
_RETURN = 0x1FFF_0000
"""Where a call returns to: nothing of the program's."""
_SCRATCH = BOARD.ram.end - 0x1_0000
_FRAME_BYTES = 32
_USART1, _USART2 = 37, 38


class Core(Registers):
    """The processor's own registers: SysTick, the interrupt controller, the vector table, a debugger's."""

    CSR, RVR, CVR, ISER, ICER, VTOR = 0x10, 0x14, 0x18, 0x100, 0x180, 0xD08
    kept: ClassVar[dict[int, int]] = {CSR: 0, RVR: 0, CVR: 0x1234, ISER: 0, ISER + 4: 0, ICER: 0, ICER + 4: 0, VTOR: 0}

    def write(self, offset: int, value: int) -> None:
        bank = offset & ~7
        if bank == self.ISER:
            value |= self.values[offset]
        elif bank == self.ICER:
            self.values[offset - self.ICER + self.ISER] &= ~value
        super().write(offset, value)

    def enabled(self, interrupt: int) -> bool:
        return bool(self.values[self.ISER + 4 * (interrupt // 32)] >> interrupt % 32 & 1)


class Debugger(Registers):
    """DBGMCU (chapter 38): what stands still while a debugger holds the processor."""

    APB1_FZ = 0x08
    kept: ClassVar[dict[int, int]] = {APB1_FZ: 0}


class Part:
    """Power on with `content` in the flash; the program is where it was linked. `lsi_hz`: the watchdog's clock."""

    def __init__(self, built: Built, content: bytearray | None = None, *, lsi_hz: int = 32_000) -> None:
        self.symbols = read_symbols(built.elf.read_bytes())
        self.content = content or bytearray(b"\xff" * FLASH_BYTES)
        program = built.bin.read_bytes()
        self.content[: len(program)] = program
        self.clocks = Clocks()
        self.flash = Flash(self.clocks, self.content)
        self.flash.in_use = set(range(sector_of(BOARD.store.origin - BOARD.flash.origin)))
        self.clocks.wait_states = lambda: self.flash.values[Flash.ACR] & 7
        self.chance = Chance(self.clocks, count(0x1234_5678, 0x0101_0101))
        self.watchdog = Watchdog(self.clocks, lsi_hz)
        self.host = Usart(self.clocks, 2, (Clocks.APB2, 4))
        self.digitiser = Usart(self.clocks, 1, (Clocks.APB1, 17))
        self.port = Port(self.clocks)
        self.core, self.debugger = Core(), Debugger()
        self._problem: Exception | None = None
        self._instructions_per_ms = INSTRUCTIONS_PER_MS
        self._uc = self._map()

    @property
    def store(self) -> memoryview:
        """The bytes of the store's two sectors."""
        start = BOARD.store.origin - BOARD.flash.origin
        return memoryview(self.content)[start : start + BOARD.store.size]

    def call(self, function: str, *arguments: int) -> int:
        """What a function of the program returns; MisuseError if it never does, or does what the manual forbids."""
        for register, argument in zip((UC_ARM_REG_R0, UC_ARM_REG_R1), arguments, strict=False):
            self._uc.reg_write(register, argument)
        self._call(self.symbols[function])
        return int(self._uc.reg_read(UC_ARM_REG_R0))

    def put(self, data: bytes) -> int:
        """Where in the memory these bytes are now."""
        self._uc.mem_write(_SCRATCH, data)
        return _SCRATCH

    def get(self, size: int) -> bytes:
        """What is where `put` puts."""
        return bytes(self._uc.mem_read(_SCRATCH, size))

    def reset(self) -> None:
        """Let the processor begin: stack and entry from the vector table, memory set up, to the first line of main."""
        stack, entry = (int.from_bytes(self.content[place : place + 4], "little") for place in (0, 4))
        self._uc.reg_write(UC_ARM_REG_SP, stack)
        self._go(entry, self.symbols["main"] & ~1)

    def run_ms(self, milliseconds: int) -> None:
        """Let it run so long after `reset`; ResetError by the watchdog."""
        end_ms = self.clocks.now_ms + milliseconds
        while self.clocks.now_ms < end_ms:
            self._go(self._uc.reg_read(UC_ARM_REG_PC) | 1, _RETURN, self._instructions_per_ms)
            self.clocks.now_ms += 1
            self.watchdog.look()
            if self.core.values[Core.CSR] & 3 == 3:
                self._interrupt(15)
            for number, usart in ((_USART1, self.host), (_USART2, self.digitiser)):
                if usart.received and self.core.enabled(number):
                    self._interrupt(16 + number)

    def hang(self, function: str) -> None:
        """Let the main loop stop in that function, for ever."""
        self._uc.mem_write(self.symbols[function] & ~1, b"\xfe\xe7")  # it jumps to itself
        self._instructions_per_ms = 1000
        self._uc.ctl_remove_cache(self.symbols[function] & ~1, (self.symbols[function] & ~1) + 2)

    def _interrupt(self, exception: int) -> None:
        """Call the handler that the vector table names, in the middle of what runs."""
        table = self.core.values[Core.VTOR]
        handler = int.from_bytes(self._uc.mem_read(table + 4 * exception, 4), "little")
        saved = self._uc.context_save()
        self._uc.reg_write(UC_ARM_REG_SP, (self._uc.reg_read(UC_ARM_REG_SP) & ~7) - _FRAME_BYTES)
        self._call(handler)
        self._uc.context_restore(saved)

    def _call(self, address: int) -> None:
        self._uc.reg_write(UC_ARM_REG_LR, _RETURN | 1)
        self._go(address, _RETURN)
        if self._uc.reg_read(UC_ARM_REG_PC) != _RETURN:
            raise MisuseError(f"the function at {address:#x} does not return")

    def _go(self, address: int, end: int, instructions: int = CALL_INSTRUCTIONS) -> None:
        try:
            self._uc.emu_start(address, end, count=instructions)
        except UcError as error:
            where = f"at {self._uc.reg_read(UC_ARM_REG_PC):#x}"
            kind = "the program writes into itself" if error.errno == UC_ERR_WRITE_PROT else str(error)
            raise MisuseError(f"{kind}, {where}") from error
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise problem

    def _map(self) -> Uc:
        uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        uc.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
        uc.mem_map(BOARD.flash.origin, BOARD.image_limit, UC_PROT_READ | UC_PROT_EXEC)
        uc.mem_write(BOARD.flash.origin, bytes(self.content[: BOARD.image_limit]))
        uc.mem_map(BOARD.ram.origin, BOARD.ram.size)
        uc.mem_map(_RETURN, 0x1000)
        self._map_store(uc)
        parts = {
            0x4000_3000: self.watchdog, 0x4000_4400: self.digitiser, 0x4001_1000: self.host, 0x4002_0000: self.port,
            0x4002_3800: self.clocks, 0x4002_3C00: self.flash, 0x5006_0800: self.chance, 0xE000_E000: self.core,
            0xE004_2000: self.debugger,
        }  # fmt: skip
        for page in sorted({base & ~0xFFF for base in parts}):
            self._map_page(uc, page, {base - page: part for base, part in parts.items() if base & ~0xFFF == page})
        return uc

    def _map_store(self, uc: Uc) -> None:
        start = BOARD.store.origin - BOARD.flash.origin

        def read(offset: int, size: int) -> int:
            return int.from_bytes(self.content[start + offset : start + offset + size], "little")

        def write(offset: int, size: int, value: int) -> None:
            self.flash.program(start + offset, size, value)

        self._map_io(uc, BOARD.store.origin, BOARD.store.size, read, write)

    def _map_page(self, uc: Uc, page: int, parts: dict[int, Registers]) -> None:
        def find(offset: int, size: int) -> tuple[Registers, int]:
            base = max((base for base in parts if base <= offset), default=None)
            demand(base is not None and size == 4, f"{size} bytes at {page + offset:#x}: no register of the models")
            assert base is not None
            return parts[base], offset - base

        def read(offset: int, size: int) -> int:
            part, place = find(offset, size)
            return part.read(place)

        def write(offset: int, size: int, value: int) -> None:
            part, place = find(offset, size)
            part.write(place, value)

        self._map_io(uc, page, 0x1000, read, write)

    def _map_io(
        self, uc: Uc, origin: int, size: int, read: Callable[[int, int], int], write: Callable[[int, int, int], None]
    ) -> None:
        """What is raised stops the program first: through Unicorn nothing can be raised."""

        def stop(problem: Exception) -> int:
            self._problem = self._problem or problem
            uc.emu_stop()
            return 0

        def on_read(_: Uc, offset: int, size: int, __: object) -> int:
            try:
                return read(offset, size)
            except Exception as problem:
                return stop(problem)

        def on_write(_: Uc, offset: int, size: int, value: int, __: object) -> None:
            try:
                write(offset, size, value)
            except Exception as problem:
                stop(problem)

        uc.mmio_map(origin, size, on_read, None, on_write, None)
