"""A port's name -> the events of the board on it, across unplugging, resets and noise."""

import contextlib
import math
import os
import secrets
import time
from collections.abc import Callable, Generator, Iterator
from types import TracebackType

from firmware_bridge.clock import elapsed_s
from firmware_bridge.errors import BridgeError
from firmware_bridge.link.ports import AUTO, PortInfo, find_board, find_plug, plug_of
from firmware_bridge.link.transport import BAUD_RATE, SerialTransport
from firmware_bridge.session.errors import (
    AuthenticationError,
    KeyMissingError,
    LinkError,
    NoAnswerError,
    PixelDepthError,
    ProtocolMismatchError,
)
from firmware_bridge.session.events import BoardFault, Connected, Event, LinkLost, LinkNotice, Statistics, WordEnded
from firmware_bridge.session.host import Delivered, HostSession
from firmware_bridge.trust.board_keys import KeyStore
from firmware_bridge.trust.errors import KeyStoreError
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.framing import FrameCounters

RETRY_S = 0.25
POLL_S = 0.5
SLOW_CONSUMER_S = 0.05

NOTICE_AGAIN_S = 60.0
"""A notice of one kind is not given again before so many seconds have passed."""

_HOPELESS = (KeyStoreError, PixelDepthError)
"""What no other try mends: this user's own keys, and what a proved board is."""

_NOBODY = "nothing answered before the idle timeout: is it a pen or camera board? `inkgate ports` lists the ports"

SETTLE_S = 0.5
"""Time for the last acknowledgement to get through.

It is sent at once and again whenever the board repeats its frame, first after 0.15 s. On a line that loses one frame in
ten it fails once in a thousand times.
"""


def open_link(
    port: str,
    *,
    keys: KeyStore | None = None,
    allow_unauthenticated: bool = False,
    pixel_bits: int | None = None,
    baud_rate: int = BAUD_RATE,
    idle_timeout_s: float | None = None,
    connect_patience_s: float | None = 0.0,
    reconnect_patience_s: float | None = None,
    delivered: Delivered | None = None,
    alive: Callable[[bool], None] | None = None,
    persistent: bool = False,
) -> "Link":
    """Return a link to the board on `port`; the port is opened by `Link.events`.

    port                  a device, a pty, `socket://host:port`, `rfc2217://host:port`, or `auto` for the one known
                          board. What was there over USB is found again under another name, too.
    keys                  the store of the boards' keys; None: the user's own store.
    allow_unauthenticated accept a board without a key, although anybody on the line can write in its place. A board
                          whose key is known must still prove it.
    pixel_bits            refuse a board that sends another depth (PixelDepthError); None: accept any.
    idle_timeout_s        end `events()` when nothing but statistics has come for this time; None: never.
    connect_patience_s    how long to try before the first connection; 0: try once; None: for ever.
    reconnect_patience_s  how long to try after a loss; None: for ever.
    delivered             by board, the last word (session, word) that was journalled: up to it no word comes again.
    alive                 called after each look at the line, at least every few seconds while the consumer asks for
                          events; its argument says whether a port is open.
    persistent            go on when a board is refused, with a LinkNotice, at most once a minute for each kind of
                          refusal. Before the first connection connect_patience_s ends that, and what no other try can
                          mend ends it at once: keys that cannot be read, a proved board of another depth.
    """
    return Link(
        port,
        keys=keys or KeyStore(),
        allow_unauthenticated=allow_unauthenticated,
        pixel_bits=pixel_bits,
        baud_rate=baud_rate,
        idle_timeout_s=idle_timeout_s,
        patience_s=(connect_patience_s, reconnect_patience_s),
        delivered=delivered or {},
        alive=alive,
        persistent=persistent,
    )


