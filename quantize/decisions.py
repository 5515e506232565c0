"""Two sets of logits for the same words -> which words are decided differently, and a bound on how many."""

import math

import msgspec
import numpy as np
import numpy.typing as npt

from edge.decision.evidence import MAX_SYMBOLS, word_scores
from edge.decision.rule import Decision, decide
from edge.decision.thresholds import Thresholds
from quantize.words import Words

Logits = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

REJECTED, CONTINUED = -1, -2
"""What a decision is as a number; an accepted word has the user's number."""

CONFIDENCE = 0.95
LISTED = 50
"""So many words that were decided differently are listed one by one, the first ones."""


class Outcome(msgspec.Struct, frozen=True):
    """The final decision about a word."""

    decision: str
    user: str | None
    score: float | None


class DifferingWord(msgspec.Struct, frozen=True):
    """A word with two final decisions. threshold: the score that accepts a word of so many symbols."""

    word: int
    symbols: int
    written_by: str | None
    threshold: float
    expected: Outcome
    got: Outcome


class DecisionDifferences(msgspec.Struct, frozen=True):
    """How many of `words` are decided differently: at their end, or in any decision after any of their fragments.

    Each with the upper end of the exact one-sided 95 % confidence interval (Clopper-Pearson) for the share among words
    drawn in the same way.
    """

    words: int
    symbols: int | None
    final: int
    final_upper_bound: float
    anywhere: int
    anywhere_upper_bound: float


def judge(words: Words, logits: Logits, thresholds: Thresholds) -> tuple[Codes, Codes]:
    """Logits [N, K+1] -> every running decision [N], every final decision [W], as `decide` makes them."""
    running, final = np.empty(len(words.fragments), np.int64), np.empty(len(words), np.int64)
    for length in np.unique(words.lengths):
        which = np.flatnonzero(words.lengths == length)
        at = words.starts[which, np.newaxis] + np.arange(length)
        evidence = word_scores(logits[at])
        best, score = evidence.argmax(axis=-1), evidence.max(axis=-1)
        symbols = np.arange(1, length + 1)
        position = np.minimum(symbols, MAX_SYMBOLS) - 1
        accept, reject = np.asarray(thresholds.accept)[position], np.asarray(thresholds.reject)[position]
        long_enough = symbols >= thresholds.min_symbols
        accepted = (score >= accept) & long_enough
        early = np.where((score < reject) & long_enough, REJECTED, CONTINUED)
        running[at] = np.where(accepted, best, early)
        final[which] = np.where(accepted[:, -1], best[:, -1], REJECTED)
    return running, final


def compare_decisions(words: Words, expected: Logits, got: Logits, thresholds: Thresholds) -> DecisionDifferences:
    """How many words are decided differently on two sets of logits [N, K+1]."""
    (running, final), (other_running, other_final) = (judge(words, logits, thresholds) for logits in (expected, got))
    different = running != other_running
    ends = int(np.count_nonzero(final != other_final))
    # A final decision differs only if the running one after the last fragment does.
    anywhere = np.logical_or.reduceat(different, words.starts)
    lengths = np.unique(words.lengths)
    return DecisionDifferences(
        words=len(words),
        symbols=int(lengths[0]) if len(lengths) == 1 else None,
        final=ends,
        final_upper_bound=upper_bound(ends, len(words)),
        anywhere=int(np.count_nonzero(anywhere)),
        anywhere_upper_bound=upper_bound(int(np.count_nonzero(anywhere)), len(words)),
    )


def list_differences(
    words: Words,
    expected: Logits,
    got: Logits,
    thresholds: Thresholds,
    users: tuple[str, ...],
    written_by: list[str] | None = None,
) -> list[DifferingWord]:
    """The first LISTED words whose final decision differs; written_by names each word's writer where that is known."""
    finals = [judge(words, logits, thresholds)[1] for logits in (expected, got)]
    listed = []
    for word in np.flatnonzero(finals[0] != finals[1])[:LISTED].tolist():
        start, length = int(words.starts[word]), int(words.lengths[word])
        place = slice(start, start + length)
        both = [decide(logits[place], thresholds, users, final=True) for logits in (expected, got)]
        threshold = thresholds.accept[min(length, MAX_SYMBOLS) - 1]
        writer = None if written_by is None else written_by[word]
        listed.append(DifferingWord(word, length, writer, threshold, *(_outcome(decision) for decision in both)))
    return listed


def upper_bound(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """The share p at which `events` or fewer in `trials` have probability 1 - confidence: the exact (Clopper-Pearson)
    one-sided upper bound. For no event it is 1 - (1 - confidence)^(1/trials), about 3 / trials at 95 %."""
    if events >= trials:
        return 1.0
    ways = np.asarray([_log_ways(trials, k) for k in range(events + 1)])
    k = np.arange(events + 1)
    low, high = events / trials, 1.0
    for _ in range(60):  # halves the interval below a float64's resolution
        p = (low + high) / 2
        if p in (low, high):
            break
        tail = float(np.exp(ways + k * math.log(p) + (trials - k) * math.log1p(-p)).sum())
        low, high = (p, high) if tail > 1.0 - confidence else (low, p)
    return high


def _log_ways(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _outcome(decision: Decision) -> Outcome:
    return Outcome(decision.verdict.name, decision.user, decision.score)
