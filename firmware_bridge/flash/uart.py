"""A serial port with an STM32's boot loader (ST AN3155) -> access to its flash, by stm32loader."""

import contextlib
import io
import shlex
import time
from collections.abc import Iterator
from typing import Any

import serial

from firmware_bridge.boards import Board
from firmware_bridge.errors import BridgeError, ToolMissingError
from firmware_bridge.flash.errors import BoardNotFoundError, FlashError, ProtectedError
from firmware_bridge.flash.install import Progress
from firmware_bridge.installing import install_extra
from firmware_bridge.link.address import PORT_ERRORS, Scheme, open_line, read_address
from firmware_bridge.link.transport import BAUD_RATE

REPLY_TIMEOUT_S = 1.0
QUIET_S = 0.1
RESET_S, START_S = 0.1, 0.5
ROUNDS = 3
"""How often a read, or a write from where it stopped, is tried before flashing fails."""

PIECE_BYTES = 256
"""The most bytes that AN3155 reads or writes with one command."""

_HEADER_PIECE = 2
_REFUSED = "nack command"
"""What stm32loader says where the boot loader refuses a command that it knows: by AN3155, of a protected part."""
_REFUSED_PLACES = ("nack 0x31", "nack 0x43 erasing", "nack 0x44 erasing")
"""What it says where a command was taken and then what it shall write or erase was not: the line is well."""
_CERTAIN_BYTES = 8
"""So many programmed bytes are not stuck by chance."""
_SYNCHRONIZE, _ACK, _NACK = b"\x7f", b"\x79", b"\x1f"
_LONGEST_COMMAND_BYTES = 260


