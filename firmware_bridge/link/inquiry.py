"""A port's name and questions about a board's network -> the board's answers, or why there are none."""

import secrets
import time
from collections.abc import Callable
from types import TracebackType

from firmware_bridge.link.errors import PortMissingError
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
from firmware_bridge.wire.messages import Identify, Identity, Logits, Provision
from firmware_bridge.wire.pixels import Pixels


def greet(
    port: str, *, keys: KeyStore | None = None, connect_patience_s: float = 0.0
) -> tuple[BoardInfo, LinkError | None]:
    """Who answers on the port; with an error only what it says of itself, and why there is no talking to it."""
    try:
        with Inquiry(port, keys=keys, connect_patience_s=connect_patience_s) as inquiry:
            return inquiry.info, None
    except LinkError as error:
        if error.said is None:
            raise
        return error.said, error


class Inquiry:
    """One connection to the board on `port`, as `open_link` names ports, for questions alone: its words stay with it.

    A context manager. Whatever ends the connection is a BridgeError that names the port; it is not taken up again,
    because a board that was restarted in the middle is something to know. A board whose key is in `keys` (None: the
    user's own store) must prove it; one without a key may answer, and `info.authenticated` says so. `trust_anew`: a
    board that lost its key may answer too.
    """

    def __init__(
        self,
        port: str,
        *,
        keys: KeyStore | None = None,
        trust_anew: bool = False,
        baud_rate: int = BAUD_RATE,
        connect_patience_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect; a port that is not there may come within the patience."""
        self.port = port
        self._counters = FrameCounters()
        self._clock = clock
        self._transport = self._open(baud_rate, connect_patience_s)
        try:
            store = keys or KeyStore()
            self._session = HostSession(
                secrets.token_bytes(wire.NONCE_BYTES),
                clock(),
                keys={} if trust_anew else store.load(),
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
        """Who answers."""
        assert self._session.info is not None
        return self._session.info

    @property
    def damaged_frames(self) -> int:
        """Frames that came and were not intact."""
        return self._counters.crc_errors + self._counters.cobs_errors + self._counters.oversize

    def identify(self) -> Identity:
        """Which network runs there, and on what."""
        answer = self._ask(Identify())
        assert isinstance(answer, Identity)
        return answer

    def provision(self, key: bytes) -> None:
        """Let the board keep the key, whose writing it down is the answer. CannotError if it has one already."""
        self._ask(Provision(key))

    def step(self, index: int, pixels: Pixels) -> bytes:
        """Fragment `index` of a word, uint8 [33, 33] -> the logits of it, int8; 0 begins a word."""
        for probe in probes(index, pixels, self.info.pixel_bits):
            answer = self._ask(probe)
        assert isinstance(answer, Logits)
        return answer.values

    def _ask(self, question: Question) -> Answer:
        self._session.ask(question, self._clock())
        self._until(lambda: self._session.answer is not None)
        assert self._session.answer is not None
        return self._session.answer

    def _until(self, done: Callable[[], bool]) -> None:
        """Go on talking until it is so."""
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
