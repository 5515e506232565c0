"""A board's key and the frames that open a connection -> its session key; a frame's content -> its tag; pure.

Equations, with BLAKE2s of RFC 7693 in its keyed mode:

    session key = BLAKE2s-256( key; content of HELLO | INFO without its tag )            (eq. 1)
    tag         = BLAKE2s-128( session key; sender | content without the tag )           (eq. 2)

The host's nonce makes the session key new for the host, the board's `session` and `number` make it new for the board,
and what INFO says of the board is bound to it. The sender's byte keeps a frame from being sent back to where it came
from; the connection and the sequence in its header keep it from counting twice.
"""

import hmac
from hashlib import blake2s

from firmware_bridge.wire import messages as wire


def session_key(key: bytes, connection: int, hello: wire.Hello, info: wire.Info) -> bytes:
    """Equation 1. `connection` is the host's number; `info.tag` must be empty."""
    greeting = wire.Header(wire.Hello.ID, connection, 0).encode() + hello.encode()
    return blake2s(greeting + info.encode(), key=key, digest_size=wire.KEY_BYTES).digest()


def tag(session_key: bytes, sender: int, content: bytes) -> bytes:
    """Equation 2. `sender` is wire.FROM_HOST or wire.FROM_BOARD."""
    return blake2s(bytes((sender,)) + content, key=session_key, digest_size=wire.TAG_BYTES).digest()


def untagged(session_key: bytes, sender: int, content: bytes) -> bytes | None:
    """The content without its tag; None if that is wrong or missing. A wrong tag takes as long as the right one."""
    bare, found = content[: -wire.TAG_BYTES], content[-wire.TAG_BYTES :]
    return bare if hmac.compare_digest(found, tag(session_key, sender, bare)) else None
