"""An emulator with the real firmware, and handwriting or pictures -> a board on a pseudo-terminal."""

import contextlib
import os
import random
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import xor
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_bridge.build.settings import SETTINGS
from firmware_bridge.emulate.errors import EmulatorError
from firmware_bridge.emulate.noisy_line import NoisyLine
from firmware_bridge.emulate.qemu import Emulator
from firmware_bridge.emulate.virtual_board import BITS_PER_BYTE, READ_BYTES, Sent
from firmware_bridge.emulate.wiretap import Wiretap
from firmware_bridge.link.terminal import open_terminal, publish
from firmware_bridge.link.transport import BAUD_RATE
from firmware_bridge.session.exchange import SILENCE_S
from firmware_bridge.wire import messages as wire

Samples = npt.NDArray[np.uint16]
"""A word as the digitiser sees it: uint16 [T, 3] of x, y, pressure at 100 Hz.

From the word's first touch to the pause that ends it.
"""
Picture = npt.NDArray[np.uint8]
"""A word as the camera sees it: uint8 [240, 320] of grey, 0 is black."""

MARK = 0xA5
SAMPLE_S = 1 / SETTINGS["rate_hz"].default
AHEAD_WORDS = 2
"""The most words that are written ahead of their acknowledgement: a hand is not faster. Pictures go one by one."""
LOOP_S = 0.01
FRESH_S = SILENCE_S + 1.0
"""How long to wait for counters that include the last word; after that the board knows that its host has gone."""
_SLOW_BYTES = 64


def packets(samples: Samples) -> bytes:
    """Return the packets in which a digitiser sends these samples (boards/digitiser.h)."""
    heads = (bytes((MARK,)) + sample.astype("<u2").tobytes() for sample in samples)
    return b"".join(head + bytes((reduce(xor, head),)) for head in heads)


@dataclass
class _Pace:
    """The pace of a line: `byte_s` seconds per byte, free again at `free_s`."""

    byte_s: float
    free_s: float = 0.0

    def take(self, count: int, now_s: float) -> None:
        self.free_s = max(self.free_s, now_s) + count * self.byte_s


