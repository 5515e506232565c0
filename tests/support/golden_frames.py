"""One message of every kind -> golden_frames.txt, which both ends must read and write.

`python tests/support/golden_frames.py` makes it anew. A line has a name, the sender if the frame is sealed, and the
frame in hexadecimal.
"""

from pathlib import Path

from firmware_bridge.session.exchange import frame_of
from firmware_bridge.wire import messages as wire

FILE = Path(__file__).with_name("golden_frames.txt")
SESSION_KEY = bytes(range(200, 232))
TOKEN = 0x01020304
ODD = bytes((at * 37 + 11) % 256 for at in range(218))
"""Pixels of every value from 0 to 255."""

MESSAGES: dict[str, tuple[wire.Message, int]] = {
    "hello": (wire.Hello(b"protocol", bytes(range(16))), 0),
    "info": (wire.Info(b"protocol", 7, 9, 1, wire.Kind.CAMERA, 8, "pen-1 at the gate", "stm32f405", "0.1.0", b""), 0),
    "info-empty": (wire.Info(bytes(8), 2**32 - 1, 0, 0, wire.Kind.PEN, 1, "", "", "", b""), 0),
    "acknowledge": (wire.Acknowledge(2**32 - 1, 0b10110101, bytes(range(100, 116))), 3),
    "start": (wire.Start(1, 2**32 - 2), 0),
    "fragment": (wire.Fragment(0, 0, 640, 30, ODD[:137]), 1),
    "fragment-chunk": (wire.Fragment(1024, 872, 65535, 255, ODD), 2**32 - 1),
    "fragment-paper": (wire.Fragment(1, 0, 0, 0, bytes(137)), 2),
    "end": (wire.End(2**32 - 1, 1024, 7), 4),
    "error": (wire.Error(wire.Fault.SELF_TEST_FAILED, "~" * 64), 5),
    "statistics": (wire.Statistics(1, 9, 2, 3, 4, 5, 6, 7, 8, 2**32 - 1, bytes(range(16))), 6),
    "identify": (wire.Identify(), 1),
    "identity": (wire.Identity(bytes(range(32)), "litert default", "LiteRT", "2.1.0", "aarch64 Raspberry Pi 4"), 1),
    "probe": (wire.Probe(1, 218, ODD), 2),
    "logits": (wire.Logits(bytes(range(245, 256))), 2),
    "logits-empty": (wire.Logits(b""), 3),
    "cannot": (wire.Cannot(wire.Obstacle.NETWORK_FAILED, "the network ran out of memory"), 4),
}


def sender_of(message: wire.Message) -> int:
    """Return the sender of a message."""
    host = wire.Hello | wire.Acknowledge | wire.Identify | wire.Probe
    return wire.FROM_HOST if isinstance(message, host) else wire.FROM_BOARD


def lines() -> list[str]:
    """Return the lines that the file must have."""
    made = []
    for name, (message, sequence) in MESSAGES.items():
        sender = sender_of(message)
        bare = frame_of(message, TOKEN, sequence)
        tagged = frame_of(message, TOKEN, sequence, sender=sender, session_key=SESSION_KEY)
        made += [f"{name} - {bare.hex()}", f"{name} {sender} {tagged.hex()}"]
    return made


if __name__ == "__main__":
    FILE.write_text("\n".join(lines()) + "\n")
