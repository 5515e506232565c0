"""Bytes of a board's SPI -> the answers of an Arducam Mega: its registers, its sensor and its FIFO.

The counterpart of the driver firmware/boards/rp2040/camera.c. It reacts to a driver's mistakes as the part does:
a register that is written while the sensor is busy keeps its value, and without a set-up a picture is a JPEG.
"""

import numpy as np

SENSORS = range(0x81, 0x88)
SECOND_KIND = 0x85
"""From this sensor number on, resolutions have other codes."""
BUSY_LOOKS = 3
"""How often the state must be read until the sensor has carried out a command or taken a picture."""
WIDTH, HEIGHT = 320, 240

_FIFO, _RESET, _FORMAT, _SIZE, _BURST, _SENSOR, _STATE, _LENGTH = 0x04, 0x07, 0x20, 0x21, 0x3C, 0x40, 0x44, 0x45
_OF_SENSOR = (0x0A, _FORMAT, _SIZE)
_WRITE = 0x80
_CLEAR, _START = 0x01, 0x02
_RESET_ALL, _YUV = 0x40, 0x03
_IDLE, _BUSY, _DONE = 0x02, 0x01, 0x04


class Mega:
    """An Arducam Mega, seen from its SPI.

    sensor  its number, one of SENSORS
    picture  the scene before it, 320x240 bytes of grey
    """

    def __init__(self, sensor: int = 0x82) -> None:
        self.picture = bytes(WIDTH * HEIGHT)
        self.lines = HEIGHT
        """How many lines of a picture it sends."""
        self.present = True
        """Whether its cable is plugged in."""
        self._sensor = sensor
        self._registers: dict[int, int] = {}
        self._reset = False
        self._busy = 0
        self._done = False
        self._exposing = 0
        self._fifo = memoryview(b"")
        self._length = 0
        self._command: int | None = None
        self._place = 0
        self._begun = False

    def select(self) -> None:
        """Take an edge of the chip select: the next byte is an address."""
        self._command, self._place = None, 0

    def exchange(self, byte: int) -> int:
        """Return the byte that the camera sends while it receives `byte`."""
        if not self.present:
            return 0
        if self._command is None:
            self._command = byte
            return 0
        self._place += 1
        if self._command & _WRITE:
            if self._place == 1:
                self._write(self._command & ~_WRITE, byte)
            return 0
        if self._command == _BURST:
            return self._next()
        return self._read(self._command) if self._place == 2 else 0

    def _write(self, address: int, value: int) -> None:
        if address == _FIFO and value == _CLEAR:
            self._done = False
        elif address == _FIFO and value == _START:
            self._exposing = BUSY_LOOKS
        elif address == _RESET and value & _RESET_ALL:
            self._registers.clear()
            self._reset, self._done, self._busy = True, False, BUSY_LOOKS
        elif address in _OF_SENSOR and not self._busy and self._reset:
            self._registers[address] = value
            self._busy = BUSY_LOOKS

    def _read(self, address: int) -> int:
        if address == _STATE:
            self._busy = max(0, self._busy - 1)
            self._expose()
            return (_BUSY if self._busy else _IDLE) | (_DONE if self._done else 0)
        if _LENGTH <= address < _LENGTH + 3:
            return self._length >> 8 * (address - _LENGTH) & 0xFF
        return self._sensor if address == _SENSOR and self._reset else 0

    def _expose(self) -> None:
        """Advance the exposure: the picture is in the FIFO BUSY_LOOKS reads of the state after its start.

        The done flag of the last picture stays set until it is cleared.
        """
        if self._exposing == 1:
            self._fifo = memoryview(self._taken())
            self._length, self._begun, self._done = len(self._fifo), False, True
        self._exposing = max(0, self._exposing - 1)

    def _taken(self) -> bytes:
        size = 0x01 if self._sensor < SECOND_KIND else 0x03
        if self._registers != {0x0A: 0x78, _FORMAT: _YUV, _SIZE: size}:
            return b"\xff\xd8" + bytes(20_000) + b"\xff\xd9"
        pairs = np.full((WIDTH * HEIGHT, 2), 128, np.uint8)
        pairs[:, 0] = np.frombuffer(self.picture, np.uint8)
        return pairs[: WIDTH * self.lines].tobytes()

    def _next(self) -> int:
        if not self._begun:
            self._begun = True
            return 0
        value, self._fifo = bytes(self._fifo[:1]), self._fifo[1:]
        return int.from_bytes(value, "big")
