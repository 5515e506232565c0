"""The bytes on a board's line, both ways, and its key -> what it has delivered; sans-IO."""

import contextlib
from dataclasses import dataclass, replace

from firmware_bridge.session.exchange import split_frame
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import sealing
from firmware_bridge.wire.errors import WireError
from firmware_bridge.wire.framing import FrameReceiver


@dataclass(frozen=True)
class Delivered:
    """A word that the host has acknowledged."""

    session: int
    word: int


class Wiretap:
    """A listener that is fed what arrives at either end of a line.

    It has the board's key, None if there is none. Without the key it learns of a board that has one no more than that a
    host is connected.

    info  the board's last INFO
    connected  whether the host has answered it
    delivered  the words that the host has acknowledged, in order
    faults  the faults that the board reported, each with its session
    """

    def __init__(self, key: bytes | None = None) -> None:
        self.info: wire.Info | None = None
        self.connected = False
        self.delivered: list[Delivered] = []
        self.faults: list[tuple[int, wire.Error]] = []
        self.statistics: wire.Statistics | None = None
        """The last counters that the board sent in its current session."""
        self._from_board, self._from_host = FrameReceiver(), FrameReceiver()
        self._key = key
        self._hello: tuple[int, wire.Hello] | None = None
        self._session_key: bytes | None = None
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
                self._from_board_frame(content)

    def host_says(self, data: bytes) -> None:
        """Take bytes that have arrived at the board."""
        for content in self._from_host.feed(data):
            with contextlib.suppress(WireError):
                header, payload = split_frame(content)
                if header.message == wire.Hello.ID:
                    self._hello = header.connection, wire.Hello.decode(payload)
                elif header.message == wire.Acknowledge.ID and header.connection == self._token and self.info:
                    self.connected = True
                    self._acknowledged(wire.Acknowledge.decode(self._plain(wire.FROM_HOST, content)).consumed)

    def _from_board_frame(self, content: bytes) -> None:
        header, payload = split_frame(content)
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
            if info.tag and self._key is not None and self._hello is not None and self._hello[0] == header.connection:
                self._session_key = sealing.session_key(self._key, *self._hello, replace(info, tag=b""))
        elif header.connection != self._token or self.info is None:
            return
        elif header.message == wire.End.ID:
            end = wire.End.decode(self._plain(wire.FROM_BOARD, content))
            self._ends[header.sequence] = Delivered(self.info.session, end.word)
        elif header.message == wire.Error.ID and header.sequence not in self._seen:
            fault = wire.Error.decode(self._plain(wire.FROM_BOARD, content))
            self._seen.add(header.sequence)
            self.faults.append((self.info.session, fault))
        elif header.message == wire.Statistics.ID:
            self.statistics = wire.Statistics.decode(self._plain(wire.FROM_BOARD, content))

    def _plain(self, sender: int, content: bytes) -> bytes:
        """Return a frame's payload. WireError if it is sealed with a key that is not known here."""
        if self.info is None or not self.info.provisioned:
            return content[wire.Header.SIZE :]
        plain = None if self._session_key is None else sealing.opened(self._session_key, sender, content)
        if plain is None:
            raise WireError("a frame is sealed with another key")
        return plain[wire.Header.SIZE :]

    def _acknowledged(self, consumed: int) -> None:
        for sequence in sorted(self._ends):
            if sequence < consumed:
                word = self._ends.pop(sequence)
                if word not in self.delivered:
                    self.delivered.append(word)
