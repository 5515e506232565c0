"""A port's name and questions to its board -> the board's answers, or why there are none."""

import secrets
import time
from collections.abc import Callable
from types import TracebackType

from firmware_bridge.link.errors import BoardForgetsError, PortMissingError
from firmware_bridge.link.link import POLL_S, RETRY_S
from firmware_bridge.link.ports import AUTO, find_board
from firmware_bridge.link.transport import BAUD_RATE, SerialTransport
from firmware_bridge.session.errors import LinkError
from firmware_bridge.session.events import BoardInfo
from firmware_bridge.session.host import HostSession
from firmware_bridge.session.questions import Answer, Question, probes
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.framing import FrameCounters
from firmware_bridge.wire.messages import Identify, Identity, Logits
from firmware_bridge.wire.pixels import Pixels

REMEMBER_S = 3.0
"""How long a board that was told a head may take to say so: its signs of life come every second."""


def greet(
    port: str, *, keys: KeyStore | None = None, connect_patience_s: float = 0.0
) -> tuple[BoardInfo, LinkError | None]:
    """Return the board that answers on the port, and None; or what it says of itself, and the error.

    With an error, nothing proves what the board says. If nothing has answered, the error is raised.
    """
    try:
        with Inquiry(port, keys=keys, connect_patience_s=connect_patience_s) as inquiry:
            return inquiry.info, None
    except LinkError as error:
        if error.said is None:
            raise
        return error.said, error


class Inquiry:
    """A connection to the board on `port` for questions alone; the board keeps its words.

    It is a context manager. Whatever ends the connection is a BridgeError that names the port. The connection is
    not renewed, because the caller must know that a board was restarted in between.

    - `port` is named as for `open_link`.
    - A board whose key is in `keys` (None: the user's own store) must prove it. A board without a key may answer;
      `info.authenticated` is then false.
    """

    def __init__(
        self,
        port: str,
        *,
        keys: KeyStore | None = None,
        baud_rate: int = BAUD_RATE,
        connect_patience_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect; wait up to `connect_patience_s` for a missing port."""
        self.port = port
        self._counters = FrameCounters()
        self._clock = clock
        self._transport = self._open(baud_rate, connect_patience_s)
        try:
            store = keys or KeyStore()
            self._session = HostSession(
                secrets.token_bytes(wire.NONCE_BYTES),
                clock(),
                keys=store.load(),
                allow_unauthenticated=True,
                counters=self._counters,
            )
            self._until(lambda: self._session.info is not None)
            if self.info.authenticated:
                store.note(self.info.board, self.info.session)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Inquiry":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the port back."""
        self._transport.close()

    @property
    def info(self) -> BoardInfo:
        """The board that answers."""
        assert self._session.info is not None
        return self._session.info

    @property
    def damaged_frames(self) -> int:
        """The number of frames that arrived damaged."""
        return self._counters.crc_errors + self._counters.cobs_errors + self._counters.oversize

    def identify(self) -> Identity:
        """Ask which network the board runs, and on what."""
        answer = self._ask(Identify())
        assert isinstance(answer, Identity)
        return answer

    def step(self, index: int, pixels: Pixels) -> bytes:
        """Ask for the outputs, int8, after fragment `index` of a word, uint8 [33, 33]; index 0 begins a word."""
        for probe in probes(index, pixels, self.info.pixel_bits):
            answer = self._ask(probe)
        assert isinstance(answer, Logits)
        return answer.values

    def remember(self, head: bytes) -> None:
        """Have the board remember how the last hash of this host's journal begins: 16 bytes, not all zero.

        BoardForgetsError if the board has no key, or cannot store it.
        """
        self._session.head = head
        limit_s = self._clock() + REMEMBER_S
        self._until(lambda: self._session.remembered == head or self._clock() >= limit_s)
        if self._session.remembered != head:
            why = "its flash cannot be written" if self.info.authenticated else "it has no key"
            raise BoardForgetsError(f"{self.port}: board {self.info.board} does not remember the journal: {why}")

    def _ask(self, question: Question) -> Answer:
        self._session.ask(question, self._clock())
        self._until(lambda: self._session.answer is not None)
        assert self._session.answer is not None
        return self._session.answer

    def _until(self, done: Callable[[], bool]) -> None:
        """Send and receive until `done`. Raises the session's failure, with the port's name."""
        session = self._session
        while not done():
            try:
                while frame := session.next_frame(self._clock()):
                    self._transport.write(frame)
                timeout_s = min(session.wake_s() - self._clock(), POLL_S)
                session.receive(self._transport.read(timeout_s), self._clock())
                if session.failure is not None:
                    raise session.failure
            except LinkError as error:
                error.said = session.said
                raise error.at(self.port) from error

    def _open(self, baud_rate: int, patience_s: float) -> SerialTransport:
        limit_s = self._clock() + patience_s
        while True:
            try:
                return SerialTransport(find_board() if self.port == AUTO else self.port, baud_rate)
            except PortMissingError:
                if self._clock() >= limit_s:
                    raise
            time.sleep(RETRY_S)
