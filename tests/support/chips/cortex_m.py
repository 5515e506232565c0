"""A program built for a Cortex-M -> the program run by Unicorn, with models of its peripherals.

Nothing of the program is replaced. Interrupts are calls of the handlers that its vector table names.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar

from chips.registers import MisuseError, Registers, RestartError, demand
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
    UC_ARM_REG_R2,
    UC_ARM_REG_R3,
    UC_ARM_REG_SP,
)

from firmware_bridge.build.compile import Built
from firmware_bridge.build.elf import read_symbols

CALL_INSTRUCTIONS = 20_000_000
SYSTICK = 15
_RETURN = 0x1FFF_0000
"""Return address of a call, outside the program."""
_FRAME_BYTES = 32
_HUNG_INSTRUCTIONS = 1000
_STEP_INSTRUCTIONS = 100_000
_ARGUMENTS = (UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3)


class Core(Registers):
    """The processor's registers: SysTick, interrupt controller, vector table, debug."""

    CSR, RVR, CVR, ISER, ICER, VTOR, AIRCR = 0x10, 0x14, 0x18, 0x100, 0x180, 0xD08, 0xD0C
    kept: ClassVar[dict[int, int]] = {CSR: 0, RVR: 0, CVR: 0x1234, ISER: 0, ISER + 4: 0, ICER: 0, ICER + 4: 0, VTOR: 0}

    def write(self, offset: int, value: int) -> None:
        if offset == self.AIRCR:
            demand(value == 0x05FA_0004, "AIRCR: no restart")
            raise RestartError
        bank = offset & ~7
        if bank == self.ISER:
            value |= self.values[offset]
        elif bank == self.ICER:
            self.values[offset - self.ICER + self.ISER] &= ~value
        super().write(offset, value)

    def enabled(self, interrupt: int) -> bool:
        return bool(self.values[self.ISER + 4 * (interrupt // 32)] >> interrupt % 32 & 1)


class Processor:
    """A processor with a program.

    content: the flash; the program is copied to its start. vectors: offset of the vector table in it.
    """

    def __init__(
        self, built: Built, content: bytearray, model: int, instructions_per_ms: int, *, vectors: int = 0
    ) -> None:
        self.symbols = read_symbols(built.elf.read_bytes())
        self.content = content
        program = built.bin.read_bytes()
        content[: len(program)] = program
        self.core = Core()
        self._board = built.board
        self._instructions_per_ms = instructions_per_ms
        self._vectors = vectors
        self._problem: Exception | None = None
        self._scratch = (self.symbols["ink_stack_limit"] + 7) & ~7
        self._uc = uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        uc.ctl_set_cpu_model(model)
        uc.mem_map(self._board.flash.origin, self._board.image_limit, UC_PROT_READ | UC_PROT_EXEC)
        uc.mem_write(self._board.flash.origin, bytes(content[: self._board.image_limit]))
        uc.mem_map(self._board.ram.origin, self._board.ram.size)
        uc.mem_map(_RETURN, 0x1000)

    @property
    def store(self) -> memoryview:
        """Return the bytes of the store."""
        start = self._board.store.origin - self._board.flash.origin
        return memoryview(self.content)[start : start + self._board.store.size]

    def call(self, function: str, *arguments: int) -> int:
        """Call a function of the program and return its result.

        MisuseError if it never returns or does what the manual forbids.
        """
        self._give(arguments)
        self._call(self.symbols[function])
        return int(self._uc.reg_read(UC_ARM_REG_R0))

    def count(self, function: str, *arguments: int) -> int:
        """Call a function and return how many instructions it takes, rounded up to 100,000."""
        self._give(arguments)
        self._uc.reg_write(UC_ARM_REG_LR, _RETURN | 1)
        place, steps = self.symbols[function], 0
        while place != _RETURN:
            self._go(place | 1, _RETURN, _STEP_INSTRUCTIONS)
            place, steps = self._uc.reg_read(UC_ARM_REG_PC), steps + 1
        return steps * _STEP_INSTRUCTIONS

    def put(self, data: bytes) -> int:
        """Write bytes into memory at the far end of the stack and return their address."""
        self._uc.mem_write(self._scratch, data)
        return self._scratch

    def get(self, size: int) -> bytes:
        """Return `size` bytes from the address that `put` returns."""
        return bytes(self._uc.mem_read(self._scratch, size))

    def reset(self) -> None:
        """Start at the vector table's entry and run to the first line of main."""
        at = self._vectors
        stack, entry = (int.from_bytes(self.content[place : place + 4], "little") for place in (at, at + 4))
        self._uc.reg_write(UC_ARM_REG_SP, stack)
        self._go(entry, self.symbols["main"] & ~1)

    def run(self) -> None:
        """Run for a millisecond, or until the program sleeps."""
        self._go(self._uc.reg_read(UC_ARM_REG_PC) | 1, _RETURN, self._instructions_per_ms)

    def hang(self, function: str) -> None:
        """Make the main loop hang in that function."""
        self._uc.mem_write(self.symbols[function] & ~1, b"\xfe\xe7")  # it jumps to itself
        self._instructions_per_ms = _HUNG_INSTRUCTIONS
        self._uc.ctl_remove_cache(self.symbols[function] & ~1, (self.symbols[function] & ~1) + 2)

    def interrupt(self, exception: int) -> None:
        """Call the vector table's handler in the middle of the running program."""
        table = self.core.values[Core.VTOR]
        handler = int.from_bytes(self._uc.mem_read(table + 4 * exception, 4), "little")
        saved = self._uc.context_save()
        self._uc.reg_write(UC_ARM_REG_SP, (self._uc.reg_read(UC_ARM_REG_SP) & ~7) - _FRAME_BYTES)
        self._call(handler)
        self._uc.context_restore(saved)

    def _give(self, arguments: tuple[int, ...]) -> None:
        for register, argument in zip(_ARGUMENTS, arguments, strict=False):
            self._uc.reg_write(register, argument)

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

    def map_parts(self, parts: Mapping[int, Registers]) -> None:
        """Map models of peripherals by address."""
        for page in sorted({base & ~0xFFF for base in parts}):
            self._map_page(page, {base - page: part for base, part in parts.items() if base & ~0xFFF == page})

    def map_store(self, program: Callable[[int, int, int], None]) -> None:
        """Map the store; each write calls `program(offset in the flash, bytes, value)`."""
        start = self._board.store.origin - self._board.flash.origin

        def read(offset: int, size: int) -> int:
            return int.from_bytes(self.content[start + offset : start + offset + size], "little")

        def write(offset: int, size: int, value: int) -> None:
            program(start + offset, size, value)

        self._map_io(self._board.store.origin, self._board.store.size, read, write)

    def _map_page(self, page: int, parts: dict[int, Registers]) -> None:
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

        self._map_io(page, 0x1000, read, write)

    def _map_io(
        self, origin: int, size: int, read: Callable[[int, int], int], write: Callable[[int, int, int], None]
    ) -> None:
        """Map callbacks; an exception in one stops the program and is raised then: Unicorn passes none on."""

        def stop(problem: Exception) -> int:
            self._problem = self._problem or problem
            self._uc.emu_stop()
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

        self._uc.mmio_map(origin, size, on_read, None, on_write, None)
