"""Equal error rates and decisions, float against int8."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.decision.evidence import MAX_SYMBOLS
from edge.decision.thresholds import Thresholds
from edge.ink.fragment import to_int8
from edge.ink.fragment_set import FragmentSet
from quantize.errors import WordsError
from quantize.losses.accuracy import draw_trials, equal_error_rate, measure_int8_loss
from quantize.model.words import Words
from quantize.proof.samples import draw_samples


def fragments_of(writers: int, each: int) -> FragmentSet:
    pixels = np.zeros((writers * each, 33, 33), dtype=np.uint8)
    writer = np.repeat(np.arange(writers, dtype=np.int32), each)
    pixels[np.arange(len(pixels)), 0, 0] = writer
    return FragmentSet(pixels, writer, np.zeros_like(writer), np.arange(len(writer), dtype=np.int32))


def test_trials_are_of_users_by_their_label_and_of_strangers() -> None:
    trials = draw_trials(fragments_of(6, 30), (3, 1), 8, seed=0)
    assert trials is not None
    assert trials.shape == (2000, 8)
    assert {int(k): int((trials.label == k).sum()) for k in (-1, 0, 1)} == {-1: 1000, 0: 500, 1: 500}
    written_by = trials.words.fragments.reshape(2000, 8, -1)[:, :, 0].astype(int) + 128
    assert (written_by[trials.label == 0] == 3).all()
    assert (written_by[trials.label == 1] == 1).all()
    assert set(np.unique(written_by[trials.label == -1])) == {0, 2, 4, 5}


def test_trials_need_both_users_and_strangers() -> None:
    assert draw_trials(fragments_of(2, 9), (0, 1), 8, seed=0) is None
    assert draw_trials(fragments_of(2, 9), (7,), 8, seed=0) is None


def test_logits_that_name_the_writer_have_no_error() -> None:
    trials = draw_trials(fragments_of(4, 20), (0, 1), 4, seed=0)
    assert trials is not None
    target = np.repeat(np.where(trials.label < 0, 2, trials.label), 4)
    assert equal_error_rate(trials, 5.0 * np.eye(3)[target]) == 0.0


def test_agreement_counts_words_with_another_user_or_verdict(make_words: Callable[..., Words]) -> None:
    words = make_words(4)
    thresholds = Thresholds((-0.5,) * MAX_SYMBOLS, (-9.0,) * MAX_SYMBOLS, 1, 0.01, 0.1, 300)
    exact = np.tile([9.0, 0.0, 0.0], (len(words.fragments), 1))
    int8 = exact.copy()
    int8[words.starts[1] : words.starts[1] + words.lengths[1]] = [0.0, 9.0, 0.0]
    int8[words.starts[2] : words.starts[2] + words.lengths[2]] = [0.0, 0.0, 9.0]
    report = measure_int8_loss(words, exact, int8, thresholds)
    assert (report.words, report.agreement, report.logits_max_abs) == (4, 0.5, 9.0)


# --- words ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.integers(1, 60))
def test_chunks_are_whole_words_in_order(lengths: list[int], size: int) -> None:
    total = sum(lengths)
    pixels = np.zeros((total, 33, 33), dtype=np.uint8)
    pixels[:, 0, 0] = np.arange(total) % 256
    words = Words(to_int8(pixels), np.asarray(lengths))
    chunks = list(words.chunks(size))
    assert np.concatenate([chunk.lengths for _, chunk in chunks]).tolist() == lengths
    assert (np.concatenate([chunk.fragments for _, chunk in chunks]) == words.fragments).all()
    assert [first for first, _ in chunks] == np.cumsum([0, *(len(c) for _, c in chunks)])[:-1].tolist()
    assert all(len(chunk.fragments) >= size for _, chunk in chunks[:-1])
    assert [words.locate(i) for i in range(total)] == [(w, s) for w, n in enumerate(lengths) for s in range(n)]


def test_words_refuse_empty_words_and_wrong_shapes() -> None:
    fragments = np.zeros((3, 33, 33, 1), dtype=np.int8)
    for lengths in ([], [3, 0], [2], [4]):
        with pytest.raises(WordsError, match="do not divide"):
            Words(fragments, np.asarray(lengths, dtype=np.int64))
    with pytest.raises(WordsError, match="fragments are int8"):
        Words(fragments[:, :32], np.asarray([3]))
    with pytest.raises(WordsError, match="there are no words"):
        Words.of([])


def test_samples_hold_every_source_and_every_length() -> None:
    samples = draw_samples(200, fragments_of(3, 40), "handwriting", np.random.default_rng(0))
    assert set(samples.sources) == {"white", "black", "random 1-bit", "random 8-bit", "handwriting"}
    assert sum(samples.sources.values()) == len(samples.words) == 200
    assert samples.sources["handwriting"] >= 130
    assert np.bincount(samples.words.lengths).tolist() == [0, *[10] * 20]


def test_samples_are_the_same_for_the_same_seed() -> None:
    handwriting = fragments_of(3, 40)
    first, second = (draw_samples(30, handwriting, "", np.random.default_rng(4)).words for _ in range(2))
    assert (first.fragments == second.fragments).all()
    ink = (first.fragments > -128).mean()
    assert 0.05 < ink < 0.6
