"""A seed -> writing of invented people as the networks would see it, and what tells two rosters apart."""

from typing import Any

import numpy as np

from edge.decision.enrolment import Enrolment, Material
from edge.roster.roster import Roster

NETWORK = bytes(range(32))
FEATURES, SYMBOLS = 7, 10


def make_arrays(seed: int, writings: int = 3, symbols: int = 4) -> dict[str, Any]:
    """Return the arrays of `writings` words of `symbols` fragments each."""
    rng = np.random.default_rng(seed)
    count = writings * symbols
    scores = rng.normal(size=(count, SYMBOLS))
    return {
        "features": rng.integers(-128, 128, (count, FEATURES), dtype=np.int8),
        "symbols": rng.integers(0, SYMBOLS, count, dtype=np.int8),
        "readings": (scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))).astype(np.float32),
        "writing": np.repeat(np.arange(writings, dtype=np.int32), symbols),
    }


def make_user(name: str, seed: int = 0, pin: str | None = "2580", **size: int) -> Enrolment:
    created = "2026-01-02T03:04:05.678+00:00"
    return Enrolment(name=name, pin=pin, kind="pen", board="desk-pen", created=created, **make_arrays(seed, **size))


def make_material(seed: int = 0, **size: int) -> Material:
    return Material(kind="camera", **make_arrays(seed, **size))


def told(roster: Roster) -> list[Any]:
    """Return everything that a roster says, as values that can be compared."""
    people = [*roster.users, *roster.visitors]
    fields = [
        [getattr(p, f, None) for f in ("name", "number", "pin", "output", "kind", "board", "created")] for p in people
    ]
    arrays = [[getattr(p, f).tolist() for f in ("features", "symbols", "readings", "writing")] for p in people]
    return [roster.version, fields, arrays]