class UartProgrammer:
    """An install.Programmer over a serial port, and a context manager.

    Raises ToolMissingError without stm32loader, BoardNotFoundError if no boot loader answers on `port`, and the link's
    errors if the port cannot be opened.
    """

    method = "uart"

    def __init__(self, board: Board, port: str) -> None:
        try:
            from stm32loader.bootloader import Stm32Bootloader
        except ImportError as error:
            raise ToolMissingError(f"flashing by UART needs stm32loader: {install_extra('firmware')}") from error
        self.board, self.where = board, port
        self._line = _Line(port)
        # stm32loader knows parts by family; the boards here that have this boot loader are F4.
        self._loader: Any = Stm32Bootloader(self._line, device_family="F4", verbosity=0)
        try:
            self._line.enter_boot_loader()
            if not self._synchronize():
                raise BoardNotFoundError(f"{port}: no boot loader answers: {board.boot_hint}")
            with self._named("boot loader"):
                self._loader.get()
        except BaseException:
            self._line.close()
            raise

    def __enter__(self) -> "UartProgrammer":
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def part(self) -> int:
        """Return the part's product id."""
        with self._named("asking for the part"):
            return int(self._loader.get_id())

    def read(self, address: int, size: int, progress: Progress) -> bytes:
        """Return `size` bytes of the flash from `address` on; a read that fails is tried again."""
        data = bytearray()
        while len(data) < size:
            wanted = min(PIECE_BYTES, size - len(data))
            data += self._read_piece(address + len(data), wanted)
            progress("reading", len(data), size)
        return bytes(data)

    def write(self, data: bytes, progress: Progress) -> int:
        """Write `data` to the start of the flash and return how many bytes were written.

        The header is written last, so that a header means a whole image.
        """
        written = 0
        for last_round in (False,) * (ROUNDS - 1) + (True,):
            try:
                found = self.read(self.board.flash.origin, len(data), progress)
                for number in self._sectors_to_erase(data, found):
                    progress("erasing", 0, len(data))
                    found = self._erase(number, found)
                missing = sorted(self._different(data, found), key=lambda piece: (piece <= _HEADER_PIECE, piece))
                for done, piece in enumerate(missing):
                    self._write_piece(piece, data[piece * PIECE_BYTES :][:PIECE_BYTES])
                    written += PIECE_BYTES
                    progress("writing", done + 1, len(missing))
                return min(written, len(data))
            except FlashError:
                if last_round or not self._synchronize():
                    raise
        raise AssertionError

    def erase_store(self) -> None:
        """Erase the board's key and counters."""
        start = self.board.store.origin
        while start < self.board.store.end:
            number, region = self.board.sector_of(start)
            self._erase(number, b"")
            start = region.end

    def write_store(self, slot: bytes, progress: Progress) -> None:
        """Write `slot` to the start of the store, which is erased; what a bad line spoiled is written anew."""
        origin = self.board.store.origin
        for last_round in (False,) * (ROUNDS - 1) + (True,):
            try:
                if self._read_piece(origin, len(slot)).strip(b"\xff"):
                    self.erase_store()
                self._write_piece((origin - self.board.flash.origin) // PIECE_BYTES, slot)
                progress("writing", len(slot), len(slot))
                return
            except FlashError:
                if last_round or not self._synchronize():
                    raise

    def start(self) -> None:
        """Start the program in the board's flash.

        If BOOT0 is still at 3V3 and reset is not wired, the program runs only until the next power-up.
        """
        with self._named("starting the program"):
            self._loader.go(self.board.flash.origin)
        self._line.leave_boot_loader()

    def _sectors_to_erase(self, data: bytes, found: bytes) -> list[int]:
        """Return the numbers of the sectors that must be erased before `data` can be written, in order.

        The header differs whenever anything does, so that its sector, the first, is erased before all others.
        """
        different = self._different(data, found)
        in_the_way = [piece for piece in different if found[piece * PIECE_BYTES :][:PIECE_BYTES].strip(b"\xff")]
        origin = self.board.flash.origin
        return sorted({self.board.sector_of(origin + piece * PIECE_BYTES)[0] for piece in in_the_way})

    @staticmethod
    def _different(data: bytes, found: bytes) -> list[int]:
        """Return the numbers of the pieces of `data` that differ in `found`."""
        return [
            start // PIECE_BYTES
            for start in range(0, len(data), PIECE_BYTES)
            if data[start:][:PIECE_BYTES] != found[start:][:PIECE_BYTES]
        ]

    def _erase(self, number: int, found: bytes) -> bytes:
        """Erase one sector and return `found`, what the flash held, with that sector erased."""
        start = self.board.flash.origin
        while self.board.sector_of(start)[0] != number:
            start = self.board.sector_of(start)[1].end
        region = self.board.sector_of(start)[1]
        with self._named(f"erasing sector {number}"):
            self._loader.extended_erase_memory([number])
        self._require_erased(number, region.origin, region.end, found)
        first, end = region.origin - self.board.flash.origin, region.end - self.board.flash.origin
        return found[:first] + b"\xff" * (min(end, len(found)) - first) + found[end:]

    def _require_erased(self, number: int, start: int, end: int, found: bytes) -> None:
        """Raise ProtectedError if the sector still holds what was found in it.

        The boot loader acknowledges the erasure of a sector that is write-protected. A stuck byte is no protection.
        """
        origin = self.board.flash.origin
        places = range(start - origin, min(end - origin, len(found)), PIECE_BYTES)
        pieces = {at: found[at:][:PIECE_BYTES] for at in places}
        fullest = max(pieces, key=lambda at: _programmed(pieces[at]), default=None)
        if fullest is None or _programmed(pieces[fullest]) < _CERTAIN_BYTES:
            return
        if self._read_piece(origin + fullest, len(pieces[fullest])) == pieces[fullest]:
            raise ProtectedError(
                f"{self.where}: sector {number} is as before after it was erased: it is write-protected (WRP): "
                f"`stm32flash -u {shlex.quote(self.where)}` takes that off"
            )

    def _write_piece(self, piece: int, data: bytes) -> None:
        address = self.board.flash.origin + piece * PIECE_BYTES
        with self._named(f"writing {address:#010x}"):
            self._loader.write_memory(address, data)

    def _read_piece(self, address: int, size: int) -> bytes:
        for last_try in (False,) * (ROUNDS - 1) + (True,):
            try:
                with self._named(f"reading {address:#010x}"):
                    data = bytes(self._loader.read_memory(address, size))
                    if len(data) != size:
                        raise FlashError(f"{self.where}: only {len(data)} of {size} bytes at {address:#010x} came")
                return data
            except FlashError:
                if last_try or not self._synchronize():
                    raise
        raise AssertionError

    def _synchronize(self) -> bool:
        """Bring the boot loader, in whatever state, to where it expects a command; return whether it answers.

        What a byte 0x7F does depends on that state:
          before the conversation it opens it, and is acknowledged
          where a command is expected it is the first half of an invalid one, and the second 0x7F is refused
          inside a command it is data, and enough of them end any command

        After a refusal both ends agree that the next byte begins a command.
        """
        with self._named("synchronising"):
            for attempt in (_SYNCHRONIZE, _SYNCHRONIZE, _SYNCHRONIZE * _LONGEST_COMMAND_BYTES):
                self._line.write(attempt)
                reply = self._line.read(1)
                if not reply:
                    continue
                if len(attempt) == 1 and reply in (_ACK, _NACK):
                    return True
                self._line.drain()
                for _ in range(2):
                    self._line.write(_SYNCHRONIZE)
                    if self._line.read(1) == _NACK:
                        return True
        return False

    @contextlib.contextmanager
    def _named(self, what: str) -> Iterator[None]:
        """Turn what stm32loader raises into a FlashError that names `what` was done; drop what it prints."""
        from stm32loader.bootloader import Stm32LoaderError

        try:
            with contextlib.redirect_stderr(io.StringIO()):
                yield
        except BridgeError:
            raise
        except (Stm32LoaderError, IndexError, *PORT_ERRORS) as error:
            reason = "no answer" if isinstance(error, IndexError) else str(error).lower()
            if reason == _REFUSED:
                raise ProtectedError(
                    f"{self.where}: {what} failed: the part refuses the command: it is protected against reading "
                    f"(RDP): `stm32flash -k {shlex.quote(self.where)}` takes that off and erases all of it, its key too"
                ) from error
            if reason.startswith(_REFUSED_PLACES):
                raise ProtectedError(
                    f"{self.where}: {what} failed: the boot loader refuses it ({reason}): it is write-protected (WRP): "
                    f"`stm32flash -u {shlex.quote(self.where)}` takes that off"
                ) from error
            raise FlashError(f"{self.where}: {what} failed: {reason}: {self.board.boot_hint}") from error


def _programmed(piece: bytes) -> int:
    return len(piece) - piece.count(b"\xff")


class _Line:
    """The serial line as stm32loader expects it. DTR may be wired to reset and RTS to BOOT0."""

    def __init__(self, port: str) -> None:
        self._serial = open_line(port, BAUD_RATE, timeout_s=REPLY_TIMEOUT_S, write_timeout_s=2.0)
        self._has_modem_lines = read_address(port).scheme is not Scheme.SOCKET
        try:
            self._serial.parity = serial.PARITY_EVEN
            # A pty has no parity. It reports that only when the port is configured once more.
            self._serial.timeout = QUIET_S
        except PORT_ERRORS:
            self._serial.parity = serial.PARITY_NONE
        self._serial.timeout = REPLY_TIMEOUT_S

    @property
    def timeout(self) -> float:
        """The time in seconds that a read waits; stm32loader sets it for long commands."""
        return float(self._serial.timeout or 0.0)

    @timeout.setter
    def timeout(self, timeout_s: float) -> None:
        self._serial.timeout = timeout_s

    def read(self, size: int = 1) -> bytes:
        """Read `size` bytes, or fewer if no more come within the timeout."""
        return bytes(self._serial.read(size))

    def write(self, data: bytes) -> None:
        """Write all of `data`."""
        self._serial.write(data)

    def drain(self) -> None:
        """Read and drop bytes until the line is quiet for QUIET_S."""
        self._serial.timeout = QUIET_S
        while self._serial.read(PIECE_BYTES):
            pass
        self._serial.timeout = REPLY_TIMEOUT_S

    def enter_boot_loader(self) -> None:
        """Reset the part with BOOT0 set, if it is wired, and drop what it sent before."""
        self._reset(boot0=True)
        with contextlib.suppress(*PORT_ERRORS):
            self._serial.reset_input_buffer()

    def leave_boot_loader(self) -> None:
        """Reset the part with BOOT0 clear, if it is wired."""
        self._reset(boot0=False)

    def _reset(self, *, boot0: bool) -> None:
        if not self._has_modem_lines:  # a pty has none either, which raises an error
            return
        with contextlib.suppress(*PORT_ERRORS):
            self._serial.rts = not boot0
            self._serial.dtr = True
            time.sleep(RESET_S)
            self._serial.dtr = False
            time.sleep(START_S)

    def close(self) -> None:
        """Close the port."""
        with contextlib.suppress(*PORT_ERRORS):
            self._serial.close()
