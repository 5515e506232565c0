"""Both ends of the line in simulated time, at 115200 baud and over noise: what arrives, and how fast."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from firmware_bridge.emulate.noisy_line import NoisyLine
from firmware_bridge.session.board import BoardSession
from firmware_bridge.session.events import FragmentReceived, WordEnded, WordStarted
from firmware_bridge.session.host import HostSession
from firmware_bridge.trust.board_keys import BoardKey
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.pixels import Pixels

INFO = wire.Info(wire.PROTOCOL_HASH, 77, 0, 0, wire.Kind.PEN, 1, "pen-1", "virtual", "1.2.3", b"")
BYTE_S = 10 / 115_200
STEP_S = 0.001
LATENCY_S = 0.016
"""The timer of a USB-serial adapter, the slowest part of a real line."""


def pixels(seed: int) -> Pixels:
    return (np.random.default_rng(seed).random((33, 33)) < 0.3).astype(np.uint8) * np.uint8(255)


class Simulation:
    """A board and a host on a noisy 115200-baud line with an adapter's latency, in steps of 1 ms."""

    def __init__(
        self,
        words: int,
        length: int,
        loss: float = 0.0,
        corrupt: float = 0.0,
        bits: int = 1,
        key: bytes | None = bytes(range(32)),
    ) -> None:
        self.now_s = 0.0
        self.board = BoardSession(replace(INFO, pixel_bits=bits), 0.0, key=key, capacity_words=3)
        self.host = HostSession(
            bytes(16), 0.0, keys={INFO.board: BoardKey(key)} if key else {}, allow_unauthenticated=key is None
        )
        self.words = [[pixels(1000 * word + index) for index in range(length)] for word in range(words)]
        self.got: list[list[Pixels]] = []
        self.open: list[Pixels] = []
        self._written = 0
        rng = random.Random(5)
        self._up, self._down = NoisyLine(loss, corrupt, rng), NoisyLine(loss, corrupt, rng)
        self._to_host: list[tuple[float, bytes]] = []
        self._to_board: list[tuple[float, bytes]] = []
        self._board_free_s = self._host_free_s = 0.0

    def run(self, limit_s: float) -> float:
        """Run until the board has nothing left; return the time that took. Fails beyond `limit_s`."""
        while self._written < len(self.words) or self.board.unacknowledged():
            assert self.now_s < limit_s, f"not done: {len(self.got)} words, {self.host.failure}"
            self.step()
        return self.now_s

    def step(self) -> None:
        self._write()
        if self.now_s >= self._board_free_s and (frame := self.board.next_frame(self.now_s)):
            self._board_free_s = self.now_s + len(frame) * BYTE_S
            self._to_host.append((self._board_free_s + LATENCY_S, self._up.carry(frame)))
        if self.now_s >= self._host_free_s and (frame := self.host.next_frame(self.now_s)):
            self._host_free_s = self.now_s + len(frame) * BYTE_S
            self._to_board.append((self._host_free_s, self._down.carry(frame)))
        while self._to_host and self._to_host[0][0] <= self.now_s:
            self.host.receive(self._to_host.pop(0)[1], self.now_s)
        while self._to_board and self._to_board[0][0] <= self.now_s:
            self.board.receive(self._to_board.pop(0)[1], self.now_s)
        while (event := self.host.next_event(self.now_s)) is not None:
            self._take(event)
        self.now_s += STEP_S

    def _write(self) -> None:
        while self._written < len(self.words) and len(self.board.unacknowledged()) < 3:
            self.board.start_word(self.now_s)
            for fragment in self.words[self._written]:
                self.board.add_fragment(fragment)
            self.board.end_word(self.now_s)
            self._written += 1

    def _take(self, event: object) -> None:
        if isinstance(event, WordStarted):
            self.open = []
        elif isinstance(event, FragmentReceived):
            assert event.index == len(self.open)
            self.open.append(event.pixels)
        elif isinstance(event, WordEnded):
            self.got.append(self.open)

    def all_right(self) -> bool:
        return len(self.got) == len(self.words) and all(
            np.array_equal(got, word) for got, word in zip(self.got, self.words, strict=True)
        )


@pytest.mark.parametrize("bits", [1, 8])
@pytest.mark.parametrize(("loss", "corrupt"), [(0.1, 0.0), (0.0, 0.1), (0.2, 0.1)])
def test_every_word_arrives_once_in_order_and_right_over_a_bad_line(loss: float, corrupt: float, bits: int) -> None:
    simulation = Simulation(words=12, length=6, loss=loss, corrupt=corrupt, bits=bits)
    simulation.run(limit_s=200)
    assert simulation.all_right()


@pytest.mark.parametrize("key", [None, bytes(range(32))], ids=["without-key", "with-key"])
def test_goodput_at_ten_percent_loss_is_at_least_60_percent_of_lossless(key: bytes | None) -> None:
    clean = Simulation(words=60, length=8, key=key).run(limit_s=60)
    lossy = Simulation(words=60, length=8, loss=0.1, key=key)
    time_s = lossy.run(limit_s=60)
    assert lossy.all_right()
    print(f"goodput at 10 % loss each way: {clean / time_s:.3f} of lossless")
    assert clean / time_s >= 0.6


@pytest.mark.parametrize("key", [None, bytes(range(32))], ids=["without-key", "with-key"])
def test_at_least_58_fragments_a_second_pass_at_115200_baud(key: bytes | None) -> None:
    simulation = Simulation(words=40, length=10, key=key)
    rate_hz = 400 / simulation.run(limit_s=60)
    print(f"1-bit fragments a second at 115200 baud: {rate_hz:.1f}")
    assert rate_hz >= 58


def test_nothing_is_due_before_the_time_that_an_end_names() -> None:
    simulation = Simulation(words=3, length=4, loss=0.2)
    while simulation.now_s < 3.0:
        simulation.step()
        for end in (simulation.host, simulation.board):
            while end.next_frame(simulation.now_s):
                pass
            assert end.wake_s() > simulation.now_s
