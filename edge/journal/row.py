"""A decision -> the bytes that are hashed, and its hash, chained to that of the row before.

`row_hash` is SHA-256 over the hash of the row before and the row's canonical bytes: a JSON array of the fields in the
order of Entry, preceded by the row's number, numbers written as `float.hex` writes them. The first row is chained to
GENESIS.
"""

import hashlib
import math
from typing import Any, Final

import msgspec

GENESIS: Final = hashlib.sha256(b"inkgate-journal/1").hexdigest()
"""The hash that the first row is chained to."""


class Entry(msgspec.Struct, frozen=True):
    """One decision, as a row of the journal.

    time                  ISO 8601 in UTC
    board, session, word  which word
    symbols               fragments seen
    decision              name of the verdict; old journals have CONTINUE, ACCEPT and REJECT where LEANING stands now.
                          CONTINUED and CARRIED are no verdicts: `edge.journal.link`
    final                 whether it closed the word
    latency_ms            from the event's arrival to the decision
    bundle                Bundle.sha256 of what decided
    """

    time: str
    board: str
    session: int
    word: int
    symbols: int
    decision: str
    user: str | None
    score: float | None
    final: bool
    reason: str
    latency_ms: float
    bundle: str


COLUMNS: Final = Entry.__struct_fields__
SELECT: Final = f"SELECT number, {', '.join(COLUMNS)}, hash FROM decisions"


def canonical(number: int, entry: Entry) -> bytes:
    """Return the bytes that are hashed for row `number` (1, 2, ...): one JSON array.

    They are the same on every machine. ValueError for a number that is not finite: SQLite would keep it as NULL.
    """
    values = [_exact(v) if isinstance(v, float) else v for v in msgspec.structs.astuple(entry)]
    return msgspec.json.encode([number, *values])


def row_hash(previous: str, number: int, entry: Entry) -> str:
    """Return the SHA-256 (hex) of the row, chained to the hash of the row before."""
    return hashlib.sha256(bytes.fromhex(previous) + canonical(number, entry)).hexdigest()


def entry_of(values: Any) -> Entry:
    """Return the entry of a row's columns, in the order of COLUMNS; msgspec.MsgspecError if none."""
    return msgspec.convert(dict(zip(COLUMNS, values, strict=True)), Entry, strict=False)


def _exact(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be recorded")
    return (value + 0.0).hex()  # SQLite keeps -0.0 as 0.0, so both are hashed as 0.0.
