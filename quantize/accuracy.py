"""Float and int8 logits of the same words -> what quantising costs: logits, decisions, equal error rate."""

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from edge.decision.evidence import word_scores
from edge.decision.rule import decide
from edge.decision.thresholds import Thresholds
from edge.fragments import FragmentSet, sample_words
from quantize.words import Words

Floats = npt.NDArray[np.float64]

EER_SYMBOLS = 8
MAX_EER_SHIFT_POINTS = 0.2
"""A single word of a user is 0.1 points of about a thousand: a shift of one word is no sign of a bad conversion."""

WORDS_PER_SIDE = 1000
"""About so many words of users and as many of strangers decide the equal error rates."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Words of one length by users and by strangers; label is the user's number, -1 for a stranger's word."""

    words: Words
    label: npt.NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        """Words, symbols each."""
        return len(self.words), int(self.words.lengths[0])


class FloatReport(msgspec.Struct):
    """int8 against float. agreement: share of words whose final decision, user included, is the same."""

    words: int
    symbols: int | None
    logits_max_abs: float
    logits_mean_abs: float
    agreement: float


class EerReport(msgspec.Struct):
    """Equal error rates in per cent, by executor, on the same words."""

    symbols: int
    users_words: int
    strangers_words: int
    percent: dict[str, float]


def draw_trials(fragments: FragmentSet, user_writers: tuple[int, ...], symbols: int, seed: int) -> Trials | None:
    """Words of every user and every other writer in the set, about WORDS_PER_SIDE of each; None if a side is empty."""
    rng = np.random.default_rng(seed)
    present = {int(w) for w in fragments.writers}
    users = [w for w in user_writers if w in present]
    strangers = sorted(present - set(user_writers))
    if not users or not strangers:
        return None
    index, writer = zip(
        *(
            sample_words(fragments, side, symbols, max(1, round(WORDS_PER_SIDE / len(side))), rng)
            for side in (users, strangers)
        ),
        strict=True,
    )
    labels = {w: k for k, w in enumerate(user_writers)}
    pixels = fragments.pixels[np.concatenate(index)]
    return Trials(Words.of(list(pixels)), np.asarray([labels.get(int(w), -1) for w in np.concatenate(writer)]))


def equal_error_rate(trials: Trials, logits: Floats) -> float:
    """Per cent, of verification: a user's word scored for that user against a stranger's word scored for every user."""
    words, symbols = trials.shape
    evidence = word_scores(logits.reshape(words, symbols, -1))[:, -1]
    genuine = trials.label >= 0
    own = evidence[genuine, trials.label[genuine]]
    return round(100.0 * equal_error(own, evidence[~genuine].ravel()), 6)


def equal_error(genuine: Floats, impostor: Floats) -> float:
    """The rate at which FRR(t), the share of genuine scores < t, meets FAR(t), the share of impostor scores >= t.

    Both are steps that change only at scores, from FRR 0, FAR 1 below all of them to FRR 1, FAR 0 above. Where they
    cross inside a step the straight line between its ends gives the rate, which then depends on neither end.
    """
    at = np.append(np.unique(np.concatenate([genuine, impostor])), np.inf)
    frr = np.searchsorted(np.sort(genuine), at, side="left") / len(genuine)
    far = 1.0 - np.searchsorted(np.sort(impostor), at, side="left") / len(impostor)
    after = int(np.argmax(frr >= far))
    before_gap, after_gap = far[after - 1] - frr[after - 1], frr[after] - far[after]
    part = before_gap / (before_gap + after_gap)
    return float(frr[after - 1] + part * (frr[after] - frr[after - 1]))


def compare_with_float(
    words: Words, floating: Floats, int8: Floats, thresholds: Thresholds, users: tuple[str, ...]
) -> FloatReport:
    """Logits [N, K+1] of the same words by both."""
    same = 0
    for start, length in zip(words.starts, words.lengths, strict=True):
        word = slice(int(start), int(start + length))
        a, b = (decide(logits[word], thresholds, users, final=True) for logits in (floating, int8))
        same += a.verdict is b.verdict and a.user == b.user
    difference = np.abs(floating - int8)
    lengths = np.unique(words.lengths)
    return FloatReport(
        words=len(words),
        symbols=int(lengths[0]) if len(lengths) == 1 else None,
        logits_max_abs=float(difference.max()),
        logits_mean_abs=float(difference.mean()),
        agreement=same / len(words),
    )
