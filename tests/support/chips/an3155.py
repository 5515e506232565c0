"""Bytes from a host -> the answers of an STM32's UART boot loader (ST AN3155), and its flash.

`python tests/support/chips/an3155.py --link /tmp/boot` puts one on a pseudo-terminal, for `inkgate firmware flash`.
"""

import argparse
import contextlib
import errno
import os
import pty
import select
import signal
import threading
import time
import tty
from collections.abc import Callable, Iterator
from functools import reduce
from operator import xor
from pathlib import Path

from firmware_bridge.boards import BOARDS, Board

ACK, NACK = b"\x79", b"\x1f"
GET, GET_VERSION, GET_ID, READ, GO, WRITE, ERASE = 0x00, 0x01, 0x02, 0x11, 0x21, 0x31, 0x44
COMMANDS = (GET, GET_VERSION, GET_ID, READ, GO, WRITE, ERASE, 0x63, 0x73, 0x82, 0x92)

Steps = Iterator[bytes]


class PowerCutError(Exception):
    """Raised when the emulated part loses its supply."""


class BootLoader:
    """The part. cut_after: PowerCutError before that write or erase. stuck: bytes that read back wrong."""

    def __init__(self, board: Board = BOARDS["stm32f405"], product_id: int = 0x413) -> None:
        self.board, self.product_id = board, product_id
        self.flash = bytearray(b"\xff" * board.flash.size)
        self.stuck: dict[int, int] = {}
        self.cut_after: int | None = None
        self.read_protected = False
        """RDP: reading, writing, erasing and starting are refused."""
        self.write_protected: set[int] = set()
        """WRP: sectors that writing and erasing leave as they are, without a word, or refuse."""
        self.refuses_protected = False
        self.changes: list[tuple[str, int]] = []
        """("erase", sector) and ("write", address), in order."""
        self.running_from: int | None = None
        self.changed: Callable[[], None] = lambda: None
        self._reply = bytearray()
        self._talk: Iterator[int] | None = None
        self.reset()

    def reset(self) -> None:
        """Power up with BOOT0 set; only the flash keeps its content."""
        self.running_from = None
        self._dead = False
        self._needed = 1
        self._arrived = bytearray()
        self._steps = self._converse()
        next(self._steps)

    def receive(self, data: bytes) -> bytes:
        """Take bytes from the host and return the answer."""
        if self._dead:
            raise PowerCutError
        self._reply.clear()
        for byte in data:
            self._arrived.append(byte)
            while len(self._arrived) >= self._needed and self.running_from is None:
                piece = bytes(self._arrived[: self._needed])
                del self._arrived[: self._needed]
                self._steps.send(piece)
        return bytes(self._reply)

    def _converse(self):
        while (yield from self._take(1)) != b"\x7f":
            pass
        self._reply += ACK
        while True:
            command, complement = yield from self._take(2)
            handler = {GET: self._get, GET_VERSION: self._version, GET_ID: self._id}.get(command)
            handler = handler or {READ: self._read, GO: self._go, WRITE: self._write, ERASE: self._erase}.get(command)
            refused = self.read_protected and command in (READ, GO, WRITE, ERASE)
            if command ^ complement != 0xFF or handler is None or refused:
                self._reply += NACK
                continue
            self._reply += ACK
            yield from handler()

    def _take(self, count: int):
        self._needed = count
        return (yield)

    def _get(self):
        self._reply += bytes((len(COMMANDS), 0x31, *COMMANDS)) + ACK
        yield from ()

    def _version(self):
        self._reply += b"\x31\0\0" + ACK
        yield from ()

    def _id(self):
        self._reply += b"\x01" + self.product_id.to_bytes(2, "big") + ACK
        yield from ()

    def _address(self):
        block = yield from self._take(5)
        address = int.from_bytes(block[:4], "big")
        right = not reduce(xor, block) and self.board.flash.holds(address, 1)
        self._reply += ACK if right else NACK
        return address if right else None

    def _read(self):
        address = yield from self._address()
        if address is None:
            return
        count, complement = yield from self._take(2)
        if count ^ complement != 0xFF:
            self._reply += NACK
            return
        start = address - self.board.flash.origin
        data = bytearray(self.flash[start : start + count + 1])
        for place, value in self.stuck.items():
            if 0 <= place - address < len(data):
                data[place - address] ^= value
        self._reply += ACK + data

    def _write(self):
        address = yield from self._address()
        if address is None:
            return
        count = (yield from self._take(1))[0]
        block = yield from self._take(count + 2)
        if address % 4 or (count + 1) % 4 or reduce(xor, block, count):
            self._reply += NACK
            return
        if self.board.sector_of(address)[0] in self.write_protected:
            self._reply += NACK if self.refuses_protected else ACK
            return
        self._change("write", address)
        start = address - self.board.flash.origin
        for place, byte in enumerate(block[:-1], start):
            self.flash[place] &= byte  # flash: ones become zeros, never the other way
        self.changed()
        self._reply += ACK

    def _erase(self):
        count = yield from self._take(2)
        if count[0] == 0xFF:
            raise AssertionError("a mass erase would take the board's key and counters with it")
        pages = yield from self._take(2 * (int.from_bytes(count, "big") + 1) + 1)
        if reduce(xor, count + pages):
            self._reply += NACK
            return
        for place in range(0, len(pages) - 1, 2):
            number = int.from_bytes(pages[place : place + 2], "big")
            if number in self.write_protected and self.refuses_protected:
                self._reply += NACK
                return
            if number in self.write_protected:
                continue
            self._change("erase", number)
            start = self.board.flash.origin
            while self.board.sector_of(start)[0] != number:
                start = self.board.sector_of(start)[1].end
            region = self.board.sector_of(start)[1]
            first = region.origin - self.board.flash.origin
            self.flash[first : first + region.size] = b"\xff" * region.size
            self.changed()
        self._reply += ACK

    def _go(self):
        address = yield from self._address()
        self.running_from = address

    def _change(self, what: str, where: int) -> None:
        if self.cut_after is not None and len(self.changes) >= self.cut_after:
            self._dead = True
            raise PowerCutError
        self.changes.append((what, where))


