"""Words under a camera in real light -> how many are delivered whole, refused by name, and wrong without a word.

`python tests/benchmarks/segment_light.py [WORDS]`, 10 by default for each kind and strength. With INKGATE_DATA the
writing is that of people with a pen (pendigits), else of invented writers.
"""

import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from needs import data_folder
from real_light import (
    Disturbance,
    box,
    cells,
    comb,
    photograph,
    plain,
    ruled,
    shadow,
    two_shadows,
    underline,
    uneven,
    write,
)

from edge.ink.fragment import Pixels
from edge.ink.segment import SegmentReason, segment
from train.data.ink import fragments
from train.data.ink_files import load_ink
from train.synthetic.writers import synthetic_set

Kind = list[tuple[Disturbance, float, float]]  # what is done to the sheet, the noise, the blur


def _all(*disturbances: Disturbance) -> Kind:
    return [(disturb, 3.0, 0.0) for disturb in disturbances]


_RULES = [(170, 1), (120, 1), (60, 2)]
_TILTS = [0.0, 0.03]
KINDS: dict[str, Kind] = {
    "plain": [(plain, noise, 0.0) for noise in (1.0, 3.0, 8.0, 14.0)],
    "hard shadow": _all(*(shadow(s, 0, k) for s in (0.2, 0.35, 0.5, 0.65, 0.8) for k in (0, 0.3, -1))),
    "soft shadow": _all(*(shadow(s, w, 0.2) for s in (0.4, 0.65) for w in (4, 12, 30))),
    "broad shadow": _all(*(two_shadows(s) for s in (0.3, 0.6))),
    "uneven light": _all(*(uneven(s) for s in (0.5, 0.8))),
    "box": _all(*(box(m, t, g) for m in (2, 10, 25) for t, g in ((1, 80), (2, 50), (4, 30)))),
    "box across the writing": _all(*(box(-3, t, g) for t, g in ((1, 80), (2, 50), (4, 30)))),
    "cells": _all(*(cells(m, t, g) for m in (3, 8, 15) for t, g in ((1, 80), (2, 50), (3, 30)))),
    "cells across the writing": _all(*(cells(m, t, 50, crossing=True) for m in (3, 8) for t in (1, 2))),
    "comb": _all(*(comb(k, 3, t, 50, b) for k in (0.2, 0.35, 0.5) for b in (True, False) for t in (1, 2))),
    "underline": _all(*(underline(m, t, 50, k) for m in (-1, 2, 8) for t in (1, 2, 4) for k in (0, 0.04))),
    "underline through the feet": _all(*(underline(-5, t) for t in (1, 2, 4))),
    "ruled": _all(*(ruled(d, t, g, k) for d in (10, 20, 34, 50) for g, t in _RULES for k in _TILTS)),
    "squared": _all(*(ruled(d, 1, g, k, squared=True) for d in (14, 24, 40) for g in (170, 120, 70) for k in _TILTS)),
    "blur to 2 pixels": [(plain, 3.0, blur) for blur in (1.0, 1.5, 2.0)],
    "blur to 4 pixels": [(plain, 3.0, blur) for blur in (2.5, 3.0, 4.0)],
}  # fmt: skip


def writing() -> Pixels:
    """Return fragments uint8 [N, 33, 33] to write words with."""
    if not (data_folder() / "ink").is_dir():
        return synthetic_set(40, 20, seed=77).pixels
    ink = load_ink("pendigits", data_folder())
    return fragments(ink.select(np.arange(0, len(ink), 5)), processes=1).pixels


def main() -> None:
    """Print a line for each kind."""
    words, pixels = int(sys.argv[1]) if len(sys.argv) > 1 else 10, writing()
    print(f"{'':28}{'right':>8}{'refused':>9}{'wrong':>7}")
    for name, strengths in KINDS.items():
        told: Counter[str] = Counter()
        rng = np.random.default_rng(17)
        for disturb, noise, blur in strengths:
            for _ in range(words):
                symbols = int(rng.integers(4, 11))
                sheet = write(pixels[rng.integers(len(pixels), size=symbols)], rng)
                found = segment(photograph(disturb(sheet, rng), rng, noise, blur))
                if isinstance(found, SegmentReason):
                    told["refused"] += 1
                    told[found.name] += 1
                else:
                    told["right" if len(found.symbols) == symbols else "wrong"] += 1
        whole = told["right"] + told["refused"] + told["wrong"]
        shares = [100 * told[key] / whole for key in ("right", "refused", "wrong")]
        why = ", ".join(f"{reason.name} {told[reason.name]}" for reason in SegmentReason if told[reason.name])
        print(f"{name:28}{shares[0]:7.1f}%{shares[1]:8.1f}%{shares[2]:6.1f}%  {why}", flush=True)


if __name__ == "__main__":
    main()
