"""An emulator's GDB server -> its memory, registers, breakpoints with actions, and reset button."""

import contextlib
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from firmware_bridge.emulate.errors import EmulatorError

T = TypeVar("T")

ANSWER_TIMEOUT_S = 10.0
LR, PC = 14, 15
_CHUNK_BYTES = 512
_INTERRUPT = b"\x03"


class Gdb:
    """A client of a GDB server. The program stands still until `start`.

    Before `start`, `at(address, action)` has `action` carried out in place of the function that begins at the address.
    After `start`, `do(action)` pauses the program for `action`. An action may use all other methods. All methods raise
    EmulatorError if the emulator does not answer or has gone.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.settimeout(ANSWER_TIMEOUT_S)
        self._buffer = b""
        self._actions: dict[int, Callable[[], None]] = {}
        self._waiting: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._running = False
        self._thread: threading.Thread | None = None
        # QEMU gives a single register only to a client that has asked for the names of all.
        self._ask(b"qXfer:features:read:target.xml:0,ffb")

    def at(self, address: int, action: Callable[[], None]) -> None:
        """Carry out `action` in place of the Thumb function at this address."""
        self._actions[address & ~1] = action
        self._ask(b"Z0,%x,2" % (address & ~1))

    def start(self) -> None:
        """Let the program run."""
        self._thread = threading.Thread(target=self._serve, name="gdb", daemon=True)
        self._thread.start()

    def do(self, action: Callable[[], T]) -> T:
        """Pause the program for `action` and return its result."""
        done: Future[T] = Future()

        def carry_out() -> None:
            try:
                done.set_result(action())
            except EmulatorError as error:
                done.set_exception(error)

        try:
            with self._lock:
                self._waiting.append(carry_out)
                if self._running:  # interrupting a program that stands still has no effect
                    self._running = False
                    self._connection.sendall(_INTERRUPT)
            return done.result(ANSWER_TIMEOUT_S)
        except (OSError, TimeoutError) as error:
            raise EmulatorError("the emulator does not answer") from error

    def read(self, address: int, count: int) -> bytes:
        """Return `count` bytes of memory from `address` on."""
        parts = []
        for start in range(0, count, _CHUNK_BYTES):
            size = min(_CHUNK_BYTES, count - start)
            parts.append(bytes.fromhex(self._ask(b"m%x,%x" % (address + start, size)).decode()))
        return b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        """Write into memory, even where the program cannot."""
        for start in range(0, len(data), _CHUNK_BYTES):
            chunk = data[start : start + _CHUNK_BYTES]
            self._ask(b"M%x,%x:%s" % (address + start, len(chunk), chunk.hex().encode()))

    def register(self, number: int) -> int:
        """Return a register of the processor, 0 to 15."""
        return int.from_bytes(bytes.fromhex(self._ask(b"p%x" % number).decode()), "little")

    def reset(self) -> None:
        """Press the reset button."""
        self._ask(b"qRcmd," + b"system_reset".hex().encode())

    def _serve(self) -> None:
        """Let the program run; whenever it stands still, carry out the actions that wait."""
        with contextlib.suppress(OSError, EmulatorError):
            while True:
                with self._lock:
                    waiting, self._waiting = self._waiting, []
                    if not waiting:
                        self._running = True
                        self._send(b"c")
                for carry_out in waiting:
                    carry_out()
                if not waiting:
                    self._come_to_a_stop()

    def _come_to_a_stop(self) -> None:
        """Wait until the program stands still; if it is at a breakpoint, carry out its action."""
        self._connection.settimeout(None)
        self._receive()
        self._connection.settimeout(ANSWER_TIMEOUT_S)
        with self._lock:
            self._running = False
        action = self._actions.get(self.register(PC))
        if action is not None:
            action()
            self._ask(b"P%x=%s" % (PC, (self.register(LR) & ~1).to_bytes(4, "little").hex().encode()))

    def _ask(self, question: bytes) -> bytes:
        self._send(question)
        answer = self._receive()
        while answer[:1] in (b"T", b"S"):  # a late report of a stop, not the answer
            answer = self._receive()
        if answer.startswith(b"E"):
            raise EmulatorError(f"the emulator refuses {question[:24].decode()}: {answer.decode()}")
        return answer

    def _send(self, content: bytes) -> None:
        self._connection.sendall(b"$%s#%02x" % (content, sum(content) & 0xFF))

    def _receive(self) -> bytes:
        """Acknowledge the next packet and return its content; skip console output and acknowledgements."""
        while True:
            start = self._buffer.find(b"$")
            end = self._buffer.find(b"#", start)
            if 0 <= start < end and len(self._buffer) >= end + 3:
                content = self._buffer[start + 1 : end]
                self._buffer = self._buffer[end + 3 :]
                self._connection.sendall(b"+")
                if not (content.startswith(b"O") and content != b"OK"):
                    return content
                continue
            try:
                more = self._connection.recv(65536)
            except TimeoutError as error:
                raise EmulatorError("the emulator does not answer") from error
            if not more:
                raise EmulatorError("the emulator has gone")
            self._buffer += more