class PtyServer:
    """A boot loader on a pseudo-terminal. `spoil` may change what it answers."""

    def __init__(self, loader: BootLoader, spoil: Callable[[bytes], bytes] = lambda reply: reply) -> None:
        self.loader, self._spoil = loader, spoil
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "PtyServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for descriptor in (self._master, self._slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _serve(self) -> None:
        while not self._stop.is_set():
            ready, _, _ = select.select([self._master], [], [], 0.05)
            if not ready:
                continue
            try:
                reply = self._spoil(self.loader.receive(os.read(self._master, 4096)))
                if reply:
                    os.write(self._master, reply)
            except PowerCutError:
                return
            except OSError as error:
                if error.errno != errno.EIO:
                    raise


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--link", type=Path, required=True, help="name of the port")
    parser.add_argument("--dump", type=Path, help="write the flash here at the end")
    parser.add_argument("--flip", type=lambda text: int(text, 0), help="an address whose byte reads back wrong")
    parser.add_argument("--part", type=lambda text: int(text, 0), default=0x413, help="product id")
    given = parser.parse_args()
    loader = BootLoader(product_id=given.part)
    if given.flip is not None:
        loader.stuck[given.flip] = 0x01
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with PtyServer(loader) as server:
        given.link.unlink(missing_ok=True)
        given.link.symlink_to(server.port)
        try:
            while True:
                time.sleep(1)
                if loader.running_from is not None:
                    loader.reset()  # somebody holds BOOT0 and presses reset
        except KeyboardInterrupt:
            if given.dump:
                given.dump.write_bytes(loader.flash)
            given.link.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
