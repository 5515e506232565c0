"""Handwriting and artificial fragments -> words on which executors are compared."""

from dataclasses import dataclass

import numpy as np

from edge.decision.evidence import MAX_SYMBOLS
from edge.ink.fragment import SIDE, Pixels
from edge.ink.fragment_set import FragmentSet, sample_words
from quantize.model.words import Words

ARTIFICIAL_SHARE = {"white": 0.05, "black": 0.05, "random 1-bit": 0.10, "random 8-bit": 0.10}
"""Share of each kind of artificial words; the rest is handwriting."""


@dataclass(frozen=True)
class Samples:
    """Words to compare on. sources: where they come from -> how many."""

    words: Words
    sources: dict[str, int]


def draw_samples(count: int, handwriting: FragmentSet, written: str, rng: np.random.Generator) -> Samples:
    """Draw `count` words of 1 to 20 fragments. written: what the handwriting is called among the sources.

    All lengths are equally frequent, and every artificial source occurs at least once if count allows.
    """
    lengths = rng.permutation(np.arange(count) % MAX_SYMBOLS + 1)
    sources = {name: max(1, int(count * share)) for name, share in ARTIFICIAL_SHARE.items()}
    sources[written] = max(0, count - sum(sources.values()))
    names = [name for name, words in sources.items() for _ in range(words)][:count]
    words = [_word(name, int(length), handwriting, rng) for name, length in zip(names, lengths, strict=True)]
    return Samples(Words.of(words), {name: names.count(name) for name in sources})


def _word(source: str, length: int, handwriting: FragmentSet, rng: np.random.Generator) -> Pixels:
    shape = (length, SIDE, SIDE)
    if source == "white":
        return np.zeros(shape, dtype=np.uint8)
    if source == "black":
        return np.full(shape, 255, dtype=np.uint8)
    if source == "random 1-bit":
        return (rng.random(shape) < rng.random()).astype(np.uint8) * np.uint8(255)
    if source == "random 8-bit":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    index, _ = sample_words(handwriting, rng.choice(handwriting.writers), length, 1, rng)
    pixels: Pixels = handwriting.pixels[index[0]]
    return pixels
