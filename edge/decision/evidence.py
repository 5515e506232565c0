"""Turn the logits of a word's fragments into evidence for each user after 1..T symbols."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAX_SYMBOLS = 20
"""Thresholds are made for words of 1 to 20 symbols; a longer word is judged as one of 20."""

LATER_KNOWS_MORE = 6
"""The output after symbol s of a word weighs s to this power in the evidence."""


def word_scores(logits: npt.ArrayLike) -> Floats:
    """Return the evidence float64 [..., T, K] for each user after 1..T symbols.

    logits: [..., T, K+1], users 0..K-1, the stranger last.

    Equation 2, the softmax y_i = exp(q_i) / sum_k exp(q_k), is applied here and nowhere else. The evidence for user k
    after t symbols is the mean over s <= t of log y_k(s), weighted with s^6: later outputs rest on more of the word,
    and several of them err less often than the last alone. The best user's evidence is the word's score. From the first
    symbol with a logit that is NaN or infinite, all evidence of the word is NaN.
    """
    values = np.asarray(logits, dtype=np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        values = np.where(finite.all(axis=-1, keepdims=True), values, np.nan)
    weights, sums = _weights(values.shape[-2])
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = values - values.max(axis=-1, keepdims=True)
        log_probability = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        evidence: Floats = (weights * log_probability[..., :-1]).cumsum(axis=-2) / sums
    return evidence


@lru_cache(maxsize=64)
def _weights(symbols: int) -> tuple[Floats, Floats]:
    """Return the weights of the outputs after 1..T symbols and their running sums, [T, 1] each."""
    weights = np.arange(1, symbols + 1, dtype=np.float64)[:, np.newaxis] ** LATER_KNOWS_MORE
    return weights, weights.cumsum(axis=0)
