"""The named sources -> handwriting by kind of input, to which the evidence is fitted.

Background writers say how people write on a kind of input, development writers what evidence means there. Writers of
the evaluation and pendigits are in none of them: on them error rates are reported.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.ink.fragment import Pixels
from edge.ink.fragment_set import FragmentSet
from edge.ink.segment import SegmentReason, segment, segment_fragment
from train.data import datasets
from train.synthetic.picture import draw_picture

CAMERA_BACKGROUND = 80
"""Background writers of QMNIST whose digits are put before a camera."""
CAMERA_WORD = 8
"""Symbols in one picture."""


def evidence_sets(
    data_dir: Path | None = None, progress: Callable[[str, int, int], None] = lambda _what, _done, _of: None
) -> dict[str, FragmentSet]:
    """Return sets of scans, pens and cameras by name: KIND-background, KIND-development; 1 bit."""
    scans = datasets.load("qmnist", pixel_bits=8, data_dir=data_dir)
    split = datasets.split_writers(scans)
    pens = datasets.load("unipen", pixel_bits=8, data_dir=data_dir)
    held = datasets.unipen_development(pens.writer)
    background, development = scans.of_writers(split.background), scans.of_writers(split.development)
    filmed = background.of_writers(split.background[:CAMERA_BACKGROUND])
    sets = {
        "scan-background": background,
        "scan-development": development,
        "pen-background": pens.of_writers(np.setdiff1d(pens.writers, held)),
        "pen-development": pens.of_writers(held),
        "camera-background": photographed(filmed, 1, progress),
        "camera-development": photographed(development, 2, progress),
    }
    return {name: fragments.to_bits(1) for name, fragments in sets.items()}


def photographed(
    fragments: FragmentSet, seed: int, progress: Callable[[str, int, int], None] = lambda _what, _done, _of: None
) -> FragmentSet:
    """Return what a camera board makes of each writer's fragments, in words of CAMERA_WORD.

    Pictures in which the board does not find all symbols are left out.
    """
    words = []
    for writer in fragments.writers:
        mine = np.flatnonzero(fragments.writer == writer)
        mine = mine[np.argsort(fragments.order[mine], kind="stable")]
        words += [mine[start : start + CAMERA_WORD] for start in range(0, len(mine), CAMERA_WORD)]
    jobs = [(fragments.pixels[word], (seed, place)) for place, word in enumerate(words)]
    kept, pixels = [], []
    with ProcessPoolExecutor() as pool:
        for place, (word, found) in enumerate(zip(words, pool.map(_film, jobs, chunksize=16), strict=True)):
            progress("photographing", place + 1, len(words))
            if found is not None:
                kept.append(word)
                pixels.append(found)
    chosen = fragments.select(np.concatenate(kept))
    return replace(chosen, pixels=np.concatenate(pixels)).of_kind("camera")


def _film(job: tuple[Pixels, tuple[int, int]]) -> Pixels | None:
    word, seed = job
    found = segment(draw_picture(word, np.random.default_rng(seed)))
    if isinstance(found, SegmentReason) or len(found.symbols) != len(word):
        return None
    return np.stack([segment_fragment(found, index) for index in range(len(word))])
