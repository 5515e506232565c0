"""What is signed -> the bytes of a file beside it that say who signed it.

The signature is that of an image's header (firmware_bridge.build.image): Ed25519 of a context and the SHA-256 of what
is signed, under the first bytes of the SHA-256 of the public key. The file adds the key itself, so that a signer can be
known again who was never seen before:

    offset  size  content
         0     8  "INKSIGN1"
         8     8  signer: the first bytes of the SHA-256 of the public key
        16    64  Ed25519 signature of the context and the SHA-256
        80    32  the public key
"""

import struct
from typing import Final

from firmware_bridge.trust.errors import SignatureError
from firmware_bridge.trust.signing import KEY_ID_BYTES, PUBLIC_KEY_BYTES, SigningKey, TrustedKey

MAGIC: Final = b"INKSIGN1"
_FIELDS: Final = struct.Struct(f"8s{KEY_ID_BYTES}s64s{PUBLIC_KEY_BYTES}s")
SIGNATURE_BYTES: Final = _FIELDS.size


def sign(context: bytes, digest: bytes, key: SigningKey) -> bytes:
    """Return the signature's file.

    context: which kind of thing is signed, so that the signature is valid for no other. digest: its SHA-256, 32 bytes.
    """
    return _FIELDS.pack(MAGIC, key.key_id, key.sign(context + digest), key.public.raw)


def signer_of(context: bytes, digest: bytes, signature: bytes) -> TrustedKey:
    """Return who signed what has this SHA-256; whether he is trusted is another question.

    SignatureError unless every bit of the file is right.
    """
    if len(signature) != _FIELDS.size or not signature.startswith(MAGIC):
        raise SignatureError("the signature's file is none, or was altered")
    _, key_id, signed, raw = _FIELDS.unpack(signature)
    signer = TrustedKey.of_raw(raw)
    if signer.key_id != key_id or not signer.verifies(signed, context + digest):
        raise SignatureError("was altered after it was signed, or its signature was")
    return signer
