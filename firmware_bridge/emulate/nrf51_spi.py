"""A digitiser's packets -> the memory and the chip select of an emulated micro:bit, by qtest.

QEMU lacks the nRF51's SPI slave. What the part's DMA would do is done from outside: the packet is written where the
firmware wants it, and the chip select goes low and high. The next packet waits until the firmware has taken this one.
"""

import socket
import time

from firmware_bridge.build.elf import address_of
from firmware_bridge.emulate.errors import EmulatorError

PACKET_BYTES = 8
SELECT_PIN = 16
LOOK_S = 0.0025
"""How long the chip select stays at a level: the firmware reads it once per millisecond."""
PATIENCE = 200
_WRITTEN_OFFSET = 8
"""Offset in bytes of `written` in struct ink_inlet."""


class SpiMaster:
    """The digitiser's end of the SPI.

    `symbols` are the program's: they say where the packet belongs, and where the firmware counts the bytes taken.
    """

    def __init__(self, connection: socket.socket, symbols: dict[str, int]) -> None:
        self._connection = connection
        self._buffer = b""
        self._packet = address_of(symbols, "ink_spis_packet")
        self._written = address_of(symbols, "ink_digitiser") + _WRITTEN_OFFSET

    def send(self, packets: bytes) -> None:
        """Send whole packets, one transaction each. EmulatorError if the board does not take one."""
        for start in range(0, len(packets), PACKET_BYTES):
            packet = packets[start : start + PACKET_BYTES]
            before = self._count()
            self._ask(f"write {self._packet:#x} {len(packet):#x} 0x{packet.hex()}")
            for _ in range(PATIENCE):
                self._select(0)
                time.sleep(LOOK_S)
                self._select(1)
                time.sleep(LOOK_S)
                if self._count() != before:
                    break
            else:
                raise EmulatorError("the board takes no packet from its digitiser")

    def _count(self) -> int:
        return int(self._ask(f"readw {self._written:#x}"), 16)

    def _select(self, level: int) -> None:
        self._ask(f"set_irq_in /machine/nrf51 unnamed-gpio-in {SELECT_PIN} {level}")

    def _ask(self, question: str) -> str:
        self._connection.sendall(question.encode() + b"\n")
        while b"\n" not in self._buffer:
            more = self._connection.recv(4096)
            if not more:
                raise EmulatorError("the emulator has gone")
            self._buffer += more
        answer, _, self._buffer = self._buffer.partition(b"\n")
        word, _, rest = answer.decode().partition(" ")
        if word != "OK":
            raise EmulatorError(f"the emulator refuses {question}: {answer.decode()}")
        return rest
