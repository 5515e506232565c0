"""A board's key, HELLO and INFO -> the session key; contents of frames <-> sealed contents; pure.

    session key = BLAKE2s-256( key; content of HELLO | INFO without its tag )             RFC 7693, keyed
    sealed      = header | ChaCha20-Poly1305( session key; nonce; header; payload )        RFC 8439
    nonce       = sender | header | 0 0

The host's nonce makes the session key new for the host, the board's `session` and `number` make it new for the board,
and the key is bound to what INFO says of the board. The sender's byte keeps a frame from being sent back to its sender;
the connection and the sequence in its header keep it from counting twice. INFO is read before there is a key: all of it
is in the clear, and its tag covers all of it.

Under one session key a nonce belongs to one content: a message's id and sequence, which are in the nonce, name one
place, question or count of one sender, whose content never changes. docs/protocol.md has the argument whole.

Its twin in C, core/line/sealing.c, has the cipher from the RFC; this one has it from `cryptography`.
"""

from hashlib import blake2s
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from firmware_bridge.wire import messages as wire

NONCE_BYTES: Final = 12
"""Length of the cipher's nonce; that of HELLO's nonce is wire.NONCE_BYTES."""


def session_key(key: bytes, connection: int, hello: wire.Hello, info: wire.Info) -> bytes:
    """Return the session key. `connection` is the host's number; `info.tag` must be empty."""
    greeting = wire.Header(wire.Hello.ID, connection, 0).encode() + hello.encode()
    return blake2s(greeting + info.encode(), key=key, digest_size=wire.KEY_BYTES).digest()


def nonce_of(sender: int, content: bytes) -> bytes:
    """Return the nonce that belongs to a content, sealed or not.

    `sender` is wire.FROM_HOST or wire.FROM_BOARD.
    """
    return (bytes((sender,)) + content[: wire.Header.SIZE]).ljust(NONCE_BYTES, b"\0")


def seal(session_key: bytes, sender: int, content: bytes) -> bytes:
    """Return a frame's content, header and payload, encrypted and with its tag; INFO only with its tag."""
    clear = len(content) if content[0] == wire.Info.ID else wire.Header.SIZE
    cipher = ChaCha20Poly1305(session_key)
    return content[:clear] + cipher.encrypt(nonce_of(sender, content), content[clear:], content[:clear])


def opened(session_key: bytes, sender: int, content: bytes) -> bytes | None:
    """Return the header and payload of a sealed content, None if its tag is wrong or missing.

    A wrong tag takes as long to check as the right one.
    """
    if len(content) < wire.Header.SIZE + wire.TAG_BYTES:
        return None
    clear = len(content) - wire.TAG_BYTES if content[0] == wire.Info.ID else wire.Header.SIZE
    try:
        payload = ChaCha20Poly1305(session_key).decrypt(nonce_of(sender, content), content[clear:], content[:clear])
    except InvalidTag:
        return None
    return content[:clear] + payload
