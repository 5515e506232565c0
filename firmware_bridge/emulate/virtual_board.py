"""Words of fragments -> a board on a pseudo-terminal that delivers them as a real one does."""

import os
import random
import select
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from firmware_bridge.clock import elapsed_s
from firmware_bridge.emulate.board_memory import BoardMemory, Unprovisioned
from firmware_bridge.emulate.noisy_line import NoisyLine
from firmware_bridge.link.errors import PortBusyError
from firmware_bridge.link.terminal import open_terminal, publish
from firmware_bridge.link.transport import BAUD_RATE
from firmware_bridge.session.board import NOTHING, BoardSession, BoardState
from firmware_bridge.session.questions import Network
from firmware_bridge.wire import messages as wire
from firmware_bridge.wire.errors import PixelsError
from firmware_bridge.wire.messages import Kind

Word = npt.NDArray[np.uint8]
Times = tuple[int | None, int | None]
"""A symbol's duration_ms and pause_ms, as FragmentReceived has them."""

BITS_PER_BYTE = 10
"""A start bit, eight data bits and a stop bit."""

MODEL = "virtual"
FIRMWARE = "virtual-0.1.0"
POLL_S = 0.5
LOOP_S = 0.002
READ_BYTES = 4096

OUTBOX_WORDS = 2
"""Words in the outbox: one waits for its acknowledgement while the next is sent, so that the line does not pause."""


@dataclass(frozen=True)
class Sent:
    """A word that the board began to deliver: its session and number, and its place in the list given."""

    session: int
    word: int
    place: int


