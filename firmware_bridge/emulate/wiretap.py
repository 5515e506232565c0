"""The bytes on a board's line, both ways -> what it has delivered; needs no key; sans-IO."""

import contextlib
from dataclasses import dataclass

from firmware_bridge.session.exchange import split_frame
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.errors import WireError
from firmware_bridge.wire.framing import FrameReceiver


@dataclass(frozen=True)
class Delivered:
    """A word that the host has acknowledged."""

    session: int
    word: int


class Wiretap:
    """A listener that is fed what arrives at either end of a line.

    info  the board's last INFO
    connected  whether the host has answered it
    delivered  the words that the host has acknowledged, in order
    faults  the faults that the board reported, each with its session
    """

    def __init__(self) -> None:
        self.info: wire.Info | None = None
        self.connected = False
        self.delivered: list[Delivered] = []
        self.faults: list[tuple[int, wire.Error]] = []
        self.statistics: wire.Statistics | None = None
        """The last counters that the board sent in its current session."""
        self._from_board, self._from_host = FrameReceiver(), FrameReceiver()
        self._token = 0
        self._ends: dict[int, Delivered] = {}
        self._seen: set[int] = set()

    def forget(self) -> None:
        """Forget the connection after a reset: no host is connected until the board has sent INFO again."""
        self.connected, self._token = False, -1
        self.statistics = None
        self._ends.clear()

    def board_says(self, data: bytes) -> None:
        """Take bytes that the board has sent."""
        for content in self._from_board.feed(data):
            with contextlib.suppress(WireError):
                self._from_board_frame(*split_frame(content))

    def host_says(self, data: bytes) -> None:
        """Take bytes that have arrived at the board."""
        for content in self._from_host.feed(data):
            with contextlib.suppress(WireError):
                header, payload = split_frame(content)
                if header.message == wire.Acknowledge.ID and header.connection == self._token and self.info is not None:
                    self.connected = True
                    self._acknowledged(wire.Acknowledge.decode(self._bare(payload)).consumed)

    def _from_board_frame(self, header: wire.Header, payload: bytes) -> None:
        if header.message == wire.Info.ID:
            info = wire.Info.decode(payload)
            token = header.connection ^ info.number
            if token != self._token:
                self.connected = False
                self._ends.clear()
                self._seen.clear()
            if self.info is not None and self.info.session != info.session:
                self.statistics = None
            self.info, self._token = info, token
        elif header.connection != self._token or self.info is None:
            return
        elif header.message == wire.End.ID:
            self._ends[header.sequence] = Delivered(self.info.session, wire.End.decode(self._bare(payload)).word)
        elif header.message == wire.Error.ID and header.sequence not in self._seen:
            self._seen.add(header.sequence)
            self.faults.append((self.info.session, wire.Error.decode(self._bare(payload))))
        elif header.message == wire.Statistics.ID:
            self.statistics = wire.Statistics.decode(self._bare(payload))

    def _bare(self, payload: bytes) -> bytes:
        """Return the payload without its tag, which only the two ends can check."""
        return payload[: -wire.TAG_BYTES] if self.info is not None and self.info.tag else payload

    def _acknowledged(self, consumed: int) -> None:
        for sequence in sorted(self._ends):
            if sequence < consumed:
                word = self._ends.pop(sequence)
                if word not in self.delivered:
                    self.delivered.append(word)
