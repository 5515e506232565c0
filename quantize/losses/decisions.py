"""Two sets of logits for the same words -> the words decided differently, and a bound on their share."""

import msgspec
import numpy as np
import numpy.typing as npt

from edge.decision.error_rates import upper_bound
from edge.decision.evidence import word_scores
from edge.decision.rule import Decision, Verdicts, decide, judge
from edge.decision.thresholds import Thresholds
from quantize.model.words import Words

Logits = npt.NDArray[np.float64]

LISTED = 50
"""Largest number of differently decided words in a report's list."""


class Outcome(msgspec.Struct, frozen=True):
    """The final decision about a word."""

    decision: str
    user: str | None
    score: float | None


class DifferingWord(msgspec.Struct, frozen=True):
    """A word with two different final decisions.

    threshold: the score from which a word of that many symbols is accepted.
    """

    word: int
    symbols: int
    written_by: str | None
    threshold: float
    expected: Outcome
    got: Outcome


class DecisionDifferences(msgspec.Struct, frozen=True):
    """The number of words that are decided differently.

    final     words whose final decision differs
    anywhere  words of which any decision, after any of their fragments, differs

    The upper bounds are those of the exact one-sided 95 % confidence interval (Clopper-Pearson) for the share among
    words drawn in the same way.
    """

    words: int
    symbols: int | None
    final: int
    final_upper_bound: float
    anywhere: int
    anywhere_upper_bound: float


def judge_words(words: Words, logits: Logits, thresholds: Thresholds) -> tuple[Verdicts, Verdicts]:
    """Judge logits [N, K+1] by the gate's rule.

    Return the running verdicts after every fragment [N] and the final verdicts [W].
    """
    evidence, symbols = np.empty((len(logits), logits.shape[1] - 1)), np.empty(len(logits), np.int64)
    for length in np.unique(words.lengths):
        at = words.starts[words.lengths == length, np.newaxis] + np.arange(length)
        evidence[at], symbols[at] = word_scores(logits[at]), np.arange(1, length + 1)
    last = words.starts + words.lengths - 1
    running = judge(evidence, symbols, thresholds, final=False)
    return running, judge(evidence[last], words.lengths, thresholds, final=True)


def differ(one: Verdicts, other: Verdicts) -> npt.NDArray[np.bool_]:
    """Return, for each word, whether verdict or named user differs."""
    different: npt.NDArray[np.bool_] = (one.codes != other.codes) | (one.users != other.users)
    return different


def measure_decision_differences(
    words: Words, expected: Logits, got: Logits, thresholds: Thresholds
) -> DecisionDifferences:
    """Count the words that are decided differently on two sets of logits [N, K+1]."""
    (running, final), (other_running, other_final) = (
        judge_words(words, logits, thresholds) for logits in (expected, got)
    )
    ends = int(np.count_nonzero(differ(final, other_final)))
    # A final decision differs only if the running one after the last fragment does.
    anywhere = np.logical_or.reduceat(differ(running, other_running), words.starts)
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
    """List the first LISTED words whose final decision differs on two sets of logits [N, K+1].

    users: names of the users. written_by: name of each word's writer, None if they are not known.
    """
    wanted, found = (judge_words(words, logits, thresholds)[1] for logits in (expected, got))
    listed = []
    for word in np.flatnonzero(differ(wanted, found))[:LISTED].tolist():
        start, length = int(words.starts[word]), int(words.lengths[word])
        place = slice(start, start + length)
        both = [decide(logits[place], thresholds, users, final=True) for logits in (expected, got)]
        threshold = float(thresholds.at(length)[0])
        writer = None if written_by is None else written_by[word]
        listed.append(DifferingWord(word, length, writer, threshold, *(_outcome(decision) for decision in both)))
    return listed


def _outcome(decision: Decision) -> Outcome:
    return Outcome(decision.verdict.name, decision.user, decision.score)
