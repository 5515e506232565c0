"""A board's key, HELLO and INFO -> the session key; a frame's content -> its tag; pure.

The two formulas are this protocol's own, with BLAKE2s of RFC 7693 in its keyed mode:

    session key = BLAKE2s-256( key; content of HELLO | INFO without its tag )
    tag         = BLAKE2s-128( session key; sender | content without the tag )

The host's nonce makes the session key new for the host, the board's `session` and `number` make it new for the board,
and the key is bound to what INFO says of the board. The sender's byte keeps a frame from being sent back to its sender;
the connection and the sequence in its header keep it from counting twice.
"""

import hmac
from hashlib import blake2s

from firmware_bridge.wire import messages as wire


def session_key(key: bytes, connection: int, hello: wire.Hello, info: wire.Info) -> bytes:
    """Return the session key. `connection` is the host's number; `info.tag` must be empty."""
    greeting = wire.Header(wire.Hello.ID, connection, 0).encode() + hello.encode()
    return blake2s(greeting + info.encode(), key=key, digest_size=wire.KEY_BYTES).digest()


def tag(session_key: bytes, sender: int, content: bytes) -> bytes:
    """Return the tag of a frame's content. `sender` is wire.FROM_HOST or wire.FROM_BOARD."""
    return blake2s(bytes((sender,)) + content, key=session_key, digest_size=wire.TAG_BYTES).digest()


def untagged(session_key: bytes, sender: int, content: bytes) -> bytes | None:
    """Return the content without its tag, None if the tag is wrong or missing.

    A wrong tag takes as long to check as the right one.
    """
    bare, found = content[: -wire.TAG_BYTES], content[-wire.TAG_BYTES :]
    return bare if hmac.compare_digest(found, tag(session_key, sender, bare)) else None
