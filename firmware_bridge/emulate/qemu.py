"""A built program -> a running board in QEMU, with sockets where the board has its plugs.

QEMU has a machine for every board but the RP2040, which runs in rp2040py (rp2040.py). Where QEMU lacks the flash
controller (flash_controller in board.toml: the STM32F405's), GDB carries out ink_flash_erase and ink_flash_program from
outside; on the other boards the firmware's own code writes the flash.
"""

import fcntl
import shutil
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from firmware_bridge.build.board_store import key_in
from firmware_bridge.build.compile import Built
from firmware_bridge.build.elf import address_of, read_symbols
from firmware_bridge.emulate.errors import EmulatorError
from firmware_bridge.emulate.gdb import Gdb
from firmware_bridge.emulate.nrf51_spi import SpiMaster
from firmware_bridge.errors import BridgeError, ToolMissingError

QEMU = "qemu-system-arm"
QEMU_PACKAGE = "sudo apt-get install --no-install-recommends qemu-system-arm"
STOP_TIMEOUT_S = 5.0
PLUG_BYTES = 4096
"""Size of the buffer of a plug's socket: small, because a cable holds almost nothing."""

_ARRIVAL_S = 5.0
_CAMERA_TIMEOUT_S = 30.0
_PICTURE_WIDTH = 320
_PRESSED, _READY = b"\xb0", b"\xe1"


class Emulator(Protocol):
    """A running board. Its plugs are sockets whose small buffers fill up while the board does not read."""

    host: socket.socket
    key: bytes | None
    """The board's key in the store at the start, None if there was none."""

    def touch(self, packets: bytes) -> None:
        """Send these packets of the digitiser, as fast as the board takes them."""

    def show(self, picture: bytes) -> None:
        """Put this picture, 320x240 bytes of grey, before the camera and press its button."""

    def reset(self) -> None:
        """Press the reset button: all memory but the flash is lost."""

    def store(self) -> bytes:
        """Return the content of the store at the end of the flash."""

    def close(self) -> None:
        """Cut the power."""


class QemuBoard:
    """An Emulator in QEMU, and a context manager.

    `store` is the content of the store at the start, erased if None. `options` are further arguments for QEMU. Raises
    ToolMissingError without QEMU, SymbolError if the program lacks a name that is needed.
    """

    def __init__(self, built: Built, *, store: bytes | None = None, options: Sequence[str] = ()) -> None:
        emulation = built.board.emulator
        assert emulation is not None
        if not shutil.which(QEMU):
            raise ToolMissingError(f"{built.board.name} is emulated by {QEMU}: `{QEMU_PACKAGE}`")
        self._board = built.board
        self.key = key_in(store)
        symbols = read_symbols(built.elf.read_bytes())
        serials, has_spi = emulation.serials, emulation.spi_digitiser
        plugs = [cable() for _ in range(serials + 1 + has_spi)]
        theirs = [ends[1] for ends in plugs]
        command = [QEMU, "-M", emulation.machine, "-kernel", str(built.elf), "-S"]
        command += ["-display", "none", "-monitor", "none"]
        for number, end in enumerate(theirs):
            command += ["-chardev", f"socket,id=plug{number},fd={end.fileno()}"]
            command += ["-serial", f"chardev:plug{number}"] if number < serials else []
        command += ["-gdb", f"chardev:plug{serials}", *options]
        command += ["-object", f"qtest,id=spi,chardev=plug{serials + 1}"] if has_spi else []
        self._process = spawn(command, theirs)
        self._plugs = [ends[0] for ends in plugs]
        self.host = self._plugs[0]
        self._camera = self._plugs[2] if serials > 2 else None
        try:
            self._spi = SpiMaster(self._plugs[-1], symbols) if has_spi else None
            self._gdb = Gdb(self._plugs[serials])
            self._gdb.write(self._board.store.origin, store or bytes(b"\xff" * self._board.store.size))
            if not emulation.flash_controller:
                self._stand_in(symbols)
            self._gdb.start()
        except BridgeError:
            self.close()
            raise

    def __enter__(self) -> "QemuBoard":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def touch(self, packets: bytes) -> None:
        if self._spi is not None:
            self._spi.send(packets)
        else:
            self._plugs[1].sendall(packets)

    def show(self, picture: bytes) -> None:
        """Show a picture and wait until the board has fetched it from the serial camera (boards/mps2_an386)."""
        if self._camera is None:
            raise EmulatorError(f"{self._board.name} has no camera")
        rows = [picture[start : start + _PICTURE_WIDTH] for start in range(0, len(picture), _PICTURE_WIDTH)]
        self._camera.settimeout(_CAMERA_TIMEOUT_S)
        try:
            self._camera.sendall(_PRESSED)
            for answer in (_READY, *rows):
                if not self._camera.recv(1):
                    raise EmulatorError(f"{self._board.name}: the emulator has gone")
                self._camera.sendall(answer)
        except OSError as error:
            raise EmulatorError(f"{self._board.name}: the board does not fetch the picture") from error

    def reset(self) -> None:
        self._let_arrive(self._plugs[1])
        self._gdb.do(self._gdb.reset)

    def _let_arrive(self, plug: socket.socket) -> None:
        """Wait, at most _ARRIVAL_S, until the board has read what was sent to it.

        A real cable would not hold bytes back over a reset.
        """
        end_s = time.monotonic() + _ARRIVAL_S
        while _unread(plug) and time.monotonic() < end_s:
            time.sleep(0.005)

    def store(self) -> bytes:
        return self.memory(self._board.store.origin, self._board.store.size)

    def memory(self, address: int, count: int) -> bytes:
        """Return `count` bytes of the running board's memory."""
        return self._gdb.do(lambda: self._gdb.read(address, count))

    def write_memory(self, address: int, data: bytes) -> None:
        """Write into the running board's memory."""
        self._gdb.do(lambda: self._gdb.write(address, data))

    def close(self) -> None:
        stop(self._process)
        for end in self._plugs:
            end.close()

    def _stand_in(self, symbols: dict[str, int]) -> None:
        """Do a flash controller's work in place of the functions that drive it."""
        half = self._board.store.size // 2

        def erase() -> None:
            self._gdb.write(self._gdb.register(0), b"\xff" * half)

        def program() -> None:
            address, words = self._gdb.register(0), self._gdb.read(self._gdb.register(1), 256)
            before = self._gdb.read(address, len(words))
            self._gdb.write(address, bytes(a & b for a, b in zip(before, words, strict=True)))

        self._gdb.at(address_of(symbols, "ink_flash_erase"), erase)
        self._gdb.at(address_of(symbols, "ink_flash_program"), program)


def spawn(command: list[str], plugs: Sequence[socket.socket]) -> "subprocess.Popen[bytes]":
    """Start a process with its ends of the plugs; it ends when its parent ends, in whatever way."""
    with_parent = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
    try:
        return subprocess.Popen(
            with_parent + command,
            pass_fds=[plug.fileno() for plug in plugs],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    finally:
        for plug in plugs:
            plug.close()


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process: terminate it, and kill it after STOP_TIMEOUT_S."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _unread(plug: socket.socket) -> int:
    """Return how many bytes were sent into a plug and not read at its other end."""
    return int.from_bytes(fcntl.ioctl(plug, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def cable() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a cable."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PLUG_BYTES)
    return ours, theirs