class Link:
    """A link to a board that reconnects by itself, as `open_link` returns it. A context manager.

    `events()` may be called again after it has ended. If the block ends without an exception, the last event is taken
    care of and is acknowledged. If it ends by an exception, the last event is not acknowledged, and the board sends the
    word again.
    """

    def __init__(
        self,
        port: str,
        *,
        keys: KeyStore,
        allow_unauthenticated: bool,
        pixel_bits: int | None,
        baud_rate: int,
        idle_timeout_s: float | None,
        patience_s: tuple[float | None, float | None],
        delivered: Delivered,
        alive: Callable[[bool], None] | None = None,
        persistent: bool = False,
        clock: Callable[[], float] = elapsed_s,
    ) -> None:
        self.port = port
        self.counters = FrameCounters()
        """Counts of frames received, intact and damaged, over all connections."""
        self._keys = keys
        self._allow_unauthenticated = allow_unauthenticated
        self._pixel_bits = pixel_bits
        self._baud_rate = baud_rate
        self._idle_timeout_s = idle_timeout_s
        self._connect_patience_s, self._reconnect_patience_s = patience_s
        self._delivered = dict(delivered)
        self._alive = alive or (lambda _: None)
        self._clock = clock
        self._persistent = persistent
        self._plug: PortInfo | None = None
        self._connected_ever = False
        self._told_s: dict[str, float] = {}
        self._head = bytes(wire.HEAD_BYTES)
        self._transport: SerialTransport | None = None
        self._session: HostSession | None = None
        self._active_s = 0.0

    def __enter__(self) -> "Link":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._settle()
        finally:
            self.close()

    def close(self) -> None:
        """Close the port. The last event stays unacknowledged."""
        if self._transport is not None:
            self._transport.close()
        self._transport = self._session = None

    def remember(self, head: bytes) -> None:
        """Have the board remember, under its key, how the last hash of this host's journal begins: 16 bytes.

        It is told with every acknowledgement from the next one on, until this connection ends: the board that comes
        then says first what it remembers.
        """
        self._head = head

    def events(self) -> Generator[Event, None, None]:
        """Yield Connected, then what the board sends; after a loss LinkLost, then Connected again.

        Asking for the next event acknowledges the one before, so journal an event first. Ends by idle timeout only.

        - When patience is exhausted, the BridgeError of the last try is raised; at the idle timeout too, if no board
          was ever connected.
        - Unless the link is persistent, what trying again does not cure is raised at once: ProtocolMismatchError,
          PixelDepthError, AuthenticationError and KeyStoreError.
        """
        self._active_s = trying_since_s = self._clock()
        patience_s = self._connect_patience_s
        problem: BridgeError | None = None
        while True:
            connected = False
            try:
                for event in self._converse():
                    connected = connected or isinstance(event, Connected)
                    yield event
                self.close()
                if self._connected_ever:
                    return
                problem = problem or self._named(NoAnswerError(_NOBODY))
            except (ProtocolMismatchError, PixelDepthError, AuthenticationError, KeyStoreError) as refusal:
                problem = self._explained(refusal)
                if not self._persistent or (not self._connected_ever and isinstance(refusal, _HOPELESS)):
                    raise problem from refusal
                yield from self._notice(type(problem).__name__, f"refused: {problem}")
            except BridgeError as error:
                problem = self._named(error)
            self.close()
            self._alive(False)
            if connected:
                yield LinkLost(str(problem))
                self._active_s = trying_since_s = self._clock()
                patience_s = self._reconnect_patience_s
            elif patience_s is not None and self._clock() - trying_since_s >= patience_s:
                raise problem
            if self._idle_left_s() <= 0:
                if not self._connected_ever:
                    raise problem
                return
            time.sleep(RETRY_S)

    def _converse(self) -> Iterator[Event]:
        """Open the port and yield the events of one connection.

        Returns by idle timeout; whatever else ends the connection is a BridgeError.
        """
        self.close()
        self._head = bytes(wire.HEAD_BYTES)  # what is there now may be another board: it is asked before it is told
        keys = self._keys.load()
        where, moved = self._where()
        transport = SerialTransport(where, self._baud_rate)
        self._plug = plug_of(where) or self._plug
        session = HostSession(
            secrets.token_bytes(wire.NONCE_BYTES),
            self._clock(),
            keys=keys,
            allow_unauthenticated=self._allow_unauthenticated,
            pixel_bits=self._pixel_bits,
            delivered=self._delivered,
            counters=self.counters,
            patient=self._persistent,
        )
        self._transport, self._session = transport, session
        if moved:
            yield from self._notice(where, f"what was at {self.port} is at {where} now")
        while True:
            # Read before looking at the clock: after a slow consumer the signs of life wait in the port's buffer.
            timeout_s = min(session.wake_s() - self._clock(), self._idle_left_s(), POLL_S)
            data = transport.read(timeout_s)
            self._alive(True)
            session.receive(data, self._clock())
            self._send(session, transport)
            yield from self._tell(session)
            yield from self._hand_out(session, transport)
            self._send(session, transport)
            if session.failure is not None:
                raise session.failure
            if self._idle_left_s() <= 0:
                return

    def _hand_out(self, session: HostSession, transport: SerialTransport) -> Iterator[Event]:
        """Yield every event that is ready.

        `session` learns that an event is consumed when the consumer asks for the next one.
        """
        while (event := session.next_event(self._clock())) is not None:
            self._connected_ever = self._connected_ever or isinstance(event, Connected)
            if isinstance(event, Connected) and event.info.authenticated:
                self._keys.note(event.info.board, event.info.session)
            elif isinstance(event, Connected):
                self._keys.get(event.info.board)  # one whose key is here, but damaged, is not taken without it
            handed_s = self._clock()
            yield event
            now_s = self._clock()
            if not isinstance(event, Statistics):
                self._active_s = now_s
            if session.info is not None and isinstance(event, WordEnded | BoardFault) and event.word is not None:
                self._delivered[session.info.board] = (event.session, event.word)
            if now_s - handed_s > SLOW_CONSUMER_S:
                # Neither end must take the other for gone because the consumer is busy.
                session.receive(transport.read(0.0), now_s)
                self._send(session, transport)

    def _where(self) -> tuple[str, bool]:
        """Return the path to open, and whether what was there last is now under another name."""
        found = find_plug(self._plug) if self._plug is not None else None
        if found is None or os.path.realpath(found) == os.path.realpath(self.port):
            return (find_board() if self.port == AUTO else self.port), False
        return found, self.port != AUTO

    def _tell(self, session: HostSession) -> Iterator[LinkNotice]:
        """Say that the line alters frames, and that somebody was refused beside the board."""
        if session.alteration is not None:
            told = f"{self.port}: {session.alteration.value.format(port=self.port)}"
            yield from self._notice(session.alteration.name, told, altered=True)
        if session.refusal is not None and session.info is not None:
            problem = session.refusal.at(self.port)
            yield from self._notice(type(problem).__name__, f"refused, beside the board: {problem}")

    def _notice(self, kind: str, text: str, *, altered: bool = False) -> Iterator[LinkNotice]:
        """Yield the notice, unless one of its kind was given less than NOTICE_AGAIN_S ago."""
        if self._clock() - self._told_s.get(kind, -math.inf) >= NOTICE_AGAIN_S:
            self._told_s[kind] = self._clock()
            yield LinkNotice(text, altered)

    def _explained(self, refusal: BridgeError) -> BridgeError:
        """Return the refusal with the port's name; of a key that is here, but damaged, what is wrong with it."""
        session = self._session
        if isinstance(refusal, KeyMissingError) and session is not None and session.said is not None:
            try:
                self._keys.get(session.said.board)
            except KeyStoreError as damaged:
                return damaged
        return self._named(refusal)

    def _settle(self) -> None:
        """Acknowledge the last event without taking another, for SETTLE_S or until the line fails."""
        session, transport = self._session, self._transport
        if session is None or transport is None:
            return
        session.settle()
        end_s = self._clock() + SETTLE_S
        with contextlib.suppress(BridgeError):
            # A clock that jumps must not make it wait for long.
            while session.failure is None and 0.0 < (left_s := end_s - self._clock()) <= SETTLE_S:
                self._send(session, transport)
                session.receive(transport.read(left_s), self._clock())

    def _send(self, session: HostSession, transport: SerialTransport) -> None:
        session.head = self._head
        while frame := session.next_frame(self._clock()):
            transport.write(frame)

    def _idle_left_s(self) -> float:
        if self._idle_timeout_s is None:
            return float("inf")
        return self._active_s + self._idle_timeout_s - self._clock()

    def _named(self, error: BridgeError) -> BridgeError:
        """Return the error with the port's name in it; only a session's error lacks it."""
        return error.at(self.port) if isinstance(error, LinkError) else error
