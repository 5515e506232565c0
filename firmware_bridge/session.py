"""What both ends of the line share: the exchange, its times, and frames <-> messages; sans-IO.

    host                                              board
    HELLO, repeated until answered        ->
                                          <-          INFO: who it is, protocol hash, session, number
                                          <-          START FRAGMENT* END, numbered from 0, a window of 8 under way
    ACKNOWLEDGE: consumed, received       ->
                                          <-          STATISTICS now and then: also its sign of life
    IDENTIFY or PROBE, repeated           ->          only when a person asks; see questions.py
                                          <-          IDENTITY, LOGITS or CANNOT

Selective repeat under a cumulative acknowledgement: a lost frame costs one frame; the board has to keep a word until it
is acknowledged anyway, so it pays nothing for that, and the host buffers at most one window. Every frame after INFO
carries host's number XOR board's number, both new for the connection: nothing from another one can be taken for it.

`session_host.py` and `session_board.py` are the two ends; firmware/core/session.c is the twin of the latter.
"""

from firmware_bridge import wire
from firmware_bridge.framing import encode_frame

HELLO_REPEAT_S = wire.HELLO_REPEAT_MS / 1000
HELLO_TIMEOUT_S = wire.HELLO_TIMEOUT_MS / 1000
RETRANSMIT_S = wire.RETRANSMIT_MS / 1000
RETRANSMIT_MAX_S = wire.RETRANSMIT_MAX_MS / 1000
HEARTBEAT_S = wire.HEARTBEAT_MS / 1000
SILENCE_S = wire.SILENCE_MS / 1000
ANSWER_TIMEOUT_S = wire.ANSWER_TIMEOUT_MS / 1000

EARLY_REPEATS = 3
"""Repetitions of one frame before the pause between them doubles: on a short line loss is noise, not congestion."""


def frame_of(message: wire.Message, connection: int, sequence: int = 0) -> bytes:
    """The message as a frame on the line. WireError if a field is outside its limits."""
    return encode_frame(wire.Header(message.ID, connection, sequence).encode() + message.encode())


def split_frame(content: bytes) -> tuple[wire.Header, bytes]:
    """A frame's content as header and payload. WireError if it is shorter than a header."""
    return wire.Header.decode(content[: wire.Header.SIZE]), content[wire.Header.SIZE :]


def repeat_pause_s(repeats: int) -> float:
    """The pause after a frame's `repeats`-th repetition; 0: after it was sent for the first time."""
    return min(RETRANSMIT_S * 2.0 ** max(0, repeats - EARLY_REPEATS), RETRANSMIT_MAX_S)
