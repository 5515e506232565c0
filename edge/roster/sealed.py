"""A roster <-> the bytes of its file: a header in clear, the rest encrypted, all authenticated.

ChaCha20-Poly1305 (RFC 8439; a Raspberry Pi 4 has no AES instructions). The header is the associated data, so a file in
which any bit was changed is refused. It holds

    magic       8 bytes
    format      2 bytes, big-endian
    roster id   16 bytes, random; the key is found by it
    key id      16 bytes: which of the roster's keys
    network     32 bytes: SHA-256 of the networks that the users were enrolled with
    nonce       12 bytes, random at each writing

The rest is MessagePack: fields in the order of the classes below, so a roster has one encoding.
"""

import hashlib
import struct
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from edge.decision.enrolment import Enrolment, Material, Visitor
from edge.errors import EnrolmentError, RosterAlteredError
from edge.roster.roster import Roster

MAGIC: Final = b"inkrostr"
FORMAT: Final = 1
ID_BYTES: Final = 16
NETWORK_BYTES: Final = 32
NONCE_BYTES: Final = 12

_HEADER: Final = struct.Struct(f">8sH{ID_BYTES}s{ID_BYTES}s{NETWORK_BYTES}s{NONCE_BYTES}s")


class Header(NamedTuple):
    """What stands in clear at the file's beginning; proved only when the rest was decrypted."""

    magic: bytes
    format: int
    roster: bytes
    key_id: bytes
    network: bytes
    nonce: bytes


def read_header(content: bytes) -> Header:
    """Return the header of a roster's file. RosterAlteredError if it is none that this inkgate writes."""
    if len(content) < _HEADER.size or content[: len(MAGIC)] != MAGIC:
        raise RosterAlteredError("is no roster, or was altered")
    header = Header(*_HEADER.unpack_from(content))
    if header.format != FORMAT:
        raise RosterAlteredError(
            f"has format {header.format}, not {FORMAT}: another inkgate wrote it, or it was altered"
        )
    return header


def key_id(key: bytes) -> bytes:
    """Return what names a key without telling anything of it, 16 bytes."""
    return hashlib.blake2b(key, digest_size=ID_BYTES, person=b"inkgate-roster").digest()


def seal(roster: Roster, identity: bytes, key: bytes, network: bytes, nonce: bytes) -> bytes:
    """Return the bytes of the roster's file.

    identity: the roster's id, 16 bytes. key: 32 bytes. network: 32 bytes. nonce: 12 bytes, never used twice with a key.
    """
    header = _HEADER.pack(MAGIC, FORMAT, identity, key_id(key), network, nonce)
    return header + ChaCha20Poly1305(key).encrypt(nonce, _encode(roster), header)


def unseal(content: bytes, key: bytes) -> Roster:
    """Return the roster in a file's bytes.

    RosterAlteredError unless every bit is as `seal` wrote it with that key.
    """
    header = read_header(content)
    try:
        plain = ChaCha20Poly1305(key).decrypt(header.nonce, content[_HEADER.size :], content[: _HEADER.size])
    except InvalidTag as error:
        raise RosterAlteredError("was altered: it is not what was written with its key") from error
    try:
        return _decode(plain)
    except (msgspec.MsgspecError, EnrolmentError, ValueError) as error:
        raise RosterAlteredError(f"holds what is no roster: {error}") from error


class _Material(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Arrays as bytes, little-endian; n is the number of symbols, all other axes follow from it."""

    kind: str
    board: str | None
    created: str
    features: bytes
    symbols: bytes
    readings: bytes
    writing: bytes


class _User(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    name: str
    pin: str | None
    material: _Material
    output: str | None = None


class _Visitor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    number: int
    material: _Material


class _Content(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: int
    users: list[_User]
    visitors: list[_Visitor]


def _encode(roster: Roster) -> bytes:
    users = [_User(user.name, user.pin, _packed(user), user.output) for user in roster.users]
    visitors = [_Visitor(visitor.number, _packed(visitor)) for visitor in roster.visitors]
    return msgspec.msgpack.encode(_Content(roster.version, users, visitors))


def _decode(plain: bytes) -> Roster:
    content = msgspec.msgpack.decode(plain, type=_Content)
    users = tuple(
        Enrolment(name=user.name, pin=user.pin, output=user.output, **_unpacked(user.material))
        for user in content.users
    )
    visitors = tuple(Visitor(number=each.number, **_unpacked(each.material)) for each in content.visitors)
    return Roster(users, visitors, content.version)


def _packed(material: Material) -> _Material:
    arrays = (material.features, material.symbols, material.readings, material.writing)
    return _Material(material.kind, material.board, material.created, *(_little(array).tobytes() for array in arrays))


def _unpacked(stored: _Material) -> dict[str, Any]:
    count = len(stored.symbols)
    return {
        "kind": stored.kind,
        "board": stored.board,
        "created": stored.created,
        "features": np.frombuffer(stored.features, "<i1").reshape(count, -1),
        "symbols": np.frombuffer(stored.symbols, "<i1"),
        "readings": np.frombuffer(stored.readings, "<f4").reshape(count, -1),
        "writing": np.frombuffer(stored.writing, "<i4"),
    }


def _little(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
