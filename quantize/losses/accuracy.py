"""Float and int8 logits of the same words -> what int8 costs: logits, decisions, equal error rate."""

from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from edge.decision.error_rates import eer
from edge.decision.evidence import word_scores
from edge.decision.thresholds import Thresholds
from edge.ink.fragment_set import FragmentSet, sample_words
from quantize.losses.decisions import measure_decision_differences
from quantize.model.words import Words

Floats = npt.NDArray[np.float64]

EER_SYMBOLS = 8
MAX_EER_SHIFT_POINTS = 0.2
"""Largest allowed rise of the equal error rate, in percentage points.

One word is 0.1 points of about a thousand; a shift of one word is no sign of a bad conversion.
"""

WORDS_PER_SIDE = 1000
"""Approximate number of words of users, and of strangers, on which equal error rates are measured."""


@dataclass(frozen=True, eq=False)
class TrialWords:
    """Words of one length by users and by strangers.

    label: int64 [W], the writing user's number, -1 for a stranger.
    """

    words: Words
    label: npt.NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        """Return (number of words, symbols in each)."""
        return len(self.words), int(self.words.lengths[0])


class FloatReport(msgspec.Struct):
    """The differences between int8 and float in logits and decisions.

    agreement: share of words whose final decision, user included, is the same.
    """

    words: int
    symbols: int | None
    logits_max_abs: float
    logits_mean_abs: float
    agreement: float


class EerReport(msgspec.Struct):
    """Equal error rates on the same words. percent: kernel set, or float32 -> rate in per cent."""

    symbols: int
    users_words: int
    strangers_words: int
    percent: dict[str, float]


def draw_trials(fragments: FragmentSet, user_writers: tuple[int, ...], symbols: int, seed: int) -> TrialWords | None:
    """Draw words of every user and of every other writer in the set, about WORDS_PER_SIDE for each side.

    Return None if the set has no users or no others.
    """
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
    return TrialWords(Words.of(list(pixels)), np.asarray([labels.get(int(w), -1) for w in np.concatenate(writer)]))


def equal_error_rate(trials: TrialWords, logits: Floats) -> float:
    """Return the equal error rate of verification, in per cent, of logits [N, K+1].

    Users' words, each scored for its writer, stand against strangers' words, each scored for every user.
    """
    words, symbols = trials.shape
    evidence = word_scores(logits.reshape(words, symbols, -1))[:, -1]
    genuine = trials.label >= 0
    own = evidence[genuine, trials.label[genuine]]
    return round(100.0 * eer(own, evidence[~genuine]), 6)


def measure_int8_loss(words: Words, floating: Floats, int8: Floats, thresholds: Thresholds) -> FloatReport:
    """Measure how far float and int8 differ for the same words: logits [N, K+1] and decisions."""
    decisions = measure_decision_differences(words, floating, int8, thresholds)
    difference = np.abs(floating - int8)
    return FloatReport(
        words=decisions.words,
        symbols=decisions.symbols,
        logits_max_abs=float(difference.max()),
        logits_mean_abs=float(difference.mean()),
        agreement=(decisions.words - decisions.final) / decisions.words,
    )
