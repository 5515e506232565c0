"""A run's test set, or the words of the proof -> the words on which the costs of int8 are measured."""

import msgspec
import numpy as np
import numpy.typing as npt

from edge.bundle.run_directory import Run
from edge.ink.fragment_set import FragmentSet
from quantize.losses.accuracy import EER_SYMBOLS, TrialWords, draw_trials
from quantize.model.words import Words

FLOAT32 = "float32"

NOISE_WORDS = 300
"""Words for noise and histograms: sums over thousands of values a fragment, which more words would not change."""

Logits = npt.NDArray[np.float64]


class Material(msgspec.Struct):
    """A description of the words on which something was measured.

    symbols: number of symbols in each word, None if words differ in it. source: where the words come from, for people.
    """

    words: int
    fragments: int
    symbols: int | None
    source: str


class Measured:
    """The words on which decisions are measured.

    They are users' and strangers' words of the run's test set, or the words given as `otherwise` if there are none.
    trials: the words of the test set with their writers, or None. writers: the name of each word's writer, "a stranger"
    for somebody who is not enrolled; None if the writers are not known.
    """

    def __init__(self, run: Run | None, test: FragmentSet | None, otherwise: Words, seed: int) -> None:
        self.trials: TrialWords | None = None
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
    """Describe words for the report."""
    lengths = np.unique(words.lengths)
    return Material(len(words), len(words.fragments), int(lengths[0]) if len(lengths) == 1 else None, source)


def pick(words: Words, count: int, seed: int) -> Words:
    """Draw at most `count` of the words without repetition; they keep their order."""
    if len(words) <= count:
        return words
    which = np.sort(np.random.default_rng(seed).choice(len(words), count, replace=False))
    at = np.concatenate(
        [np.arange(n) + start for start, n in zip(words.starts[which], words.lengths[which], strict=True)]
    )
    return Words(words.fragments[at], words.lengths[which])