class VirtualBoard:
    """A board in a thread that waits for a host on its pty, then writes words until all are acknowledged.

    words  what it sends, each word uint8 [T, 33, 33]; PixelsError if one is not
    times  when each symbol of each word was written; None if the board does not know
    baud_rate  the pace from board to host; None is as fast as the host reads
    loss, corrupt  shares of the frames that vanish or are damaged, in both directions, drawn with `seed`
    link  a path that always leads to the current pty, as a device name leads to the same USB plug
    network  what the board runs when a host asks; None if it cannot
    memory  its key and the counter of its starts; None is a board without a key
    waits  whether it writes only while a host listens; else words may be old when a host comes

    `unplug` and `start` pull and plug the cable: session and words stay. `kill` and `start` cut and restore the power:
    a new session begins, and the word under way is lost. The context manager starts the board and kills it.
    """

    def __init__(
        self,
        words: Sequence[Word],
        *,
        times: Sequence[Sequence[Times]] | None = None,
        kind: Kind = Kind.PEN,
        pixel_bits: int = 1,
        board: str | None = None,
        baud_rate: int | None = BAUD_RATE,
        loss: float = 0.0,
        corrupt: float = 0.0,
        seed: int = 0,
        link: Path | None = None,
        network: Network | None = None,
        memory: BoardMemory | None = None,
        waits: bool = True,
    ) -> None:
        for word in words:
            _check_word(word)
        self.path: str | None = None
        """The path where a host finds the board; None while it is unplugged or off."""
        self.acknowledged: list[Sent] = []
        """The words delivered, in order."""
        self.lost: list[Sent] = []
        """The words that were lost in power cuts."""
        self._words = words
        self._times = times or [[(None, None)] * len(word) for word in words]
        self._waiting = deque(range(len(words)))
        self._written: deque[Sent] = deque()
        self._info = wire.Info(
            wire.PROTOCOL_HASH, 0, 0, 0, kind, pixel_bits, board or name_of(kind), MODEL, FIRMWARE, b""
        )
        self._byte_s = BITS_PER_BYTE / baud_rate if baud_rate else 0.0
        rng = random.Random(seed)
        self._noise_out, self._noise_in = NoisyLine(loss, corrupt, rng), NoisyLine(loss, corrupt, rng)
        self._waits = waits
        self._link = link
        self._network = network
        self._memory = memory or Unprovisioned()
        self._head = NOTHING
        self._session: BoardSession | None = None
        self._thread: threading.Thread | None = None
        self._wake: tuple[int, int] | None = None
        self._done = threading.Event()

    def __enter__(self) -> "VirtualBoard":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> str:
        """Power on, or plug in again; return the path where the board is now."""
        if self._thread is not None:
            assert self.path is not None
            return self.path
        if self._session is None:
            key, session = self._memory.start()
            self._info = replace(self._info, session=session)
            self._session = BoardSession(
                self._info,
                elapsed_s(),
                key=key,
                capacity_words=OUTBOX_WORDS,
                capacity_fragments=OUTBOX_WORDS * wire.MAX_WORD_FRAGMENTS,
                network=self._network,
                head=self._head,
                keep_head=self._keep_head,
            )
        master, slave = open_terminal()
        try:
            self.path = publish(os.ttyname(slave), self._link)
        except PortBusyError:
            os.close(master)
            os.close(slave)
            raise
        self._wake = os.pipe()
        arguments = (self._session, master, slave, self._wake[0])
        self._thread = threading.Thread(target=self._run, args=arguments, name="virtual-board", daemon=True)
        self._thread.start()
        return self.path

    def _keep_head(self, head: bytes) -> bool:
        self._head = head
        return True

    def unplug(self) -> None:
        """Pull the cable: the port vanishes, the board keeps its session and its words."""
        if self._thread is None or self._wake is None:
            return
        os.write(self._wake[1], b"x")
        self._thread.join()
        for descriptor in self._wake:
            os.close(descriptor)
        self._thread = self._wake = self.path = None

    def kill(self) -> None:
        """Cut the power: the port vanishes, and the word under way, if there is one, is lost."""
        self.unplug()
        session, self._session = self._session, None
        if session is None:
            return
        if session.under_way is not None and self._written:
            self.lost.append(self._written.popleft())
        self._waiting.extendleft(sent.place for sent in reversed(self._written))
        self._written.clear()
        self._settle()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait, at most `timeout_s`, until every word was acknowledged or lost; return whether all were."""
        return self._done.wait(timeout_s)

    @property
    def pending(self) -> int:
        """How many words are neither acknowledged nor lost."""
        return len(self._words) - len(self.acknowledged) - len(self.lost)

    @property
    def spoiled(self) -> tuple[int, int]:
        """How many frames were lost or damaged so far: from board to host, and from host to board."""
        up, down = self._noise_out, self._noise_in
        return up.lost + up.corrupted, down.lost + down.corrupted

    def statistics(self) -> wire.Statistics | None:
        """Return the board's own counters; None while it has no power."""
        return None if self._session is None else self._session.statistics(elapsed_s())

    def _run(self, session: BoardSession, master: int, slave: int, wake: int) -> None:
        """Run the board's main loop until it is woken by `wake`.

        The slave end stays open here, or the pty would fail whenever no host has it open.
        """
        try:
            self._write_words(session)
            outgoing: bytes | None = None
            free_s = 0.0
            while True:
                now_s = elapsed_s()
                if outgoing is None and (frame := session.next_frame(now_s)):
                    # A UART's buffer bridges the time that this loop takes to come round.
                    began_s = free_s if now_s - free_s < LOOP_S else now_s
                    free_s = began_s + len(frame) * self._byte_s
                    outgoing = self._noise_out.carry(frame)
                due = outgoing is not None and now_s >= free_s
                limit_s = free_s if outgoing is not None else session.wake_s()
                timeout_s = POLL_S if due else min(max(limit_s - now_s, 0.0), POLL_S)
                readable, writable, _ = select.select([master, wake], [master] if due else [], [], timeout_s)
                if wake in readable:
                    return
                if master in readable:
                    session.receive(self._noise_in.carry(os.read(master, READ_BYTES)), elapsed_s())
                    self._settle()
                    self._write_words(session)
                if writable and outgoing is not None:
                    outgoing = outgoing[os.write(master, outgoing) :] or None
        finally:
            if self._link is not None:
                self._link.unlink(missing_ok=True)
            os.close(master)
            os.close(slave)

    def _write_words(self, session: BoardSession) -> None:
        heard = session.state is BoardState.CONNECTED
        while (heard or not self._waits) and self._waiting and len(self._written) < OUTBOX_WORDS:
            place = self._waiting.popleft()
            self._written.append(Sent(self._info.session, session.start_word(elapsed_s()), place))
            for pixels, times in zip(self._words[place], self._times[place], strict=True):
                session.add_fragment(pixels, *times)
            session.end_word(elapsed_s())

    def _settle(self) -> None:
        """Move the words that the host has acknowledged to `acknowledged`."""
        kept = self._session.unacknowledged() if self._session is not None else []
        while self._written and self._written[0].word not in kept:
            self.acknowledged.append(self._written.popleft())
        if self.pending == 0:
            self._done.set()


def name_of(kind: Kind) -> str:
    """Return the default name of a virtual board of that kind."""
    return f"virtual-{kind.name.lower()}"


def _check_word(word: Word) -> None:
    if word.dtype != np.uint8 or word.shape[1:] != (wire.SIDE, wire.SIDE) or len(word) > wire.MAX_WORD_FRAGMENTS:
        expected = f"uint8 [up to {wire.MAX_WORD_FRAGMENTS}, {wire.SIDE}, {wire.SIDE}]"
        raise PixelsError(f"a word is {expected}, not {word.dtype} {list(word.shape)}")
