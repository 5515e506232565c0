"""Trials with each word's writer -> shares in per cent with bounds, and how many trials there were."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.decision.error_rates import Bounds, Curve, Trials, bootstrap_figures, bootstrap_share, far_floor, upper_bound

Rate: TypeAlias = dict[str, float]
"""A share in per cent: value, low and high."""
Cell: TypeAlias = "str | int | float | Rate | None"
Counted: TypeAlias = tuple[NDArray[np.bool_], NDArray[np.int64]]
"""Hits of one draw, and the writer of each trial."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a protocol found.

    protocol  its name
    question  what was asked, in a sentence
    rows      figures by name, None where a row has none of that name
    notes     what has to be known to read them
    det       scores of genuine and impostor words, by label, for the picture of FAR against FRR
    operating (FAR, FRR) of the gate in that picture, by label
    """

    protocol: str
    question: str
    rows: tuple[Mapping[str, Cell], ...]
    notes: tuple[str, ...] = ()
    det: Mapping[str, Sequence[Trials]] = field(default_factory=dict)
    operating: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Let all rows have the same names.

        A FAR that is quoted may differ from row to row, and with it the name of a figure.
        """
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        object.__setattr__(self, "rows", tuple({name: row.get(name) for name in names} for row in self.rows))

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON."""
        return {
            "protocol": self.protocol,
            "question": self.question,
            "unit": "percent",
            "rows": [dict(row) for row in self.rows],
            "notes": list(self.notes),
        }


def share(draws: Sequence[Counted], rounds: int, trials: int | None = None) -> Rate:
    """Return the share of hits in per cent, the mean over draws, with bounds by bootstrap over writers.

    trials: the number of independent ones, if hits are false accepts; then nothing is stated below 3/n.
    """
    return percent(bootstrap_share(draws, rounds=rounds), 0.0 if trials is None else far_floor(trials))


def curves(draws: Sequence[Trials], trials: int, rounds: int, far: float = 0.01) -> dict[str, Cell]:
    """Return the EER, and the FRR at a FAR whose threshold was chosen afterwards: no FAR below 3/n."""
    lowest = max(far, far_floor(trials))
    figures: list[Callable[[Curve], float]] = [lambda curve: curve.eer, lambda curve: curve.frr_at_far(lowest)]
    eer, frr = bootstrap_figures(figures, draws, rounds=rounds)
    return {"EER": percent(eer), f"FRR at FAR {100 * lowest:.2g} %": percent(frr)}


def exact(events: int, trials: int) -> Rate:
    """Return a share of independent trials in per cent.

    Its upper bound the exact one (Clopper-Pearson, one-sided).
    """
    return percent(Bounds(events / trials, 0.0, upper_bound(events, trials)), 0.0, digits=4)


def percent(bounds: Bounds, floor: float = 0.0, digits: int = 3) -> Rate:
    """Return bounds in per cent; `floor` is the lowest share that value and upper bound may state."""
    return {
        "value": round(100 * max(bounds.value, floor), digits),
        "low": round(100 * bounds.low, digits),
        "high": round(100 * max(bounds.high, floor), digits),
    }


def cycle(rate: float, attempts: int = 5) -> float:
    """Return the chance, in per cent, that one of several attempts succeeds."""
    return float(100 * -np.expm1(attempts * np.log1p(-min(rate / 100, 1 - 1e-15))))


def told(cell: Cell) -> str:
    """Return a figure for people.

    A share as `value (low-high)`, each with as many digits as tell something.
    """
    if isinstance(cell, dict):
        return f"{_digits(cell['value'])} ({_digits(cell['low'])}-{_digits(cell['high'])})"
    if isinstance(cell, float):
        return _digits(cell)
    return "-" if cell is None else f"{cell:,}" if isinstance(cell, int) else cell


def _digits(value: float) -> str:
    if value and abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"
