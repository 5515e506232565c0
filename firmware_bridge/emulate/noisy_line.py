"""Frames on a line -> what noise leaves of them, drawn from a seeded generator."""

import random

from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.framing import DELIMITER

MAX_HITS = 4
"""The most bytes that are changed in a corrupted frame; the fewest is 1."""


class NoisyLine:
    """One direction of a line that loses and corrupts whole frames, each with its own probability."""

    def __init__(self, loss: float, corrupt: float, rng: random.Random) -> None:
        self.lost = 0
        self.corrupted = 0
        self._loss = loss
        self._corrupt = corrupt
        self._rng = rng
        self._partial = b""

    def carry(self, data: bytes) -> bytes:
        """Return what arrives of `data`.

        A frame is held back until its delimiter has come, because frames are spoiled whole.
        """
        *frames, self._partial = (self._partial + data).split(DELIMITER)
        arrived = b"".join(self._spoil(frame + DELIMITER) for frame in frames)
        if len(self._partial) > wire.MAX_WIRE_BYTES:
            arrived, self._partial = arrived + self._partial, b""
        return arrived

    def _spoil(self, frame: bytes) -> bytes:
        fate = self._rng.random()
        if fate < self._loss:
            self.lost += 1
            return b""
        if fate >= self._loss + self._corrupt:
            return frame
        self.corrupted += 1
        spoiled = bytearray(frame)
        for place in self._rng.sample(range(len(frame)), min(len(frame), self._rng.randint(1, MAX_HITS))):
            spoiled[place] ^= self._rng.randint(1, 255)
        return bytes(spoiled)
