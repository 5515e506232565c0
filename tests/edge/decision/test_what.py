"""What a word may say: the most probable strings, each once, in order."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decision.what import LEAST, MOST, log_probability_of, read_word


def readings(seed: int, symbols: int, alphabet: int) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(0, 3, (symbols, alphabet))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(2, 5))
def test_the_strings_are_the_most_probable_of_all(seed: int, symbols: int, alphabet: int) -> None:
    values = readings(seed, symbols, alphabet)
    said = read_word(values)
    every = np.array(list(itertools.product(range(alphabet), repeat=symbols)))
    ranked = np.sort(log_probability_of(values, every))[::-1]
    likely = ranked[ranked >= ranked[0] + np.log(LEAST)][:MOST]
    assert np.allclose(said.log_probability, likely, rtol=0, atol=1e-9)
    assert len({tuple(text) for text in said.texts.tolist()}) == len(said.texts)


@pytest.mark.parametrize("values", [[], [[]], [[np.nan, 0.0]], [[-np.inf, -np.inf]], [0.0, 1.0]])
def test_what_is_no_reading_is_refused(values: object) -> None:
    with pytest.raises(ValueError, match="readings"):
        read_word(np.array(values))
