"""A bundle's float twin and its int8 model -> what int8 costs: decisions, equal error rates, noise tensor by tensor."""

import msgspec
import numpy as np
import numpy.typing as npt

from edge.ink.fragment_set import FragmentSet
from quantize.losses.accuracy import EER_SYMBOLS, Trials, draw_trials
from quantize.model.words import Words
from quantize.run_directory import Run

FLOAT32 = "float32"

NOISE_WORDS = 300
"""Noise and histograms are sums over thousands of values a fragment: more words would not change them."""

Logits = npt.NDArray[np.float64]


class Material(msgspec.Struct):
    """The words on which something was measured."""

    words: int
    fragments: int
    symbols: int | None
    source: str


class Measured:
    """The words on which decisions are measured: users' and strangers' of the test set, or else the given ones.

    writers: who wrote each word, "a stranger" for somebody who is not enrolled; None where that is not known.
    """

    def __init__(self, run: Run | None, test: FragmentSet | None, otherwise: Words, seed: int) -> None:
        self.trials: Trials | None = None
        if run is not None and test is not None:
            self.trials = draw_trials(test, run.config.user_writers, EER_SYMBOLS, seed)
        self.words = otherwise if self.trials is None else self.trials.words
        self.writers = None
        if self.trials is not None and run is not None:
            names = [*run.config.users, "a stranger"]
            self.writers = [names[int(label)] for label in self.trials.label]
        known = "the run's test set, half by users and half by strangers" if self.trials else "the words of the proof"
        self.material = describe(self.words, known)


def describe(words: Words, source: str) -> Material:
    """Words as the report names them."""
    lengths = np.unique(words.lengths)
    return Material(len(words), len(words.fragments), int(lengths[0]) if len(lengths) == 1 else None, source)


def pick(words: Words, count: int, seed: int) -> Words:
    """At most `count` of the words, drawn without repetition, in their order."""
    if len(words) <= count:
        return words
    which = np.sort(np.random.default_rng(seed).choice(len(words), count, replace=False))
    at = np.concatenate(
        [np.arange(n) + start for start, n in zip(words.starts[which], words.lengths[which], strict=True)]
    )
    return Words(words.fragments[at], words.lengths[which])
