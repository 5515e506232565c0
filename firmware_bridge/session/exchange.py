"""What both ends of the line share: the exchange, its times, and frames <-> messages; sans-IO.

    host                                              board
    HELLO with a nonce, repeated          ->
                                          <-          INFO: who it is, protocol hash, session, number, tag
                                          <-          START FRAGMENT* END, numbered from 0, a window of 8 under way
    ACKNOWLEDGE: consumed, received       ->
                                          <-          STATISTICS now and then: also its sign of life
    IDENTIFY, PROBE or PROVISION          ->          only when a person asks; see questions.py
                                          <-          IDENTITY, LOGITS, PROVISIONED or CANNOT

Selective repeat under a cumulative acknowledgement: a lost frame costs one frame; the board has to keep a word until it
is acknowledged anyway, so it pays nothing for that, and the host buffers at most one window. Every frame after INFO
carries host's number XOR board's number, both new for the connection: nothing from another one can be taken for it by
accident. If the board has a key, every frame from INFO on ends in a tag that nobody else can make: see tags.py.

What an adversary on the line can still do is to cut it: HELLO has no tag, so a forged one makes the board begin again.
Nothing is acknowledged or lost by that.

`session_host.py` and `session_board.py` are the two ends; firmware/core/line/session.c is the twin of the latter.
"""

from firmware_bridge.wire import messages as wire
from firmware_bridge.wire import tags
from firmware_bridge.wire.framing import encode_frame

HELLO_REPEAT_S = wire.HELLO_REPEAT_MS / 1000
HELLO_TIMEOUT_S = wire.HELLO_TIMEOUT_MS / 1000
HEARTBEAT_S = wire.HEARTBEAT_MS / 1000
SILENCE_S = wire.SILENCE_MS / 1000
ANSWER_TIMEOUT_S = wire.ANSWER_TIMEOUT_MS / 1000
RETRANSMIT_S = wire.RETRANSMIT_MS / 1000

_DOUBLINGS = (wire.RETRANSMIT_MAX_MS // wire.RETRANSMIT_MS).bit_length()


def content_of(message: wire.Message, connection: int, sequence: int = 0) -> bytes:
    """Header and message. WireError if a field is outside its limits."""
    return wire.Header(message.ID, connection, sequence).encode() + message.encode()


def frame_of(
    message: wire.Message, connection: int, sequence: int = 0, *, sender: int = 0, session_key: bytes | None = None
) -> bytes:
    """The message as a frame on the line, with the sender's tag if there is a session key. WireError as above."""
    content = content_of(message, connection, sequence)
    return encode_frame(content if session_key is None else content + tags.tag(session_key, sender, content))


def split_frame(content: bytes) -> tuple[wire.Header, bytes]:
    """A frame's content as header and payload. WireError if it is shorter than a header."""
    return wire.Header.decode(content[: wire.Header.SIZE]), content[wire.Header.SIZE :]


def repeat_pause_ms(repeats: int) -> int:
    """The pause after a frame's `repeats`-th repetition; 0: after it was sent for the first time."""
    doublings = min(max(0, repeats - wire.EARLY_REPEATS), _DOUBLINGS)
    return min(wire.RETRANSMIT_MS << doublings, wire.RETRANSMIT_MAX_MS)


def repeat_pause_s(repeats: int) -> float:
    """The same in seconds."""
    return repeat_pause_ms(repeats) / 1000
