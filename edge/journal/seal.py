"""A seed -> keys, each of which seals one row and then turns, one way, into the next.

    K(0)   = HMAC(seed, canonical start)     the start: which journal, from which row on, behind which hash
    K(n+1) = HMAC(K(n), "next")              K(n) cannot be computed from K(n+1)
    seal   = HMAC(K(n), "row" + hash of the row)

All HMAC-SHA-256. The machine keeps the key of the next row only. Who breaks in can seal what comes, but no row before
it otherwise than it was. Whoever has the seed can compute every key.
"""

import base64
import hashlib
import hmac
from typing import Final, NamedTuple

import msgspec

from edge.errors import SeedError

SEED_BYTES: Final = 20
_CHECK: Final = 4
_GROUP: Final = 4


class Start(NamedTuple):
    """Where a seal begins, and which of its keys seals what in this file.

    journal    id of the seal (hex)
    row, head  the first row that was ever sealed, and the hash of the row before it: bound into the first key
    first      the first sealed row of this file
    step       number of the key that seals it; not 0 where rows of files before this one were sealed
    """

    journal: str
    row: int
    head: str
    first: int
    step: int

    def step_of(self, number: int) -> int:
        """Return the number of the key that seals row `number` of this file."""
        return self.step + number - self.first

    def same_seal(self, other: "Start | None") -> bool:
        """Return whether one seed proves both files."""
        return other is not None and self[:3] == other[:3]


class Key(NamedTuple):
    """The key number `step`, 32 bytes."""

    step: int
    secret: bytes

    def seal(self, digest: str) -> str:
        """Return the seal (hex) of a row with this hash (hex)."""
        return hmac.digest(self.secret, b"row" + bytes.fromhex(digest), "sha256").hex()

    def next(self) -> "Key":
        """Return the key after this one."""
        return Key(self.step + 1, hmac.digest(self.secret, b"next", "sha256"))


def first_key(seed: bytes, start: Start) -> Key:
    """Return key 0 of the seal that begins so."""
    told = msgspec.json.encode(["inkgate-seal/1", *start[:3]])
    return Key(0, hmac.digest(seed, told, "sha256"))


def key_at(seed: bytes, start: Start, step: int) -> Key:
    """Return key number `step`, by as many turns."""
    key = first_key(seed, start)
    while key.step < step:
        key = key.next()
    return key


def seed_to_text(seed: bytes) -> str:
    """Return a seed as a person writes it down: nine groups of four signs, the last one a check."""
    text = base64.b32encode(seed).decode() + _check(seed)
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def seed_from_text(text: str) -> bytes:
    """Return the seed that a person wrote. SeedError if it was not written right; no message shows it."""
    letters = "".join(text.split()).replace("-", "").upper()
    try:
        seed = base64.b32decode(letters[:-_CHECK])
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES or not hmac.compare_digest(_check(seed), letters[-_CHECK:]):
        raise SeedError(
            "that is no seed of a seal: it has nine groups of four signs, as `inkgate journal seal` showed them"
        )
    return seed


def _check(seed: bytes) -> str:
    return base64.b32encode(hashlib.sha256(b"inkgate-seed" + seed).digest()).decode()[:_CHECK]
