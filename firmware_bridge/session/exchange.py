"""Messages <-> frames, and the order and times of the exchange that both ends share; sans-IO.

    host                                              board
    HELLO with a nonce, repeated          ->
                                          <-          INFO: who it is, protocol hash, session, number, tag
    ACKNOWLEDGE: consumed, received       ->
                                          <-          STATISTICS, first and every second: clock, sign of life
                                          <-          START FRAGMENT* END, numbered from 0, a window of 8 under way
    ACKNOWLEDGE: consumed, received       ->
    IDENTIFY or PROBE                     ->          only when a person asks; see questions.py
                                          <-          IDENTITY, LOGITS or CANNOT

Selective repeat with a cumulative acknowledgement: a lost frame costs one repeated frame. The board needs no extra
memory for it, as it must keep a word until the word is acknowledged anyway; the host buffers at most one window.

Every frame after INFO carries the host's number XOR the board's number. Both are new for the connection, so a frame of
another connection cannot be accepted by accident. If the board has a key, every frame after INFO is encrypted and
carries a tag that nobody else can make (wire/sealing.py), and the board sends nothing but INFO before the host's first
one: the session key is new for both, so that frame proves that the host has the key and is there now.

An adversary on the line can still interrupt it: HELLO has no tag, so a forged HELLO makes the board begin again.
Nothing is acknowledged or lost by that.

host.py and board.py are the two ends; firmware/core/line/session.c is board.py in C.
"""

from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import sealing
from firmware_bridge.wire.framing import encode_frame

HELLO_REPEAT_S = wire.HELLO_REPEAT_MS / 1000
HELLO_TIMEOUT_S = wire.HELLO_TIMEOUT_MS / 1000
HEARTBEAT_S = wire.HEARTBEAT_MS / 1000
SILENCE_S = wire.SILENCE_MS / 1000
ANSWER_TIMEOUT_S = wire.ANSWER_TIMEOUT_MS / 1000
RETRANSMIT_S = wire.RETRANSMIT_MS / 1000

_DOUBLINGS = (wire.RETRANSMIT_MAX_MS // wire.RETRANSMIT_MS).bit_length()


def content_of(message: wire.Message, connection: int, sequence: int = 0) -> bytes:
    """Return the content of a frame: header and message. WireError if a field is outside its limits."""
    return wire.Header(message.ID, connection, sequence).encode() + message.encode()


def frame_of(
    message: wire.Message, connection: int, sequence: int = 0, *, sender: int = 0, session_key: bytes | None = None
) -> bytes:
    """Return the message as a frame on the line, sealed by the sender if there is a session key.

    WireError if a field is outside its limits.
    """
    content = content_of(message, connection, sequence)
    return encode_frame(content if session_key is None else sealing.seal(session_key, sender, content))


def split_frame(content: bytes) -> tuple[wire.Header, bytes]:
    """Split a frame's content into header and payload. WireError if it is shorter than a header."""
    return wire.Header.decode(content[: wire.Header.SIZE]), content[wire.Header.SIZE :]


def repeat_pause_ms(repeats: int) -> int:
    """Return the pause in ms after a frame's `repeats`-th repetition (0: after it was first sent)."""
    doublings = min(max(0, repeats - wire.EARLY_REPEATS), _DOUBLINGS)
    return min(wire.RETRANSMIT_MS << doublings, wire.RETRANSMIT_MAX_MS)


def repeat_pause_s(repeats: int) -> float:
    """Return the pause in seconds after a frame's `repeats`-th repetition (0: after it was first sent)."""
    return repeat_pause_ms(repeats) / 1000