class EmulatedBoard:
    """A board in a running emulator that is written on as soon as a host is connected.

    words  what is written, one after the other: Samples for a pen board, Pictures for a camera board
    fast  whether the board goes as fast as it can, not at 115200 baud and 100 samples per second
    loss, corrupt  shares of the frames that vanish or are damaged, in both directions, drawn with `seed`
    link  a path that always leads to the current pty, as a device name leads to the same USB plug

    `unplug` and `start` pull and plug the cable. `reset` is the board's button: what it had not delivered is lost. The
    context manager starts the board, and closes it and its emulator.
    """

    def __init__(
        self,
        emulator: Emulator,
        words: Sequence[Samples | Picture],
        *,
        fast: bool = False,
        loss: float = 0.0,
        corrupt: float = 0.0,
        seed: int = 0,
        link: Path | None = None,
    ) -> None:
        self.path: str | None = None
        """The path where a host finds the board; None while it is unplugged."""
        self.problem: EmulatorError | None = None
        """The error that ended the writing, if one did."""
        self._emulator = emulator
        self._words = words
        self._fast = fast
        self._pace = _Pace(0.0 if fast else BITS_PER_BYTE / BAUD_RATE)
        rng = random.Random(seed)
        self._noise_out, self._noise_in = NoisyLine(loss, corrupt, rng), NoisyLine(loss, corrupt, rng)
        self._link = link
        self._tap = Wiretap(emulator.key)
        self._lock = threading.Lock()
        self._first_place: dict[int, int] = {}
        self._written = 0
        self._terminal: tuple[int, int] | None = None
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "EmulatedBoard":
        try:
            self.start()
        except BaseException:
            self._emulator.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> str:
        """Plug the cable in, for the first time or again; return the path where the board is now."""
        with self._lock:
            if self._terminal is None:
                master, slave = open_terminal()
                try:
                    self.path = publish(os.ttyname(slave), self._link)
                except BaseException:
                    os.close(master)
                    os.close(slave)
                    raise
                self._terminal = master, slave
        if not self._threads:
            self._threads = [threading.Thread(target=run, daemon=True) for run in (self._carry, self._write)]
            for thread in self._threads:
                thread.start()
        assert self.path is not None
        return self.path

    def unplug(self) -> None:
        """Pull the cable: the port vanishes, the board runs on."""
        with self._lock:
            if self._terminal is not None:
                for descriptor in self._terminal:
                    os.close(descriptor)
                if self._link is not None:
                    self._link.unlink(missing_ok=True)
            self._terminal = self.path = None

    def reset(self) -> None:
        """Press the board's reset button."""
        with self._lock:
            self._tap.forget()
        # Not under the lock: a board whose output nobody reads cannot be stopped, and reading it takes the lock.
        self._emulator.reset()

    def touch(self, packets: bytes) -> None:
        """Write on the digitiser by hand; call `wait_for_host` first.

        Packets that arrive before the board has started are lost.
        """
        self._emulator.touch(packets)

    def show(self, picture: Picture) -> None:
        """Put a picture before the camera, press its button, and wait until the board has fetched it."""
        self._emulator.show(picture.tobytes())

    def store(self) -> bytes:
        """Return the content of the store at the end of the board's flash."""
        return self._emulator.store()

    def wait_for_host(self, timeout_s: float = 30.0) -> bool:
        """Wait, at most `timeout_s`, for a host connected to the board's session; return whether one is."""
        end_s = time.monotonic() + timeout_s
        while not (connected := self._is_connected()) and time.monotonic() < end_s:
            time.sleep(LOOP_S)
        return connected

    def close(self) -> None:
        """Cut power and cable."""
        self._ended.set()
        self._emulator.close()
        for thread in self._threads:
            thread.join()
        self.unplug()

    def wait(self, timeout_s: float) -> bool:
        """Wait, at most `timeout_s`, until every word was delivered or reported as a fault.

        Returns whether every word was. Ends early if the emulator has ended, because nothing more can come.
        """
        end_s = time.monotonic() + timeout_s
        while not (done := self._told() >= len(self._words)) and time.monotonic() < end_s:
            if self._ended.wait(LOOP_S):
                break
        return done

    @property
    def acknowledged(self) -> list[Sent]:
        """The words delivered, in order, each with its place in the list given."""
        with self._lock:
            return [
                Sent(word.session, word.word, self._first_place.get(word.session, 0) + word.word - 1)
                for word in self._tap.delivered
            ]

    @property
    def faults(self) -> list[wire.Error]:
        """The faults that the board has reported, in order."""
        with self._lock:
            return [fault for _, fault in self._tap.faults]

    @property
    def spoiled(self) -> tuple[int, int]:
        """How many frames were lost or damaged so far: from board to host, and from host to board."""
        up, down = self._noise_out, self._noise_in
        return up.lost + up.corrupted, down.lost + down.corrupted

    def statistics(self) -> wire.Statistics | None:
        """Return the board's own counters, sent after the last delivered word; None if none arrive in time."""
        end_s = time.monotonic() + FRESH_S
        while (found := self._fresh_statistics()) is None and self._is_connected() and time.monotonic() < end_s:
            if self._ended.wait(LOOP_S):
                break
        return found

    def _fresh_statistics(self) -> wire.Statistics | None:
        with self._lock:
            found, info = self._tap.statistics, self._tap.info
            words = sum(info is not None and word.session == info.session for word in self._tap.delivered)
            return found if found is not None and found.words >= words else None

    def _is_connected(self) -> bool:
        with self._lock:
            return self._tap.connected

    def _told(self) -> int:
        with self._lock:
            return len(self._tap.delivered) + len(self._tap.faults)

    def _carry(self) -> None:
        """Carry bytes between emulator and pty, with the line's noise and pace, until the emulator ends."""
        plug = self._emulator.host
        plug.setblocking(False)
        outgoing: deque[bytes] = deque()
        incoming: deque[bytes] = deque()
        try:
            while not self._ended.is_set():
                with self._lock:
                    master = self._terminal[0] if self._terminal else None
                wait_s = min(max(0.0, self._pace.free_s - time.monotonic()), LOOP_S)
                watched = [plug] if wait_s == 0 and not outgoing else []
                # If the terminal is closed meanwhile, this round is in vain.
                with contextlib.suppress(ValueError):
                    ends: list[Any] = [] if master is None else [master]
                    full = [*(ends if outgoing else []), *([plug] if incoming else [])]
                    readable, _, _ = select.select([*watched, *ends], full, [], wait_s or LOOP_S)
                    with self._lock:
                        if plug in readable:
                            self._from_board(plug, outgoing)
                        if master in readable and not incoming:
                            self._from_host(incoming)
                        self._flush(outgoing)
                        self._feed(plug, incoming)
        except OSError:
            self._ended.set()

    def _from_board(self, plug: socket.socket, outgoing: deque[bytes]) -> None:
        data = plug.recv(READ_BYTES if self._fast else _SLOW_BYTES)
        if not data:
            raise OSError("the emulator has gone")
        before = self._tap.info
        self._tap.board_says(data)
        if self._tap.info is not None and (before is None or before.session != self._tap.info.session):
            self._first_place[self._tap.info.session] = self._written
        outgoing.append(self._noise_out.carry(data))
        self._pace.take(len(data), time.monotonic())

    def _from_host(self, incoming: deque[bytes]) -> None:
        if self._terminal is not None:
            with contextlib.suppress(OSError):  # nobody has the pty open
                arrived = self._noise_in.carry(os.read(self._terminal[0], READ_BYTES))
                self._tap.host_says(arrived)
                incoming.append(arrived)

    def _feed(self, plug: socket.socket, incoming: deque[bytes]) -> None:
        """Send the board as much as it takes.

        Never blocks: a board that waits for its output to be read would not read either, and both would wait for ever.
        """
        with contextlib.suppress(BlockingIOError):
            while incoming:
                incoming[0] = incoming[0][plug.send(incoming[0]) :]
                if not incoming[0]:
                    incoming.popleft()

    def _flush(self, outgoing: deque[bytes]) -> None:
        """Write to the pty as much as it takes; drop all while the cable is out."""
        if self._terminal is None:
            outgoing.clear()
        while outgoing and self._terminal is not None:
            try:
                sent = os.write(self._terminal[0], outgoing[0])
            except BlockingIOError:
                return
            outgoing[0] = outgoing[0][sent:]
            if not outgoing[0]:
                outgoing.popleft()

    def _write(self) -> None:
        """Write each word as soon as a host is connected and has received enough of the words before it."""
        try:
            for word in self._words:
                while not self._may_write(1 if word.dtype == np.uint8 else AHEAD_WORDS):
                    if self._ended.wait(LOOP_S):
                        return
                with self._lock:
                    self._written += 1
                self._write_word(word)
        except (OSError, EmulatorError) as error:
            self.problem = EmulatorError(f"the board takes no more writing: {error}")

    def _may_write(self, ahead: int) -> bool:
        with self._lock:
            session = self._tap.info.session if self._tap.info else None
            done = sum(word.session == session for word in self._tap.delivered)
            done += sum(at == session for at, _ in self._tap.faults)
            waiting = self._written - self._first_place.get(session, 0) - done if session is not None else 0
            return self._tap.connected and waiting < ahead

    def _write_word(self, word: Samples | Picture) -> None:
        if word.dtype == np.uint8:
            self.show(word.astype(np.uint8))
        elif self._fast:
            self._emulator.touch(packets(word.astype(np.uint16)))
        else:
            began_s = time.monotonic()
            for place in range(len(word)):
                self._emulator.touch(packets(word[place : place + 1].astype(np.uint16)))
                if self._ended.wait(max(0.0, began_s + (place + 1) * SAMPLE_S - time.monotonic())):
                    return
